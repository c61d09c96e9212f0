"""What a table's source looked like, without reading it: a change makes earlier stages stale."""

from __future__ import annotations

from pyarrow import fs

from sparring.config.schema import TableConfig
from sparring.data import storage
from sparring.errors import TableError


def source_files(path: str) -> list[fs.FileInfo]:
    """Return the files at ``path``: itself, or those below the folder, hidden ones left out.

    Raises
    ------
    TableError
        If nothing is there.
    """
    system, inner = storage.filesystem(path)
    found = system.get_file_info(inner)
    if found.type == fs.FileType.NotFound:
        raise TableError(f"table.path {path!r} does not exist", "Check the path.")
    if found.type == fs.FileType.File:
        return [found]
    inside = system.get_file_info(fs.FileSelector(inner, recursive=True))
    return [file for file in inside if file.is_file and not file.base_name.startswith(("_", "."))]


def source_identity(table: TableConfig) -> list[str]:
    """Return name, size and time of the table's files, or the name of the built-in data set.

    A path with a wildcard, or on a file system that only Spark knows, is identified by its name alone.
    """
    if table.builtin is not None:
        return [table.builtin]
    path = table.path or ""
    if any(mark in path for mark in "*?{[") or (
        not path.startswith(("/", "file:", "s3a:", "s3:", "dbfs:")) and "://" in path
    ):
        return [path]
    return sorted(f"{file.path} {file.size} {file.mtime_ns}" for file in source_files(path))


def source_bytes(table: TableConfig) -> int | None:
    """Return the size of the table's files in bytes, or None where only Spark can tell."""
    if table.builtin is not None:
        return None
    path = table.path or ""
    if any(mark in path for mark in "*?{["):
        return None
    return sum(file.size for file in source_files(path))
