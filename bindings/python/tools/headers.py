"""What the headers declare, for the tables that are made from them.

The headers keep to few forms (one typedef, struct, enum or function at a time, no unions, no bit-fields), so a
hundred lines read them; a form that is not known is an error, not something left out.
"""
import math
import os
import re
import subprocess
from dataclasses import dataclass, field


@dataclass
class Declared:
    """One thing with a type: a field, a parameter. `type` has no const; `length` is of an array, or 0."""
    name: str
    type: str
    length: int = 0


@dataclass
class Function:
    name: str
    returns: str
    parameters: list[Declared]


@dataclass
class Enumeration:
    name: str  # of the typedef that it directly follows, or ""
    values: dict[str, int]


@dataclass
class Headers:
    constants: dict[str, int] = field(default_factory=dict)
    enumerations: list[Enumeration] = field(default_factory=list)
    integers: dict[str, str] = field(default_factory=dict)  # typedef -> int32_t
    handles: list[str] = field(default_factory=list)
    structs: dict[str, list[Declared]] = field(default_factory=dict)
    callbacks: dict[str, Function] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)


def read(include: str) -> Headers:
    folder = os.path.join(include, "facematch")
    headers = Headers()
    for name in sorted(os.listdir(folder)):
        if name.endswith(".h"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for macro, value in re.findall(r"^#define (FM_[A-Z0-9_]+) +(-?\d+)\b", file.read(), re.M):
                    headers.constants[macro] = int(value)
    before = ""
    for statement in _statements(_preprocessed(include)):
        _read_statement(headers, statement, before)
        before = statement
    return headers


def _preprocessed(include: str) -> str:
    """All headers, without comments and attributes; typedefs of the system headers are dropped."""
    text = subprocess.run([os.environ.get("CC", "cc"), "-E", "-DFM_CDEF", "-I", include, "-x", "c", "-"],
                          input="#include <facematch/facematch.h>\n", text=True, check=True,
                          capture_output=True).stdout
    ours, lines = False, []
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            ours = "/facematch/" in marker.group(1)
        elif ours:
            lines.append(line)
    return " ".join(" ".join(lines).split())


def _statements(text: str) -> list[str]:
    """Cut at each semicolon outside braces."""
    found, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == ";" and depth == 0:
            found.append(text[start:i].strip())
            start = i + 1
    return found


def _read_statement(headers: Headers, text: str, before: str) -> None:
    if match := re.fullmatch(r"typedef int32_t (fm_\w+)", text):
        headers.integers[match.group(1)] = "int32_t"
    elif match := re.fullmatch(r"typedef struct (fm_\w+) \1", text):
        headers.handles.append(match.group(1))
    elif match := re.fullmatch(r"typedef struct (fm_\w+) \{(.*)\} \1", text):
        headers.structs[match.group(1)] = _fields(headers, match.group(2))
    elif match := re.fullmatch(r"enum \{(.*)\}", text):
        typedef = re.fullmatch(r"typedef int32_t (fm_\w+)", before)
        _read_enum(headers, typedef.group(1) if typedef else "", match.group(1))
    elif match := re.fullmatch(r"typedef (.+?) ?\(\*(fm_\w+)\)\((.*)\)", text):
        headers.callbacks[match.group(2)] = _function(headers, match.group(2), match.group(1), match.group(3))
    elif match := re.fullmatch(r"([^()]+?)(fm_\w+)\((.*)\)", text):
        headers.functions[match.group(2)] = _function(headers, match.group(2), match.group(1), match.group(3))
    else:
        raise ValueError(f"a form of declaration that is not known: {text}")


def _read_enum(headers: Headers, typedef: str, text: str) -> None:
    values = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(FM_\w+) = (-?\d+)\s*", part)
        if not match:
            raise ValueError(f"not a constant with its value: {part}")
        values[match.group(1)] = int(match.group(2))
    headers.constants.update(values)
    headers.enumerations.append(Enumeration(typedef, values))


def _fields(headers: Headers, text: str) -> list[Declared]:
    found = []
    for declaration in filter(None, (part.strip() for part in text.split(";"))):
        first, *others = declaration.split(",")
        found.append(_declared(headers, first))
        if others and "*" in first:
            raise ValueError(f"several pointers in one declaration: {declaration}")
        found += [_declared(headers, f"{found[-1].type} {other.strip()}") for other in others]
    return found


def _function(headers: Headers, name: str, returns: str, parameters: str) -> Function:
    parts = [] if parameters.strip() == "void" else parameters.split(",")
    return Function(name, _type(returns), [_declared(headers, part) for part in parts])


def _declared(headers: Headers, text: str) -> Declared:
    match = re.fullmatch(r"(.*?[ *])(\w+)(?:\[(.+)\])?", text.strip())
    if not match:
        raise ValueError(f"not a declaration: {text}")
    length = _length(headers, match.group(3)) if match.group(3) else 0
    return Declared(match.group(2), _type(match.group(1)), length)


def _length(headers: Headers, text: str) -> int:
    """2 * FM_POINT_COUNT, FM_ID_MAX + 1: sums of products."""
    def number(name: str) -> int:
        return headers.constants[name] if name in headers.constants else int(name)
    return sum(math.prod(number(factor.strip()) for factor in term.split("*")) for term in text.split("+"))


def _type(text: str) -> str:
    """"const float *" -> "float*"."""
    return re.sub(r"\bconst\b|\s", "", text.replace("unsigned char", "uint8_t"))
