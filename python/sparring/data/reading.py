"""What makes two rows equal: all that was recorded of them, but for a number that only says which row it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sparring.data.canonical import canonical_hash
from sparring.data.readers import CORRUPT
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from sparring.config.schema import TableConfig

# A letter or two and a number; hexadecimal digits as hashes and UUIDs have them; long tokens of letters and digits.
SURROGATE = r"^(?:[A-Za-z]{0,8}[-_ #]?[0-9]+|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\z"
TOKEN, DIGIT, LETTER = r"^[A-Za-z0-9_=+/-]{12,}\z", "[0-9]", "[A-Za-z]"
IDENTITY = "sparring__identity"
MOSTLY = 0.99
LONG_TEXT = 32


@dataclass(frozen=True)
class Reading:
    """Which columns make two rows equal.

    Attributes
    ----------
    columns : list of str
    left_out : dict of str to str
        Column that does not count -> why.
    long_texts : list of str
        Those of ``columns`` that hold text of 32 characters or more, on average.
    """

    columns: list[str]
    left_out: dict[str, str]
    long_texts: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as plain values."""
        return asdict(self)


def reading_of(frame: DataFrame, table: TableConfig, columns: Sequence[str] | None = None) -> Reading:
    """Return what makes two rows of ``frame`` equal.

    Parameters
    ----------
    frame : DataFrame
        The table as read.
    table : TableConfig
    columns : sequence of str, optional
        The user's word; by default all columns, label and unused ones included, but a surrogate key: a column without
        another role that holds a different running number, hash or UUID in every row.  A key with content, such as a
        name, counts: rows of different names are no copies.

    Notes
    -----
    Cost: one pass; for each column that may be a surrogate key a shuffle of its values, to prove them unique.
    """
    if columns:
        return Reading(list(dict.fromkeys(columns)), {}, [])
    names = [name for name in frame.columns if name != CORRUPT]
    texts = [name for name, kind in frame.dtypes if kind == "string" and name in names]
    candidates = _without_role(frame, table, names)
    seen = _look(frame, texts, candidates)
    left_out = {
        name: "a number or code of the row's own: it differs in every row and tells nothing of it"
        for name in candidates
        if _looks_surrogate(seen, name) and _is_unique(frame, name)
    }
    long_texts = [name for name in texts if name not in left_out and (seen[f"length {name}"] or 0) >= LONG_TEXT]
    return Reading([name for name in names if name not in left_out], left_out, long_texts)


def _without_role(frame: DataFrame, table: TableConfig, names: list[str]) -> list[str]:
    """Return whole numbers and texts that are nothing to the model: keys of one column, and unused ones."""
    taken = {table.label, table.time, table.weight, *table.group, *table.features.columns}
    if len(table.key) > 1:
        taken |= set(table.key)
    kinds = dict(frame.dtypes)
    return [n for n in names if n not in taken and kinds[n] in ("int", "bigint", "smallint", "tinyint", "string")]


def _look(frame: DataFrame, texts: list[str], candidates: list[str]) -> dict[str, Any]:
    from sparring.engine import functions as F

    columns = {name: named(name) for name in {*texts, *candidates}}
    # Whole numbers are of that form without a look.
    like = {name: _of_surrogate_form(columns[name]).cast("int") for name in candidates if name in texts}
    found = frame.agg(
        F.count("*").alias("rows"),
        *[F.avg(F.length(columns[name])).alias(f"length {name}") for name in texts],
        *[F.approx_count_distinct(columns[name]).alias(f"distinct {name}") for name in candidates],
        *[F.avg(value).alias(f"like {name}") for name, value in like.items()],
    ).collect()[0]
    return dict(found.asDict())


def _of_surrogate_form(text: Column) -> Column:
    return text.rlike(SURROGATE) | (text.rlike(TOKEN) & text.rlike(DIGIT) & text.rlike(LETTER))


def _looks_surrogate(seen: dict[str, Any], name: str) -> bool:
    # Only what cannot be unique is left out here: the estimate differs by some percent, and the proof comes after.
    return seen[f"distinct {name}"] > 0.5 * seen["rows"] and (seen.get(f"like {name}", 1.0) or 0.0) >= MOSTLY


def _is_unique(frame: DataFrame, name: str) -> bool:

    from sparring.engine import functions as F

    values = frame.groupBy(named(name).alias("value")).count()
    return values.where((F.col("count") > 1) | F.col("value").isNull()).isEmpty()


def identity_of(reading: Reading, frame: DataFrame, normalize_unicode: bool = False) -> Column:
    """Return the 128-bit hash of what makes two rows equal, of the values as read."""
    return canonical_hash(reading.columns, frame.schema, normalize_unicode)
