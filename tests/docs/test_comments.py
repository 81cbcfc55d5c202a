"""Does every public name have a comment, and the comment of every function all fields of the template: parameters
with their direction, what is returned, Threads, Cost, Since? Doxygen reads them, without a warning."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "site"))

from comments import Header, Item, read_classes, read_header, words  # noqa: E402
from reference import HEADERS  # noqa: E402

THREADS = re.compile(r"any\b|immutable\b|confined\b|synchronised\b|no other thread may be using it\b")
# A name in a comment, not in quotes, and the field behind a dot.
NAME = re.compile(r"(?<!\")\b((?:fm|FM)_\w*\w)(?!\w|\*|_\*)(?:\.([a-z_]+))?")


def doxygen(include: Path, folder: str) -> str:
    """What it complains about."""
    environment = {**os.environ, "FACEMATCH_INCLUDE": str(include), "FACEMATCH_REFERENCE": folder}
    done = subprocess.run(["doxygen", "tools/site/Doxyfile"], cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def parameter_faults(item: Item) -> Iterator[str]:
    for one in item.parameters:
        pointer = "*" in one.type or "[" in one.type
        if not words(one.text):
            yield f"{one.name} is not explained"
        elif pointer != (one.direction is not None):
            yield f"{one.name} {'lacks' if pointer else 'has'} a direction"
        elif one.type.startswith("const ") and one.type.count("*") < 2 and one.direction != "in":
            yield f"{one.name} is const, and not [in]"
        if one.type.count("*") == 2 and "const" not in one.type and not re.search(r"fm_\w+_(free|close)\b", words(one.text)):
            yield f"{one.name}: what frees it?"
    yield from (f"{name} is explained, and no parameter" for name in item.unknown)


def function_faults(item: Item) -> Iterator[str]:
    yield from parameter_faults(item)
    returned = words(item.returns)
    if (item.type == "void") == bool(returned):
        yield "@return is missing" if not returned else "@return of nothing"
    if item.type == "fm_status" and not re.search(r"\bas fm_", returned):
        if not returned.startswith("FM_OK"):
            yield "@return does not begin with FM_OK"
        if "FM_E_INVALID_ARGUMENT" not in returned:
            yield "@return lacks FM_E_INVALID_ARGUMENT"
    if not THREADS.match(words(item.notes.get("Threads"))):
        yield "Threads is missing, or none of its words"
    if not words(item.notes.get("Cost")):
        yield "Cost is missing"
    if not re.match(r"\d+\.\d+\.?$", words(item.notes.get("Since"))):
        yield "Since is missing"


def item_faults(item: Item) -> Iterator[str]:
    """All that is wrong with something named, and with what is in it."""
    name = item.name or item.members[0].name + " and others"
    if not item.explained and not (item.kind == "define" and not item.arguments):
        yield f"{name}: no comment"
    for one in item.members:
        if not one.explained:
            yield f"{name}: {one.name} has no comment"
    faults = function_faults(item) if item.kind == "function" else parameter_faults(item)
    yield from (f"{name}: {fault}" for fault in faults)


def texts(headers: list[Header]) -> Iterator[tuple[str, str]]:
    for header in headers:
        yield header.name, " ".join(map(words, header.about))
        for item in header.items:
            parts = [item.brief, item.detail, item.returns, *item.notes.values(), *(p.text for p in item.parameters)]
            parts += [part for member in item.members for part in (member.brief, member.detail)]
            yield item.name, " ".join(map(words, parts))


def faults(xml: Path) -> list[str]:
    headers = [read_header(xml, name) for name in HEADERS]
    found = [fault for header in headers for item in header.items for fault in item_faults(item)]
    fields = {item.name: {member.name for member in item.members} for header in headers for item in header.items}
    known = set(fields) | {member.name for header in headers for item in header.items for member in item.members}
    for name, text in texts(headers + [read_header(xml, "facematch.h")]):
        for other, field in NAME.findall(text):
            if other not in known or field and fields.get(other) and field not in fields[other]:
                found.append(f"{name}: there is no {other}{field and '.'}{field}")
    return list(dict.fromkeys(found))


class Comments(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="facematch-comments-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_they_are_complete(self) -> None:
        self.assertEqual(doxygen(ROOT / "include", str(self.folder)), "")
        self.assertEqual(faults(self.folder / "xml"), [])

    def test_nothing_is_left_out(self) -> None:
        headers = {path.name for path in (ROOT / "include" / "facematch").glob("*.h")}
        self.assertEqual(headers, {*HEADERS, "export.h", "facematch.h"})
        doxygen(ROOT / "include", str(self.folder))
        xml = self.folder / "xml"
        functions = {item.name for name in HEADERS for item in read_header(xml, name).items if item.kind == "function"}
        exported = set(re.findall(r"\bfm_\w+(?=;)", (ROOT / "lib" / "facematch.map").read_text(encoding="utf-8")))
        self.assertEqual(functions, exported)
        classes = {item.name for item in read_classes(xml, "facematch.hpp", "facematch").items}
        self.assertLess({"image", "model", "session", "gallery", "evaluation", "result", "make"}, classes)

    def test_what_is_missing_is_seen(self) -> None:
        include = self.folder / "include"
        shutil.copytree(ROOT / "include", include)
        for name, old, new in SEEDED:
            header = include / "facematch" / name
            text = header.read_text(encoding="utf-8")
            self.assertIn(old, text, name)
            header.write_text(text.replace(old, new, 1), encoding="utf-8")
        complaints = doxygen(include, str(self.folder))
        for name in ("struct_size (variable) of struct fm_error", "fm_metric (typedef)", "parameter 'dim'"):
            self.assertIn(name, complaints)
        self.assertEqual(set(faults(self.folder / "xml")), SEEN)


SEEDED = [
    ("status.h", "/**< sizeof(fm_error), set by the caller */", ""),
    ("model.h", "/**< -|a - b| */", ""),
    ("model.h", "/** How two embeddings a, b are compared. Scores grow with likeness: distances are negated. */", ""),
    ("compare.h", " * @param      dim    must equal the model's.\n", ""),
    ("compare.h", " * Threads: immutable.   Cost: O(dim).   Since: 0.1. */", " * Threads: immutable. */"),
    ("embed.h", "@param[in]  image       the image", "@param      image       the image"),
    ("embed.h", " * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_BUFFER_TOO_SMALL; FM_E_NOT_FOUND", " * FM_E_NOT_FOUND"),
    ("image.h", "Threads: any.   Cost: O(1).   Since: 0.1. */\nFM_API void", "Threads: all.   Since: 0.1. */\nFM_API void"),
    ("session.h", "Free with fm_session_free.\n", "\n"),
    ("session.h", "NULL for defaults (then without a detector)", "NULL for fm_session_options.defaults"),
]
SEEN = {
    "fm_error: struct_size has no comment",
    "fm_metric: FM_METRIC_EUCLIDEAN has no comment",
    "fm_metric: no comment",
    "fm_compare: dim is not explained",
    "fm_compare: Cost is missing",
    "fm_compare: Since is missing",
    "fm_embed: image lacks a direction",
    "fm_embed: @return is missing",
    "fm_embed: @return does not begin with FM_OK",
    "fm_embed: @return lacks FM_E_INVALID_ARGUMENT",
    "fm_image_options_init: Threads is missing, or none of its words",
    "fm_image_options_init: Cost is missing",
    "fm_session_create: out: what frees it?",
    "fm_session_create: there is no fm_session_options.defaults",
}


if __name__ == "__main__":
    unittest.main()
