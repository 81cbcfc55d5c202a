"""The page of the command line, in Markdown, from what the program says about itself."""
from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reference import code, escaped, table


COMMON = [code(option) for option in ("--json", "--help")]


def said(program: str, *arguments: str) -> str:
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def commands(program: str) -> list[str]:
    """Such as "verify" and "gallery info"."""
    return re.findall(r"^  ([a-z]+(?: [a-z-]+)?)(?: {2,}| (?=measure))", said(program, "--help").split("Commands:")[1]
                      .split("\n\n")[0], re.M)


def shown(text: str) -> str:
    """The program marks names of options with backticks."""
    return escaped(text).replace("\\`", "`")


def options(block: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for line in block.splitlines():
        if match := re.match(r"  (--\S+(?: \S+)?)(?: {2,}(.*))?$", line):
            rows.append([code(match.group(1)), shown(match.group(2) or "")])
        elif rows:
            rows[-1][1] = f"{rows[-1][1]} {shown(line.strip())}".strip()
    return rows


def command_text(program: str, command: str) -> str:
    head, rest = said(program, *command.split(), "--help").split("\n\nOptions:\n")
    title, usage, text = head.split("\n\n", 2)
    table_of, rest = rest.split("\n\nExamples:\n")
    examples = rest.split("\n\n")[0]
    summary = " ".join(title.split()).split(": ", 1)[1]
    parts = [f"## {command}", f"{escaped(summary[0].upper() + summary[1:])}.", indented(usage), escaped(" ".join(text.split())),
             table(["option", ""], [row for row in options(table_of) if row[0] not in COMMON]), "Examples:",
             indented(examples)]
    return "\n\n".join(parts)


def indented(block: str) -> str:
    return "```text\n" + "\n".join(line.removeprefix("  ") for line in block.splitlines()) + "\n```"


def write(program: str, page: Path) -> None:
    closing = said(program, "--help").split("explains a command, with examples.")[1].strip()
    parts = ["# Command line", "Every command takes `--json` (one JSON object per result on standard output; errors become "
             "objects too) and `--help`.", escaped(" ".join(closing.split("\n\n")[0].split())),
             escaped(" ".join(closing.split("\n\n")[1].split()))]
    with ThreadPoolExecutor() as pool:  # the program may take its time to load
        parts += pool.map(lambda command: command_text(program, command), commands(program))
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
