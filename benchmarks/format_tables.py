"""Tables of file formats for the documents, from the table that `save` and `load` read.

    <!-- formats -->            every format that is read or written
    <!-- formats: output -->    the formats that a take is written in
    <!-- end of formats -->

`python -m benchmarks.tables` writes them.
"""

import re

from mien.core import Clip, Mesh, MeshSequence, Rig, VisemeTrack
from mien.io.formats import Format, rows

__all__ = ["all_formats", "fill", "outputs"]

BLOCK = re.compile(r"(<!-- formats(: output)? -->\n).*?(<!-- end of formats -->)", re.DOTALL)
KINDS = {Clip: "take", Rig: "rig", MeshSequence: "mesh sequence", Mesh: "one mesh", VisemeTrack: "speech sounds"}


def fill(text: str) -> str:
    """`text` with the table of each block regenerated."""

    def replace(match: re.Match[str]) -> str:
        begin, output, end = match.groups()
        return f"{begin}\n{outputs() if output else all_formats()}\n\n{end}"

    return BLOCK.sub(replace, text)


def outputs() -> str:
    """The formats that a take is written in, and the contents of each file."""
    lines = ["| output | what is in it |", "|---|---|"]
    lines += [f"| {_files(row)} | {row.name}: {_said(row.content, row)} |" for row in rows(Clip) if row.writable]
    return "\n".join(lines)


def all_formats() -> str:
    """One line per row of the table."""
    lines = ["| what | files | format | in | out | notes |", "|---|---|---|---|---|---|"]
    for kind, word in KINDS.items():
        for row in rows(kind):
            ways = ["yes" if way else "" for way in (row.read, row.writable)]
            lines.append(f"| {' | '.join([word, _files(row), row.name, *ways, _said(row.notes, row)])} |")
    return "\n".join(lines)


def _files(row: Format) -> str:
    return ", ".join(f"`{suffix}`" if suffix else "a folder" for suffix in row.suffixes)


def _said(text: str, row: Format) -> str:
    return "; ".join(part for part in (text, f"with `{row.extra.command}`" if row.extra else "") if part)
