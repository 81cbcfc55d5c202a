"""Make facematch/_abi.py and facematch/enums.py from the headers, or say whether they still are what the headers
say:

    python3 bindings/python/tools/make_tables.py [--check] [--include FOLDER]

Run it after every change to include/facematch.
"""
from __future__ import annotations

import argparse
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import headers as read_headers  # noqa: E402
from headers import Declared, Enumeration, Function, Headers  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PACKAGE = os.path.join(os.path.dirname(HERE), "facematch")

PLAIN = {"void": "None", "char": "c_char", "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64",
         "uint64_t": "c_uint64", "uint8_t": "c_uint8", "size_t": "c_size_t", "float": "c_float",
         "double": "c_double", "char*": "c_char_p", "void*": "c_void_p"}
MADE = "# Made from include/facematch by bindings/python/tools/make_tables.py: do not edit.\n"


def ctype(headers: Headers, name: str) -> str:
    if name in PLAIN:
        return PLAIN[name]
    if name in headers.integers:
        return PLAIN[headers.integers[name]]
    if name.endswith("*"):
        return f"POINTER({ctype(headers, name[:-1])})"
    if name in headers.structs or name in headers.handles or name in headers.callbacks:
        return name
    raise ValueError(f"a type that is not known: {name}")


def field_type(headers: Headers, field: Declared) -> str:
    return ctype(headers, field.type) + (f" * {field.length}" if field.length else "")


def annotation(headers: Headers, field: Declared) -> str:
    """What a field gives when it is read."""
    if field.length:
        return "bytes" if field.type == "char" else "Any"
    kind = ctype(headers, field.type)
    if kind == "c_char_p":
        return "bytes | None"
    if kind in ("c_float", "c_double"):
        return "float"
    if kind in headers.structs:
        return kind
    return "int" if kind.startswith(("c_int", "c_uint", "c_size")) else "Any"


def signature(headers: Headers, function: Function) -> tuple[str, list[str]]:
    """An array parameter is a pointer to its first."""
    arguments = [ctype(headers, p.type + ("*" if p.length else "")) for p in function.parameters]
    return ctype(headers, function.returns), arguments


def abi_text(headers: Headers) -> str:
    lines = [MADE + '"""Types, constants and functions of the library, as ctypes has them."""\n'
             "from __future__ import annotations\n\n"
             "from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32,\n"
             "                    c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p)\n"
             "from typing import Any\n"]
    lines += [f"{name} = {value}" for name, value in headers.constants.items()]
    for handle in headers.handles:
        lines.append(f"\n\nclass {handle}(Structure):\n    pass")
    # Callbacks about structs come after these, structs with callbacks after those.
    left: dict[str, list[Declared] | Function] = {**headers.structs, **headers.callbacks}
    while left:
        ready = [name for name in left if not _needed(headers, left[name]) & set(left)]
        if not ready:
            raise ValueError(f"types that need each other: {', '.join(left)}")
        for name in ready:
            lines.append(_type_text(headers, name, left.pop(name)))
    lines.append("\n\n# name: (what it returns, [what it takes])\n"
                 "FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {")
    for function in headers.functions.values():
        returns, arguments = signature(headers, function)
        lines.append(f'    "{function.name}": ({returns}, [{", ".join(arguments)}]),')
    lines.append("}")
    return "\n".join(lines) + "\n"


def _needed(headers: Headers, what: list[Declared] | Function) -> set[str]:
    parts = what.parameters if isinstance(what, Function) else what
    return {part.type.rstrip("*") for part in parts}


def _type_text(headers: Headers, name: str, what: list[Declared] | Function) -> str:
    if isinstance(what, Function):
        returns, arguments = signature(headers, what)
        return f"\n\n{name} = CFUNCTYPE({', '.join([returns, *arguments])})"
    lines = [f"\n\nclass {name}(Structure):"]
    lines += [f"    {field.name}: {annotation(headers, field)}" for field in what]
    lines.append("    _fields_ = [")
    lines += [f'        ("{field.name}", {field_type(headers, field)}),' for field in what]
    return "\n".join(lines + ["    ]"])


def enums_text(headers: Headers) -> str:
    lines = [MADE + '"""The choices that calls take and give."""\nimport enum\n']
    for enumeration in headers.enumerations:
        if enumeration.name:
            lines.append(_enum_text(enumeration))
    return "\n".join(lines)


def _enum_text(enumeration: Enumeration) -> str:
    stem = os.path.commonprefix(list(enumeration.values))
    stem = stem[:stem.rfind("_") + 1]
    lines = [f"\nclass {class_name(enumeration.name)}(enum.IntEnum):"]
    for name, value in enumeration.values.items():
        short = name.removeprefix(stem).removeprefix("E_")
        lines.append(f"    {short} = {value}")
    return "\n".join(lines) + "\n"


def class_name(name: str) -> str:
    """fm_pixel_format -> PixelFormat."""
    return re.sub(r"_?([a-z0-9]+)", lambda match: match.group(1).capitalize(), name.removeprefix("fm_"))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--include", default=os.path.join(ROOT, "include"))
    options = parser.parse_args()
    headers = read_headers.read(options.include)
    status = 0
    for name, text in (("_abi.py", abi_text(headers)), ("enums.py", enums_text(headers))):
        path = os.path.join(PACKAGE, name)
        if not options.check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            continue
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                print(f"{path} is not what the headers say: run {os.path.relpath(__file__, ROOT)}", file=sys.stderr)
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
