"""Do links of the documents lead somewhere, and are there the functions, constants and options that they name?

FACEMATCH_BIN names the program."""
from __future__ import annotations

import re
import unittest
from pathlib import Path

from test_snippets import PAGES, PROGRAM, ROOT, cli, command_line

EVERY_PAGE = [*PAGES, ROOT / "CHANGELOG.md"]
# Of CMake and of other programs.
OTHER_NAMES = {"FM_POSTGRES"}
OTHER_OPTIONS = {"--break", "--build", "--install", "--preset", "--prefix", "--test-dir"}


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """As the site and code hosts make them of headings."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "")).strip().lower().replace(" ", "-") for title in titles}


class Pages(unittest.TestCase):
    def test_links(self) -> None:
        for page in EVERY_PAGE:
            for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", prose(page)):
                if re.match(r"\w+:", target):
                    continue
                place = (page.parent / target).resolve() if target else page
                self.assertTrue(place.exists(), f"{page.name}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors(place), f"{page.name}: {target}#{anchor}")

    def test_names(self) -> None:
        headers = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "include" / "facematch").glob("*.h*"))
        known = set(re.findall(r"\b(?:fm|FM)_\w+", headers)) | OTHER_NAMES
        for page in EVERY_PAGE:
            for name in re.findall(r"\b((?:fm|FM)_\w*\w)(?!\w|\*|_\*|`?\.\.\.)", prose(page)):
                self.assertTrue(name in known or name.endswith("_"), f"{page.name}: {name}")

    def test_fields(self) -> None:
        """fm_struct.field"""
        headers = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "include" / "facematch").glob("*.h"))
        structs = {name: body for body, name in re.findall(r"typedef struct \w+ \{(.*?)\n\} (\w+);", headers, re.S)}
        for page in EVERY_PAGE:
            for name, field in re.findall(r"\b(fm_\w+)\.([a-z]\w*)", prose(page)):
                if name in structs:
                    self.assertRegex(structs[name], rf"\b{field}\b", page.name)

    def test_options(self) -> None:
        known = set(OTHER_OPTIONS)
        for command in command_line.commands(PROGRAM):
            known |= set(re.findall(r"--[a-z][a-z-]*", command_line.said(PROGRAM, *command.split(), "--help")))
        for action in cli._parser()._subparsers._group_actions[0].choices.values():
            known |= set(action._option_string_actions)
        for program in (ROOT / "bench").glob("*.py"):
            known |= set(re.findall(r'"(--[a-z-]+)"', program.read_text(encoding="utf-8")))
        for page in EVERY_PAGE:
            for name in re.findall(r"`[^`\n]*?(--[a-z][a-z-]+)", prose(page)):
                self.assertIn(name, known, page.name)


if __name__ == "__main__":
    unittest.main()
