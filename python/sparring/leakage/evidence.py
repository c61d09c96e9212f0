"""Which of the rows that are equal across parts are copies, and which only look alike.

Within train copies are as frequent as across parts when they were in the table before it was split at random: no
comparison with train finds them.  What chance leaves behind does: see :mod:`sparring.dedup.evidence`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sparring.data.literal import with_facts
from sparring.data.reading import Reading, identity_of
from sparring.dedup.copies import tell_copies
from sparring.dedup.evidence import COINCIDENCE, COPY, LOST_ROWS, UNDECIDED
from sparring.leakage.columns import PART
from sparring.leakage.table import ANSWER, AuditTable
from sparring.spark.reserved import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

IDENTITY, STATUS = "sparring__equal", "sparring__kind"


@dataclass(frozen=True)
class Kinds:
    """Rows of a part that are equal to one of an earlier part, by what the evidence says of them."""

    copies: int = 0
    undecided: int = 0
    coincidences: int = 0

    @property
    def mostly_undecided(self) -> bool:
        """Whether more than half are undecided, and more than the evidence may err in."""
        return self.undecided > max(LOST_ROWS, self.coincidences)

    def to_dict(self) -> dict[str, int]:
        """Return the counts that there are."""
        return {name: rows for name, rows in asdict(self).items() if rows}


def kinds_of_equal(table: AuditTable) -> DataFrame:
    """Return identities of rows in several parts: ``n0``... rows by part, and ``sparring__kind``.

    Rows are equal here in features *and* label: those that differ in the label are sure coincidences, and no line.

    Notes
    -----
    Cost: that of :func:`~sparring.dedup.copies.tell_copies`, and a shuffle of the identities.
    """
    from sparring.engine import functions as F

    columns = [*table.columns.features, ANSWER]
    rows = table.rows.select(PART, *[quoted(name) for name in columns])
    reading = Reading(columns, {}, list(table.columns.texts))
    told = tell_copies(rows, reading, ANSWER)
    numbers = range(len(table.parts))
    per_part = [F.sum(F.when(F.col(PART) == part, 1).otherwise(0)).alias(f"n{part}") for part in numbers]
    equal = rows.groupBy(identity_of(reading, rows).alias(IDENTITY)).agg(*per_part)
    kinds = with_facts(equal, IDENTITY, told.status, STATUS, "string")
    return kinds.withColumn(STATUS, F.coalesce(STATUS, F.lit(told.otherwise)))


def kinds_across(equal: DataFrame, left: int, right: int, rows: int) -> Kinds:
    """Return the kinds of the ``rows`` rows of a part that are equal to one of another in all features."""
    from sparring.engine import functions as F

    both = equal.where((F.col(f"n{left}") > 0) & (F.col(f"n{right}") > 0))
    lines = both.groupBy(STATUS).agg(F.sum(f"n{right}").alias("rows")).collect()
    counted = {row[STATUS]: int(row["rows"]) for row in lines}
    copies, undecided = counted.get(COPY, 0), counted.get(UNDECIDED, 0)
    return Kinds(copies, undecided, max(counted.get(COINCIDENCE, 0), rows - copies - undecided))
