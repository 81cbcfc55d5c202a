"""compare_layout.py OLD NEW HEADERS: has the table of sizes, offsets and constants only grown?

Of a struct that grows (its comment says "append below") fields may be added behind its old end: not in
its old padding, which an old caller does not zero. Everything else of OLD must be in NEW as it was.
"""

import re
import sys
from pathlib import Path


def read(path: str) -> dict[str, str]:
    """What each line is about, and what it says."""
    return dict(line.split(" ", 1) for line in Path(path).read_text(encoding="utf-8").splitlines())


def growing(headers: str) -> set[str]:
    """The structs that may grow."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(headers).glob("*.h"))
    return {name for body, name in re.findall(r"typedef struct \w+ \{(.*?)\n\} (\w+);", text, re.S)
            if "append below" in body}


def size(text: str) -> int:
    """Of "size 8"."""
    return int(text.removeprefix("size "))


def complaints(old: dict[str, str], new: dict[str, str], grow: set[str]) -> list[str]:
    """What a program compiled with OLD would trip over."""
    wrong = []
    for name, value in old.items():
        if name not in new:
            wrong.append(f"{name} is gone")
        elif name in grow and size(new[name]) >= size(value):
            continue
        elif new[name] != value:
            wrong.append(f"{name} was {value}, is {new[name]}")
    for name, value in new.items():
        struct, dot, _ = name.partition(".")
        if not dot or name in old or struct not in old:
            continue
        if struct not in grow:
            wrong.append(f"{name} was added to a struct that never grows")
        elif int(value.split()[1]) < size(old[struct]):
            wrong.append(f"{name} was added before the old end of {struct}, {old[struct]}")
    return wrong


def main() -> int:
    """Prints what is wrong; 1 if anything is."""
    old, new, headers = sys.argv[1:]
    wrong = complaints(read(old), read(new), growing(headers))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
