"""pages.py DOCS XML PROGRAM OUT: gather the pages of the site, those of DOCS and those that are made, in the folder OUT."""
from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path, PurePosixPath

import command_line
import reference

ROOT = Path(__file__).resolve().parents[2]
# What is elsewhere in the repository, and the page that stands for it.
MOVED = {"CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md",
         "include/facematch": "reference/index.md", "tools/facematch/options.c": "command-line.md"}
LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)]*)?\))")


def moved_links(text: str, page: PurePosixPath) -> str:
    """Links between files of the repository become links between pages; a link to no page is an error."""
    def replaced(match: re.Match[str]) -> str:
        target = Path(ROOT / page.parent / match.group(2)).resolve().relative_to(ROOT).as_posix()
        here = MOVED.get(target) or re.sub(r"^include/facematch/(\w+\.hp*)$", r"reference/\1.md", target)
        if here == target and not target.startswith("docs/"):
            raise SystemExit(f"{page}: {match.group(2)} is no page of the site")
        here = here.removeprefix("docs/")
        return match.group(1) + here + match.group(3)
    text = re.sub(r"(?<=\d) %(?=.*\|$)", "\u00a0%", text, flags=re.M)  # narrow columns do not part them
    return LINK.sub(replaced, text)


def main(docs: str, xml: str, program: str, out: str) -> None:
    folder = Path(out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for page in sorted(Path(docs).glob("*.md")):
        text = moved_links(page.read_text(encoding="utf-8"), PurePosixPath("docs") / page.name)
        (folder / page.name).write_text(text, encoding="utf-8")
    for source in ("CHANGELOG.md", "CONTRIBUTING.md"):
        text = moved_links((ROOT / source).read_text(encoding="utf-8"), PurePosixPath(source))
        (folder / MOVED[source]).write_text(text, encoding="utf-8")
    reference.write(Path(xml), folder / "reference")
    command_line.write(program, folder / "command-line.md")
    for name in ("site.css", "iframe-worker.js"):
        shutil.copy(ROOT / "tools" / "site" / name, folder)
    for picture in Path(docs).glob("*.svg"):
        shutil.copy(picture, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
