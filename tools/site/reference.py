"""Pages of reference, in Markdown, from what comments.py reads."""
from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from comments import Header, Item, Parameter, read_classes, read_header, words

# As in the umbrella header's order of use, not of the alphabet.
HEADERS = ["status.h", "version.h", "log.h", "image.h", "model.h", "session.h", "face.h", "quality.h", "embed.h",
           "compare.h", "liveness.h", "gallery.h", "transfer.h", "evaluate.h", "train.h"]
NAME = re.compile(r"\b(?:fm|FM)_\w+|\bdocs/([\w-]+\.md)|\b(\w+\.h)\b")


def escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]#])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;")).replace("|", "&#124;")


class Writer:
    """Markdown of comments, with a link where one names something that has a place of its own."""

    def __init__(self, headers: list[Header]) -> None:
        self.place = {}
        for header in headers:
            for item in header.items:
                for one in [item] + (item.members if item.kind in ("typedef", "enum") else []):
                    if one.name:
                        self.place[one.name] = f"{header.name}.md#{one.name}"
        self.pages = {header.name for header in headers}

    def linked(self, text: str) -> str:
        parts, at = [], 0
        for match in NAME.finditer(text):
            page, header = match.groups()
            target = f"../{page}" if page else f"{header}.md" if header in self.pages else self.place.get(match.group())
            if target:
                parts += [escaped(text[at:match.start()]), f"[{escaped(match.group().removeprefix('docs/'))}]({target})"]
                at = match.end()
        return "".join(parts) + escaped(text[at:])

    def inline(self, element: ElementTree.Element | None) -> str:
        """On one line, as in a cell of a table."""
        return re.sub(r"\s+", " ", self.text(element)).strip()

    def text(self, element: ElementTree.Element | None) -> str:
        if element is None:
            return ""
        parts = [self.linked(element.text or "")]
        for part in element:
            if part.tag == "verbatim":
                parts.append(f"\n\n```c\n{(part.text or '').rstrip()}\n```\n\n")
            elif part.tag == "computeroutput":
                parts.append(f"`{words(part)}`")
            elif part.tag == "listitem":
                parts.append(f"\n- {self.inline(part)}")
            elif part.tag == "blockquote":  # "> 0", which Doxygen takes for a quotation
                parts.append(f"&gt; {self.inline(part)}")
            elif part.tag in ("para", "itemizedlist"):
                parts.append(f"\n\n{self.text(part)}\n\n")
            elif part.tag != "taken":
                parts.append(self.text(part))
            parts.append(self.linked(part.tail or ""))
        return "".join(parts)

    def blocks(self, elements: list[ElementTree.Element]) -> str:
        return "\n\n".join(filter(None, map(self.block, elements)))

    def block(self, element: ElementTree.Element | None) -> str:
        text = "\n".join(line.strip() if not line.startswith((" ", "```")) else line
                         for line in self.text(element).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def about(self, item: Item) -> str:
        return self.blocks([one for one in (item.brief, item.detail) if one is not None])

    def about_inline(self, item: Item) -> str:
        return " ".join(filter(None, [self.inline(item.brief), self.inline(item.detail)]))

    def statuses(self, returns: ElementTree.Element) -> str:
        """One line for each of what stands between semicolons, but for those in brackets."""
        text, parts, depth = self.inline(returns), [""], 0
        for letter in text:
            depth += (letter == "(") - (letter == ")")
            if letter == ";" and depth == 0:
                parts.append("")
            else:
                parts[-1] += letter
        return "\n".join(f"- {part.strip().rstrip('.')}" for part in parts) if len(parts) > 2 else text


def code(text: str) -> str:
    return f"`{text}`"


def cell(text: str, anchor: str = "") -> str:
    """Code in a table, that may be broken behind an underscore where there is little room."""
    shown = re.sub(r"[&<>*\[\]|_]", lambda sign: f"&#{ord(sign.group())};", text).replace("&#95;", "&#95;<wbr>")
    return f'<code{anchor and f" id={anchor}"}>{shown}</code>'


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def declared(item: Item) -> str:
    """The declaration, a parameter a line where it is long."""
    if item.kind == "typedef":
        return f"typedef {item.type.replace(' *', ' *')} {item.name};" if not item.arguments else \
            f"typedef {item.type.removesuffix('(*').strip()} (*{item.name}){item.arguments.removeprefix(')')};"
    line = f"{item.type} {item.name}{item.arguments};".replace("* ", "*")
    if len(line) <= 80:
        return line
    inside = item.arguments.strip("()").split(", ")
    return f"{item.type} {item.name}(\n    ".replace("* ", "*") + ",\n    ".join(inside) + ");"


def field_code(item: Item) -> str:
    return cell(f"{item.type} {item.name}{item.arguments}".replace("* ", "*"))


def parameter_row(writer: Writer, parameter: Parameter) -> list[str]:
    direction = {"inout": "in, out"}.get(parameter.direction or "", parameter.direction or "")
    return [cell(parameter.name), direction, writer.inline(parameter.text)]


def section(writer: Writer, item: Item) -> str:
    name = item.name or os.path.commonprefix([member.name for member in item.members]) + "*"
    parts = [f"## {escaped(name)} {{ #{name.rstrip('*')} }}"]
    if item.kind == "function" or item.kind == "typedef" and not item.members:
        parts.append(f"```c\n{declared(item)}\n```")
    parts.append(writer.about(item))
    if item.parameters:
        parts.append(table(["parameter", "", ""], [parameter_row(writer, one) for one in item.parameters]))
    if item.returns is not None:
        parts.append("**Returns** " + ("\n\n" if "\n" in writer.statuses(item.returns) else "")
                     + writer.statuses(item.returns))
    if item.kind == "struct":
        parts.append(table(["field", ""], [[field_code(one), writer.about_inline(one)] for one in item.members]))
    elif item.members:
        parts.append(table(["value", "", ""], [[cell(one.name, one.name), one.type, writer.about_inline(one)]
                                               for one in item.members]))
    for name, text in item.notes.items():
        parts.append(f"**{name}** {writer.inline(text)}  ")
    return re.sub(r"(  )\n\n(?=\*\*)", r"\1\n", "\n\n".join(filter(None, parts)))


def header_page(writer: Writer, header: Header) -> str:
    constants = [item for item in header.items if item.kind == "define" and item.arguments]
    parts = [f"# {header.name}", writer.blocks(header.about)]
    if constants:
        parts += ["## Constants", table(["name", "", ""], [
            [cell(one.name, one.name), code(one.arguments), writer.about_inline(one)] for one in constants])]
    parts += [section(writer, item) for item in header.items if item.kind != "define"]
    return "\n\n".join(parts) + "\n"


def method(item: Item) -> str:
    """With the names of its parameters; what these are the C function says."""
    if item.kind != "function":
        return f"{item.type} {item.name}"
    names = ", ".join(parameter.name for parameter in item.parameters)
    return f"{item.type} {item.name}({names})".replace("* ", "*").replace("& ", "&").strip()


def method_rows(writer: Writer, item: Item) -> list[list[str]]:
    shown = [one for one in item.members if one.explained and one.kind != "typedef"]
    return [[cell(method(one)), writer.about_inline(one)] for one in shown]


def class_page(writer: Writer, header: Header) -> str:
    parts = [f"# {header.name}", writer.blocks(header.about).replace("```c\n", "```cpp\n")]
    for item in header.items:
        parts.append(f"## {escaped(item.name)} {{ #cpp-{re.sub(r'[^a-z_]+', '-', item.name).strip('-')} }}")
        if item.kind == "function":
            parts.append(f"```cpp\n{declared(item)}\n```")
        parts.append(writer.about(item))
        if rows := method_rows(writer, item):
            parts.append(table(["member", ""], rows))
    return "\n\n".join(filter(None, parts)) + "\n"


def index_page(writer: Writer, umbrella: Header, headers: list[Header]) -> str:
    parts = ["# Reference", "Every function, type and constant of `<facematch/facematch.h>`, from the comments of its "
             "headers. For C++: [facematch.hpp](facematch.hpp.md).", writer.blocks(umbrella.about)]
    for header in headers:
        functions = [item for item in header.items if item.kind == "function" and not item.name.endswith("_init")]
        parts += [f"## [{header.name}]({header.name}.md)",
                  table(["function", ""], [[f"[`{one.name}`]({writer.place[one.name]})", writer.inline(one.brief)]
                                           for one in functions])]
    return "\n\n".join(parts) + "\n"


def write(xml: Path, folder: Path) -> None:
    headers = [read_header(xml, name) for name in HEADERS]
    writer = Writer(headers)
    folder.mkdir(parents=True, exist_ok=True)
    for header in headers:
        (folder / f"{header.name}.md").write_text(header_page(writer, header), encoding="utf-8")
    classes = read_classes(xml, "facematch.hpp", "facematch")
    (folder / "facematch.hpp.md").write_text(class_page(writer, classes), encoding="utf-8")
    umbrella = read_header(xml, "facematch.h")
    (folder / "index.md").write_text(index_page(writer, umbrella, headers), encoding="utf-8")
