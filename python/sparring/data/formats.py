"""Formats of tables: how each is told by a file's ending, and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparring.errors import TableError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    # (session, path, options, tokens for missing or None) -> the table, typed
    Read = Callable[[SparkSession, str, dict[str, str], Sequence[str] | None], DataFrame]

PACKED = ("", ".gz", ".bz2")


@dataclass(frozen=True)
class TableFormat:
    """One way to write a table.

    Attributes
    ----------
    name : str
        As ``table.format`` names it.
    endings : tuple of str
        Of file names, in lower case, each with its dot.
    read : callable
        ``(spark, path, options, missing) -> DataFrame``; ``options`` are ``table.options``, ``missing`` the texts that
        mean a missing value, or None.  Whatever it raises becomes one sentence with the table's path.
    packed : bool
        Whether ``.gz`` and ``.bz2`` may follow an ending.
    """

    name: str
    endings: tuple[str, ...]
    read: Read
    packed: bool = False

    @property
    def all_endings(self) -> tuple[str, ...]:
        """The endings with those of packed files."""
        return tuple(ending + packed for ending in self.endings for packed in (PACKED if self.packed else ("",)))


FORMATS: dict[str, TableFormat] = {}


def register_format(form: TableFormat) -> TableFormat:
    """Have tables of this format read wherever tables are, and return it; one of the same name is replaced."""
    FORMATS[form.name] = form
    return form


def format_of(path: str, name: str = "auto") -> TableFormat:
    """Return the format of the table at ``path``: the one named, or the one that its ending means.

    A folder without an ending is taken for Parquet.

    Raises
    ------
    TableError
        If there is no such format, or the ending is not known.

    Examples
    --------
    >>> from sparring.data import readers
    >>> format_of("s3a://bucket/table.csv.gz").name, format_of("warehouse/flights").name
    ('csv', 'parquet')
    """
    if name != "auto":
        if name not in FORMATS:
            raise TableError(
                f"table.format: {name!r} is not read; allowed: auto, {', '.join(FORMATS)}",
                f"Name one of them.{did_you_mean(name, ['auto', *FORMATS])}",
            )
        return FORMATS[name]
    lowered = path.rstrip("/").lower()
    for form in FORMATS.values():
        if lowered.endswith(form.all_endings):
            return form
    if lowered.endswith((".xlsx", ".xls", ".ods")):
        raise TableError(f"table.path {path!r} is a workbook", "Save its sheet as CSV.")
    if "." not in lowered.rsplit("/", 1)[-1]:
        return FORMATS["parquet"]
    known = ", ".join(ending for form in FORMATS.values() for ending in form.endings)
    raise TableError(
        f"table.path {path!r} ends in none of {known}", f"Set table.format to one of {', '.join(FORMATS)}."
    )
