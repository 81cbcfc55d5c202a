"""What the comments of the public headers say, from Doxygen's XML."""
from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Parameter:
    name: str
    type: str
    direction: str | None = None  # "in", "out", "in,out", or none
    text: ElementTree.Element | None = None


@dataclass
class Item:
    """Something that has a name. `kind` is as in Doxygen; text is None where nothing is said."""
    kind: str
    name: str
    line: int
    type: str = ""
    arguments: str = ""  # as declared, or what stands for a macro
    brief: ElementTree.Element | None = None
    detail: ElementTree.Element | None = None
    parameters: list[Parameter] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # parameters that are explained, but not there
    returns: ElementTree.Element | None = None
    notes: dict[str, ElementTree.Element] = field(default_factory=dict)  # Threads, Cost, Since...
    members: list["Item"] = field(default_factory=list)

    @property
    def explained(self) -> bool:
        return bool(words(self.brief) or words(self.detail))


@dataclass
class Header:
    name: str
    about: list[ElementTree.Element]  # of the whole file
    items: list[Item]


def words(element: ElementTree.Element | None) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _documented(member: ElementTree.Element, item: Item) -> Item:
    """With what the comment says, which Doxygen has in one element."""
    item.brief, item.detail = member.find("briefdescription"), member.find("detaileddescription")
    said: dict[str, tuple[str | None, ElementTree.Element | None]] = {}
    for paragraph in item.detail.findall("para") if item.detail is not None else []:
        for part in list(paragraph):
            if part.tag == "parameterlist" and part.get("kind") == "param":
                for entry in part:
                    for name in entry.iter("parametername"):
                        said[words(name)] = name.get("direction"), entry.find("parameterdescription")
            elif part.tag == "simplesect" and part.get("kind") == "return":
                item.returns = part
            elif part.tag == "simplesect" and part.get("kind") == "par":
                item.notes[words(part.find("title"))] = part
                part.remove(part.find("title"))  # type: ignore[arg-type]
            else:
                continue
            part.tail, part.tag = None, "taken"  # of the text nothing but that is left
    for parameter in item.parameters:
        parameter.direction, parameter.text = said.pop(parameter.name, (None, None))
    item.unknown = list(said)
    return item


def _callback(member: ElementTree.Element, item: Item) -> None:
    """The parameters of a type of function, which Doxygen leaves in the text of the declaration."""
    for one in item.arguments.removeprefix(")(").removesuffix(")").split(","):
        type, _, name = one.strip().split("[")[0].rpartition(" ")
        item.parameters.append(Parameter(name.lstrip("*"), type + "*" * name.count("*") + "[]" * ("[" in one)))


def _member(member: ElementTree.Element) -> Item:
    kind = member.get("kind", "")
    where = member.find("location")
    name = words(member.find("name"))
    item = Item(kind, "" if name.startswith("@") else name, int(where.get("line", 0)) if where is not None else 0,
                words(member.find("type")), words(member.find("argsstring")))
    if kind == "define":
        item.arguments = words(member.find("initializer"))
    elif kind == "function":
        item.parameters = [Parameter(words(p.find("declname")), words(p.find("type")))
                           for p in member.findall("param") if p.find("declname") is not None]
    elif kind == "typedef" and item.arguments:
        _callback(member, item)
    elif kind == "enum":
        for value in member.findall("enumvalue"):
            item.members.append(_documented(value, Item("enumvalue", words(value.find("name")), 0,
                                                        words(value.find("initializer")).lstrip("= "))))
    return _documented(member, item)


def _members(compound: ElementTree.Element) -> Iterator[Item]:
    for member in compound.iter("memberdef"):
        if member.get("prot") == "public":
            yield _member(member)


def _load(folder: Path, refid: str | None) -> ElementTree.Element:
    compound = ElementTree.parse(folder / f"{refid}.xml").getroot().find("compounddef")
    assert compound is not None
    return compound


def _struct(compound: ElementTree.Element) -> Item:
    where = compound.find("location")
    item = Item(compound.get("kind", ""), words(compound.find("compoundname")),
                int(where.get("line", 0)) if where is not None else 0)
    item.members = sorted(_members(compound), key=lambda member: member.line)
    return _documented(compound, item)


def _joined(items: list[Item]) -> list[Item]:
    """Types of numbers with the values that follow; structs without the typedef of their name."""
    structs = {item.name for item in items if item.kind == "struct"}
    kept: list[Item] = []
    for item in sorted(items, key=lambda one: one.line):
        if item.kind == "enum" and kept and kept[-1].kind == "typedef" and kept[-1].type.endswith("int32_t"):
            kept[-1].members = item.members
        elif not (item.kind == "typedef" and item.name in structs):
            kept.append(item)
    return kept


def _about(compound: ElementTree.Element) -> list[ElementTree.Element]:
    return [part for tag in ("briefdescription", "detaileddescription") for part in compound.findall(tag)]


def read_header(folder: Path, name: str) -> Header:
    """A header of C, in its own order."""
    compound = _load(folder, name.replace(".", "_8"))
    items = list(_members(compound))
    items += [_struct(_load(folder, inner.get("refid"))) for inner in compound.findall("innerclass")
              if "::" not in words(inner)]
    return Header(name, _about(compound), _joined(items))


def read_classes(folder: Path, name: str, namespace: str) -> Header:
    """The header for C++: what is in its namespace, classes with their members."""
    compound = _load(folder, "namespace" + namespace)
    items = list(_members(compound))
    for inner in compound.findall("innerclass"):
        if words(inner).count("::") == 1:
            items.append(_struct(_load(folder, inner.get("refid"))))
    for item in items:
        item.name = item.name.removeprefix(namespace + "::")
    return Header(name, _about(_load(folder, name.replace(".", "_8"))), sorted(items, key=lambda item: item.line))
