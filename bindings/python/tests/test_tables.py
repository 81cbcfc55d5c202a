"""Do the tables of the package say what the headers, the linker's map and a compiled program say?"""
import ctypes
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, fm

from facematch import _abi, errors, results

PACKAGE = os.path.dirname(os.path.abspath(fm.__file__))
TOOL = os.path.join(ROOT, "bindings", "python", "tools", "make_tables.py")


class Tables(unittest.TestCase):
    def check(self, include):
        return subprocess.run([sys.executable, TOOL, "--check", "--include", include], capture_output=True, text=True)

    def test_they_are_what_the_headers_say(self):
        done = self.check(os.path.join(ROOT, "include"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_change_of_a_header_is_noticed(self):
        changes = [("face.h", "size_t *count", "int32_t *count"),
                   ("embed.h", "float *out, size_t out_len", "double *out, size_t out_len"), ("compare.h", "size_t dim, float *score", "float *score"),
                   ("session.h", "int32_t flip;", "float flip;"), ("status.h", "FM_E_IO = -6", "FM_E_IO = -60"),
                   ("log.h", "int32_t level,", "int64_t level,"), ("image.h", "uint64_t max_pixels;", "")]
        for name, before, after in changes:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                shutil.copytree(os.path.join(ROOT, "include", "facematch"), os.path.join(folder, "facematch"))
                path = os.path.join(folder, "facematch", name)
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                self.assertIn(before, text)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text.replace(before, after, 1))
                self.assertNotEqual(self.check(folder).returncode, 0)

    def test_functions_are_those_of_the_map(self):
        with open(os.path.join(ROOT, "lib", "facematch.map"), encoding="utf-8") as file:
            self.assertEqual(set(re.findall(r"\bfm_\w+", file.read())), set(_abi.FUNCTIONS))

    def test_every_function_is_declared(self):
        from facematch._library import LIBRARY
        for name, (returns, takes) in _abi.FUNCTIONS.items():
            function = getattr(LIBRARY, name)
            self.assertEqual((function.restype, function.argtypes), (returns, takes), name)

    def test_layout_is_that_of_a_compiled_program(self):
        """tests/abi/layout.txt is what a compiler says; every struct of the table is in it."""
        seen = set()
        with open(os.path.join(ROOT, "tests", "abi", "layout.txt"), encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if "." in words[0]:
                    struct, field = words[0].split(".")
                    known = getattr(getattr(_abi, struct), field)
                    self.assertEqual([known.offset, known.size], [int(words[2]), int(words[4])], line)
                    seen.add((struct, field))
                elif words[1] == "size" and hasattr(_abi, words[0]):
                    self.assertEqual(ctypes.sizeof(getattr(_abi, words[0])), int(words[2]), line)
                elif words[0].startswith("FM_"):
                    self.assertEqual(getattr(_abi, words[0]), int(words[1]), line)
        table = {(name, field[0]) for name, kind in vars(_abi).items() if name.startswith("fm_")
                 and hasattr(kind, "_fields_") for field in kind._fields_}
        self.assertEqual(table - seen, set())


class Package(unittest.TestCase):
    def test_results_have_all_fields_of_their_structs(self):
        for kind, struct in results.STRUCTS.items():
            fields = {field.name for field in dataclasses.fields(kind) if field.metadata.get("of_struct", True)}
            self.assertEqual(fields, {name for name, *_ in struct._fields_} - {"struct_size", "reserved"}, kind)

    def test_every_status_has_a_class(self):
        self.assertEqual(set(errors.BY_STATUS), {int(status) for status in fm.Status} - {0})
        for status, kind in errors.BY_STATUS.items():
            self.assertTrue(issubclass(kind, fm.Error))
            self.assertEqual(kind("text").status, status)

    def test_every_function_is_called_somewhere(self):
        """A function that was added to the library is missing here until the package can call it."""
        text = ""
        for name in sorted(os.listdir(PACKAGE)):
            if name.endswith(".py") and name != "_abi.py":
                with open(os.path.join(PACKAGE, name), encoding="utf-8") as file:
                    text += file.read()
        uncalled = {name for name in _abi.FUNCTIONS if name not in text and not name.endswith("_init")}
        names = {"fm_status_name", "fm_refusal_name", "fm_liveness_verdict_name", "fm_liveness_reason_name"}
        self.assertEqual(uncalled, names)  # enums.py has them

    def test_names_are_those_of_the_library(self):
        from facematch._library import call
        for status in fm.Status:
            name = "FM_OK" if status == 0 else "FM_E_" + status.name
            self.assertEqual(call("fm_status_name", status).decode(), name)
        for function, kind in (("fm_refusal_name", fm.Refusal), ("fm_liveness_verdict_name", fm.LivenessVerdict),
                               ("fm_liveness_reason_name", fm.LivenessReason)):
            for member in kind:
                self.assertEqual(call(function, member).decode(), member.name.lower())


class Loading(unittest.TestCase):
    """A library that is missing, or another one."""

    def load(self, path):
        program = "import facematch"
        environment = {**os.environ, "FACEMATCH_LIBRARY": path, "PYTHONPATH": os.path.dirname(PACKAGE)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        return done.stderr.strip().splitlines()[-1]

    def test_missing(self):
        message = self.load("/nowhere/libfacematch.so.0.1")
        self.assertRegex(message, "ImportError: .*/nowhere/.*Install the package libfacematch0.1")

    def build(self, folder, text):
        path = os.path.join(folder, "other.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path], input=text, text=True, check=True)
        return path

    def test_another_library(self):
        with tempfile.TemporaryDirectory() as folder:
            message = self.load(self.build(folder, "int unknown(void) { return 0; }"))
            self.assertRegex(message, "ImportError: .*other.so is not libfacematch")
            message = self.load(self.build(folder, "int fm_abi_version(void) { return 77; }"))
            self.assertRegex(message, "ImportError: .*other.so has version 77 .* made for 1")
            message = self.load(self.build(folder, "int fm_abi_version(void) { return 1; }"))
            self.assertRegex(message, "ImportError: .*other.so has no fm_.*older than this package")


if __name__ == "__main__":
    unittest.main()
