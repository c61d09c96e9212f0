"""Files of text as they are read: unpacked, with what the names of their folders say of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa

from sparring.data.location import data_files
from sparring.errors import TableError
from sparring.io import storage

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TextFile:
    """A file.

    Attributes
    ----------
    data : bytes
        Unpacked.
    parts : dict of str to str or None
        What its folders' names say, such as ``year=2024``.
    """

    data: bytes
    parts: dict[str, str | None]


def text_files(path: str) -> list[TextFile]:
    """Return the files of a path that are not empty."""
    system, inner = storage.filesystem(path)
    found = []
    for file in data_files(path):
        with system.open_input_stream(file.path, compression="detect") as stream:
            data = stream.read()
        if data:
            found.append(TextFile(data, parts_of(file.path, inner)))
    return found


def parts_of(file: str, base: str) -> dict[str, str | None]:
    """Return what the names of the folders between a table and its file say."""
    folders = file.removeprefix(base.rstrip("/")).split("/")[:-1]
    pairs = [folder.partition("=") for folder in folders if "=" in folder]
    return {name: None if value == NULL_FOLDER else unquote(value) for name, _, value in pairs}


def with_parts(table: pa.Table, file: TextFile) -> pa.Table:
    """Return a file's rows with what its folders say."""
    for name, value in file.parts.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
    return table


def require_known(options: Mapping[str, str], known: Collection[str]) -> None:
    """Raise for an option that is not understood.

    Raises
    ------
    TableError
    """
    for name in options:
        if name not in known:
            raise TableError(
                f"table.options: {name} is not read on one machine, which knows {', '.join(sorted(known))}",
                "Leave it out, or set engine to spark.",
            )
