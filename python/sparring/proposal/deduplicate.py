"""Proposing the section ``deduplicate``: which rows are equal, under which reading, and whether they are copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from sparring.config.schema import TableConfig

WHY = {
    "none": "nothing is removed",
    "copies": "they are copies: more rows are equal than chance makes",
    "coincidences": "they are different things that look alike, as often as chance makes them: they stay",
    "cannot_tell": "whether they are copies cannot be told from this table: they stay, equal ones in one part",
    "mixed": "those that chance does not explain are copies, the others stay",
}


def propose_deduplicate(frame: DataFrame, table: TableConfig) -> list[str]:
    """Return the lines of the section, with what was counted and what follows from it.

    Parameters
    ----------
    frame : DataFrame
        The table as read.
    table : TableConfig
        With the proposed roles.

    Notes
    -----
    Cost: three shuffles of identities, and what :func:`~sparring.dedup.copies.tell_copies` costs.
    """
    from sparring.data.reading import reading_of
    from sparring.dedup.copies import tell_copies

    reading = reading_of(frame, table)
    copies = tell_copies(frame, reading, table.label)
    everything, _ = _equal(frame, frame.columns, table.label)
    features, conflicts = _equal(frame, table.features.columns, table.label)
    left_out = ", ".join(map(_one_line, reading.left_out))
    without_key = f"{copies.evidence['equal_rows']:,} in all but {left_out}; " if left_out else ""
    found = [
        f"Rows equal to an earlier one: {everything:,} in all columns; {without_key}{features:,} in the features,",
        f"where {conflicts:,} sets of equal rows hold both labels.",
        f"Equal here means equal in all columns{f' but {left_out}' if left_out else ''}: {WHY[copies.decision]}.",
        f"{copies.removed:,} of {copies.rows:,} rows would go; chance would make "
        f"{copies.evidence.get('expected_by_chance', 0):,g} equal.",
    ]
    return [
        "deduplicate:",
        *(f"  # {line}" for line in found),
        "  columns: null      # name columns to decide yourself what makes two rows equal",
        "  remove: proven     # all: every equal row but one, whatever the evidence says",
    ]


def _equal(frame: DataFrame, columns: Sequence[str], label: str) -> tuple[int, int]:
    """Return the rows equal to an earlier one in some columns, and the sets of equal rows with different labels."""
    from sparring.data.canonical import canonical_hash
    from sparring.data.numbers import text_of
    from sparring.engine import functions as F
    from sparring.spark.reserved import named

    identity = canonical_hash(columns, frame.schema).alias("identity")
    text = text_of(named(label), frame.schema[label].dataType).alias("label")
    clusters = frame.select(identity, text).groupBy("identity")
    counted = clusters.agg(F.count("*").alias("rows"), (F.min("label") < F.max("label")).cast("int").alias("differ"))
    row = counted.agg(F.sum(F.col("rows") - 1), F.sum(F.coalesce("differ", F.lit(0)))).collect()[0]
    return int(row[0] or 0), int(row[1] or 0)


def _one_line(name: str) -> str:
    return " ".join(name.split())
