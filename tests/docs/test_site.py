"""Is the site made without a warning, does it load nothing from elsewhere, and does its search know every function?

FACEMATCH_BIN names the program, FACEMATCH_SITE where the site goes."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ["FACEMATCH_SITE"])
# What a browser fetches by itself: not <a href>, and not <link rel="canonical"> and the like.
LOADED = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]+)|<link\b[^>]*\brel="(?:stylesheet|icon|preload)"[^>]*"""
                    r"""\bhref="([^"]+)|<link\b[^>]*\bhref="([^"]+)"[^>]*\brel="(?:stylesheet|icon|preload)|url\(["']?([^)"']+)""")


def make(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "scripts/site.sh"], cwd=ROOT, env={**os.environ, **environment},
                          capture_output=True, text=True)


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        done = make()
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)

    def test_every_page_is_there(self) -> None:
        pages = {path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")}
        for page in (ROOT / "docs").glob("*.md"):
            self.assertIn(page.stem + ".html", pages)
        self.assertLess({"reference/gallery.h.html", "reference/facematch.hpp.html", "command-line.html", "changes.html"},
                        pages)

    def test_nothing_is_loaded_from_elsewhere(self) -> None:
        for path in [*SITE.rglob("*.html"), *SITE.rglob("*.css")]:
            for found in LOADED.findall(path.read_text(encoding="utf-8")):
                address = "".join(found)
                self.assertNotRegex(address, r"^(\w+:)?//", path)
        policy = "Content-Security-Policy"
        self.assertTrue(all(policy in path.read_text(encoding="utf-8") for path in SITE.rglob("*.html")))

    def test_search_knows_every_name(self) -> None:
        index = json.loads((SITE / "search" / "search_index.json").read_text(encoding="utf-8"))
        places = {entry["location"] for entry in index["docs"]}
        for name in re.findall(r"\bfm_\w+(?=;)", (ROOT / "lib" / "facematch.map").read_text(encoding="utf-8")):
            self.assertTrue(any(place.endswith("#" + name) for place in places), name)
        self.assertIn("command-line.html#identify", places)
        text = " ".join(entry["text"] for entry in index["docs"])
        self.assertIn("FM_E_MODEL_MISMATCH", text)

    def test_a_warning_is_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            docs = shutil.copytree(ROOT / "docs", Path(folder) / "docs")
            with open(docs / "search.md", "a", encoding="utf-8") as page:
                page.write("[nowhere](start-c.md#nowhere)\n")
            done = make(FACEMATCH_DOCS=str(docs), FACEMATCH_SITE=folder + "/site")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("#nowhere", done.stderr)


if __name__ == "__main__":
    if not (ROOT / ".venv-site" / "requirements.installed").exists():
        print("skipped: scripts/site.sh has not fetched what it needs")
        sys.exit(77)
    unittest.main()
