"""What people copy from README.md, docs/ and the headers: C and C++ compile, commands are ones that the programs take, JSON
and SQL are. Python's are run by bindings/python/tests/test_examples.py, Go's by bindings/go/docs_test.go.

FACEMATCH_BIN names the program."""
from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "site"), str(ROOT / "tools" / "models")]

import command_line  # noqa: E402
from facematch_models import architectures, catalog, cli  # noqa: E402

PROGRAM = os.path.abspath(os.environ.get("FACEMATCH_BIN", ROOT / "build-asan" / "bin" / "facematch"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bindings" / "python" / "README.md",
         *sorted((ROOT / "docs").glob("*.md"))]
# "text" is what a program prints; a table of CSV is no more than that.
LANGUAGES = {"c", "cpp", "python", "go", "sh", "cmake", "json", "sql", "csv", "text"}
COMPILERS = {"c": [os.environ.get("CC", "cc"), "-x", "c", "-std=c99"],
             "cpp": [os.environ.get("CXX", "c++"), "-x", "c++", "-std=c++17"]}
# Commands of others, which are believed.
OTHERS = {"apt-get", "pip", "python3", "cc", "c++", "cmake", "createdb", "psql", "head", "chmod", "go", "for", "do", "done",
          "gzip", "man"}
# Where a command ends whose words are right, in an empty folder and without a server.
NOTHING_THERE = re.compile(r"no (model|architecture) '|no models;|no such file|does not exist|no connection|is not there", re.I)


def blocks(language: str) -> list[tuple[str, str]]:
    """Where each is, and its text."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            if match.group(1) == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append((f"{page.relative_to(ROOT)}:{line}", match.group(2)))
    return found


def commands(text: str) -> list[list[str]]:
    """The words of each, of a block that goes on behind a backslash and combines by && and ;."""
    found: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in ("&&", ";", "|"):
                found += [words] if words else []
                words = []
            elif word not in ("do", ">"):
                words.append(word)
    return found


def header_example(name: str) -> str:
    """The indented program that begins a header."""
    text = (ROOT / "include" / "facematch" / name).read_text(encoding="utf-8").split("*/")[0]
    match = re.search(r"(?:^ \*(?:     .*)?\n)*^ \*     #include(?:.*\n)(?:^ \*(?:     .*)?\n)*", text, re.M)
    assert match, name
    return re.sub(r"^ \*(     )?", "", match.group(), flags=re.M).strip() + "\n"


class Snippets(unittest.TestCase):
    def compiles(self, language: str, where: str, text: str) -> None:
        done = subprocess.run([*COMPILERS[language], "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}", "-fsyntax-only",
                               "-"], input=text, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{where}\n{done.stderr}")

    def test_every_block_says_what_it_is(self) -> None:
        for page in PAGES:
            fences = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.M)
            self.assertEqual(fences[1::2], [""] * (len(fences) // 2), page)
            self.assertLessEqual(set(fences[::2]), LANGUAGES, page)

    def test_c_and_cpp(self) -> None:
        for language, least in (("c", 3), ("cpp", 3)):
            found = blocks(language)
            self.assertGreaterEqual(len(found), least)
            for where, text in found:
                self.compiles(language, where, text)

    def test_examples_of_headers(self) -> None:
        self.compiles("c", "facematch.h", header_example("facematch.h"))
        include, body = header_example("facematch.hpp").split("\n", 1)
        self.compiles("cpp", "facematch.hpp", f"{include}\nint main() {{\n{body}\nreturn !same; }}\n")

    def test_json(self) -> None:
        for where, text in blocks("json"):
            with self.subTest(where):
                json.loads(text)

    def test_tables_of_a_gallery(self) -> None:
        tables = [text for where, text in blocks("sql") if "CREATE TABLE" in text]
        self.assertEqual(len(tables), 1)
        database = sqlite3.connect(":memory:")
        database.executescript(tables[0])
        self.assertEqual({name for name, in database.execute("SELECT name FROM sqlite_schema WHERE sql NOT NULL")
                          if not name.startswith("sqlite_")},
                         {"meta", "identities", "templates", "templates_by_identity"})

    def facematch_takes(self, where: str, words: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "HOME": folder, "FACEMATCH_MODELS": folder, "PGCONNECT_TIMEOUT": "2"})
        right = done.returncode == 0 or NOTHING_THERE.search(done.stderr)
        self.assertTrue(right, f"{where}: facematch {' '.join(words)}\n{done.stderr}")

    def models_takes(self, where: str, words: list[str]) -> None:
        errors = io.StringIO()
        try:
            with contextlib.redirect_stderr(errors):
                options = cli._parser().parse_args(words)
        except SystemExit:
            self.fail(f"{where}: facematch_models {' '.join(words)}\n{errors.getvalue()}")
        for name in options.names if words[0] == "build" else []:
            self.assertIn(name, {*catalog.RECIPES, *catalog.PRESETS, *architectures.ARCHITECTURES, *architectures.COPIES}, where)

    def takes(self, where: str, words: list[str]) -> None:
        while words and re.match(r"[A-Z_]+=", words[0]):  # variables of the environment
            words = words[1:]
        name = os.path.basename(words[0])
        if name == "facematch":
            self.facematch_takes(where, words[1:])
        elif name in ("facematch-models", "facematch_models"):
            self.models_takes(where, words[1:])
        elif words[1:3] == ["-m", "facematch_models"]:
            self.models_takes(where, words[3:])
        elif words[0].startswith(("scripts/", "bindings/")):
            self.assertTrue(os.access(ROOT / words[0], os.X_OK), f"{where}: {words[0]}")
        else:
            self.assertIn(name, OTHERS, where)

    def test_commands(self) -> None:
        known = 0
        for where, text in blocks("sh"):
            subprocess.run(["bash", "-n"], input=text, text=True, check=True)
            for words in commands(text):
                with self.subTest(where):
                    self.takes(where, words)
                known += os.path.basename(words[0]) == "facematch"
        self.assertGreater(known, 30)

    def test_commands_that_are_shown_with_what_they_print(self) -> None:
        for where, text in blocks("text"):
            for line in re.findall(r"^\$ (.*)", text, re.M):
                for words in commands(line):
                    self.takes(where, words)

    def test_examples_of_help(self) -> None:
        for command in command_line.commands(PROGRAM):
            shown = command_line.said(PROGRAM, *command.split(), "--help")
            for line in shown.split("Examples:\n")[1].split("\n\n")[0].splitlines():
                for words in commands(line.strip()):
                    with self.subTest(command):
                        self.takes(f"facematch {command} --help", words)

    def test_a_wrong_command_is_seen(self) -> None:
        for line in ("facematch verify --no-such-option a.jpg b.jpg", "facematch verify a.jpg", "facematch frobnicate",
                     "facematch verify --liveness maybe a.jpg b.jpg", "facematch-models build --no-such-option mtcnn",
                     "facematch-models build no-such-net", "scripts/no-such.sh", "rm -rf models"):
            with self.assertRaises(AssertionError, msg=line):
                self.takes("here", commands(line)[0])
        with self.assertRaises(AssertionError):
            self.compiles("c", "here", "#include <facematch/facematch.h>\nint f(void) { return fm_no_such(); }\n")


if __name__ == "__main__":
    unittest.main()
