"""What a table's source looked like, without reading it: a change makes earlier stages stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from sparring.data.location import data_files
from sparring.io import storage

if TYPE_CHECKING:
    from sparring.config.schema import TableConfig


def source_identity(table: TableConfig) -> list[str]:
    """Return name, size and time of the table's files, or the name of the built-in data set.

    A path on a file system that only Spark knows is identified by its name alone.
    """
    if table.builtin is not None:
        return [table.builtin]
    path = table.path or ""
    if not _is_reachable(path):
        return [path]
    return sorted(f"{file.path} {file.size} {file.mtime_ns}" for file in data_files(path))


def source_bytes(table: TableConfig) -> int | None:
    """Return the size of the table's files in bytes, or None where only Spark can tell."""
    return None if table.builtin is not None else bytes_of(table.path or "")


def bytes_of(path: str) -> int | None:
    """Return the size of the files of a path; None where Arrow cannot look."""
    return sum(file.size for file in data_files(path)) if _is_reachable(path) else None


def _is_reachable(path: str) -> bool:
    try:
        storage.filesystem(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return True
