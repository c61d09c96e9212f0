"""A grown table: old rows stay, new ones join what they belong to, only wholly new groups are free to be distributed.

What the rows of a group, or of a duplicate cluster, were given before decides for its new rows.  A new row that would
join two parts is a leak whichever it went to: it goes into quarantine and is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame

from sparring.engine import functions as F
from sparring.errors import SplitError
from sparring.model_selection.allocation import apportion
from sparring.model_selection.assign import ClassCountProfiles, assign_profiles, profile_groups
from sparring.model_selection.cuts import assign_by_quota
from sparring.model_selection.stage import UNIT, HashSplitter
from sparring.model_selection.strata import CLASS
from sparring.model_selection.values import value_hash
from sparring.params import checked_schema, require_columns
from sparring.spark.checkpoint import computed_once
from sparring.spark.reserved import named, quoted

ROW_KEY, PART, STATUS, CONFLICTS = (
    "sparring__row_key",
    "sparring__part",
    "sparring__status",
    "sparring__conflicting_splits",
)
QUARANTINE = "quarantine"
QUARANTINE_FOLD = "-1"


@dataclass(frozen=True)
class IncrementalSplit:
    """A grown table and what became of its new rows.

    Attributes
    ----------
    rows : DataFrame
        All rows with the stage's output columns; the part of a row in quarantine is ``"quarantine"``, its fold -1.
    quarantined : DataFrame
        The new rows in quarantine, with ``sparring__conflicting_splits``: the parts that each would join.
    """

    rows: DataFrame
    quarantined: DataFrame
    assignments: DataFrame

    def report(self) -> dict[str, Any]:
        """Return rows by what became of them, and rows in quarantine by the parts that they would join.

        Returns
        -------
        dict
            ``old``, ``joined`` (a known group or cluster), ``fresh`` (wholly new ones), ``quarantined``;
            ``conflicting_splits``: "a, b" -> rows.

        Notes
        -----
        Cost: two passes over the narrow table of keys and parts.
        """
        counted: dict[str, int] = dict(self.assignments.groupBy(STATUS).count().collect())
        between = self.quarantined.groupBy(F.concat_ws(", ", F.array_sort(CONFLICTS))).count().collect()
        statuses = {status: counted.get(status, 0) for status in ("old", "joined", "fresh", "quarantined")}
        return statuses | {"conflicting_splits": dict(sorted((str(parts), rows) for parts, rows in between))}


class IncrementalSplitter(HashSplitter):
    """Base of those that can go on when the table has grown."""

    def assign_new(self, rows: DataFrame, previous: DataFrame) -> IncrementalSplit:
        """Assign the new rows of a grown table; the old ones stay where they are.

        See :func:`sparring.model_selection.incremental.assign_new`.
        """
        return assign_new(self, rows, previous)


def assign_new(stage: IncrementalSplitter, rows: DataFrame, previous: DataFrame) -> IncrementalSplit:
    """Assign the new rows of a grown table; the old ones stay where they are.

    A new row of a known group or duplicate cluster joins its part.  A new row that would join two parts goes into
    quarantine, and so do the new rows of a group that only together would.  What is wholly new is distributed so that
    classes which drifted come back towards their shares of all rows; nothing old ever moves for it.

    Parameters
    ----------
    stage : splitter or fold maker
        The one that made ``previous``, with the same Params.
    rows : DataFrame
        The table as it is now, old rows and new ones.
    previous : DataFrame
        What the stage, or this function, gave before: key columns and part, or fold.

    Returns
    -------
    IncrementalSplit

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If ``previous`` gives one key two parts, or a part that the stage does not have.

    Notes
    -----
    Cost: a shuffle of the keys of both tables to find the new rows; with groups two shuffles of their ids, with
    clusters too the connected components; the result is joined back by key.  Keys, ids and classes are kept once, as
    a narrow table.  Without groups the new rows take the passes of the stage.

    Examples
    --------
    >>> grown = splitter.assign_new(rows, yesterday)                            # doctest: +SKIP
    >>> grown.report()["quarantined"]                                           # doctest: +SKIP
    0
    """
    schema = checked_schema(stage, rows)
    output = stage.plan().output
    require_columns(previous.schema, [*stage.getKeyCols(), output], f"{type(stage).__name__}.assign_new(previous)")
    keyed = rows.withColumn(ROW_KEY, stage.key(rows))
    known = _known(stage, previous)
    narrow = stage.with_class(keyed).select(ROW_KEY, CLASS, *map(quoted, stage.grouped_by))
    assignments = computed_once(narrow.dropDuplicates([ROW_KEY]).join(known, ROW_KEY, "left"))
    distributed = _distribute_groups(stage, assignments) if stage.grouped_by else _distribute_rows(stage, assignments)
    assignments = computed_once(distributed.select(ROW_KEY, UNIT, quoted(output), CONFLICTS, STATUS))
    joined = keyed.join(assignments, ROW_KEY)
    return IncrementalSplit(
        stage.as_declared(joined, schema),
        joined.where(F.col(STATUS) == "quarantined").select(*[quoted(name) for name in rows.columns], CONFLICTS),
        assignments,
    )


def _known(stage: IncrementalSplitter, previous: DataFrame) -> DataFrame:
    """Return the part of every key, once."""
    plan = stage.plan()
    part = named(plan.output).cast("string")
    ends = [F.min(part).alias(PART), F.max(part).alias("sparring__other")]
    found = previous.groupBy(stage.key(previous).alias(ROW_KEY)).agg(*ends)
    allowed = [*plan.parts, _quarantine(stage)]
    wrong = found.where(
        (F.col(PART) != F.col("sparring__other")) | F.col(PART).isNull() | ~F.col(PART).isin(allowed)
    ).first()
    if wrong is not None:
        what = "no part" if wrong[PART] is None else " and ".join(sorted({wrong[PART], wrong["sparring__other"]}))
        raise SplitError(
            f"{plan.owner}.assign_new: previous gives the key {wrong[ROW_KEY]} {what}; each key needs one of "
            f"{', '.join(allowed)}",
            "Give the table that this stage made, with the same keyCols and parts.",
        )
    return found.select(ROW_KEY, PART)


def _quarantine(stage: IncrementalSplitter) -> str:
    return QUARANTINE_FOLD if stage.hasParam("foldCol") else QUARANTINE


def _distribute_rows(stage: IncrementalSplitter, assignments: DataFrame) -> DataFrame:
    """Return the part of every row, each for itself."""
    plan = stage.plan()
    held, sizes = _counts(assignments, plan.parts)
    quotas = apportion(sizes, plan.weights, held)
    fresh = assign_by_quota(
        assignments.where(F.col(PART).isNull()), CLASS, ROW_KEY, quotas, plan.parts, plan.output, plan.seed
    )
    old = assignments.where(F.col(PART).isNotNull()).withColumn(plan.output, F.col(PART))
    conflicts = F.lit(None).cast("array<string>").alias(CONFLICTS)
    both = old.withColumn(STATUS, F.lit("old")).unionByName(fresh.withColumn(STATUS, F.lit("fresh")))
    return both.select("*", F.col(ROW_KEY).alias(UNIT), conflicts)


def _counts(assignments: DataFrame, parts: Sequence[str]) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Return class -> rows that each part holds, and class -> rows without a part."""
    held: dict[str, list[int]] = {}
    free: dict[str, int] = {}
    place = {name: at for at, name in enumerate(parts)}
    for name, part, count in assignments.groupBy(CLASS, PART).count().collect():
        if part is None:
            free[name] = count
        elif part in place:
            held.setdefault(name, [0] * len(parts))[place[part]] += count
    return held, free


def _distribute_groups(stage: IncrementalSplitter, assignments: DataFrame) -> DataFrame:
    """Return the part of every row: its unit's, or its quota's if the unit is new."""
    plan, quarantine = stage.plan(), _quarantine(stage)
    marked = computed_once(_with_conflicts(stage, assignments, quarantine))
    # Old rows in quarantine, and new ones that would join several by themselves, join nothing any more.
    inside = stage.with_unit(marked.where(~_is_out(quarantine)))
    parts = inside.groupBy(UNIT).agg(F.array_sort(F.collect_set(PART)).alias("sparring__unit_parts"))
    united = computed_once(inside.join(parts, UNIT))
    joined, several = F.size("sparring__unit_parts") == 1, F.size("sparring__unit_parts") > 1
    new = F.col(PART).isNull()
    settled = united.withColumn(PART, F.coalesce(PART, F.when(joined, F.col("sparring__unit_parts")[0])))
    fresh = _distribute_fresh(stage, settled.where(~several | ~new))
    chosen = settled.join(fresh, UNIT, "left").select(
        ROW_KEY,
        UNIT,
        F.coalesce(PART, quoted(plan.output), F.lit(quarantine)).alias(plan.output),
        F.when(new & several, F.col("sparring__unit_parts")).alias(CONFLICTS),
    )
    out = stage.with_unit(marked.where(_is_out(quarantine)))
    kept_out = out.select(
        ROW_KEY, UNIT, F.lit(quarantine).alias(plan.output), F.when(new, F.col(CONFLICTS)).alias(CONFLICTS)
    )
    statuses = united.select(ROW_KEY, _status(new, several, joined))
    statuses = statuses.unionByName(out.select(ROW_KEY, F.when(new, "quarantined").otherwise("old").alias(STATUS)))
    return chosen.unionByName(kept_out).join(statuses, ROW_KEY)


def _status(new: Column, several: Column, joined: Column) -> Column:
    status = F.when(~new, "old").when(several, "quarantined").when(joined, "joined").otherwise("fresh")
    return status.alias(STATUS)


def _is_out(quarantine: str) -> Column:
    return F.coalesce(F.col(PART) == quarantine, F.size(CONFLICTS) > 1)


def _with_conflicts(stage: IncrementalSplitter, assignments: DataFrame, quarantine: str) -> DataFrame:
    """Return the assignments with the parts that the group and the cluster of each new row are in."""
    ways = [columns for columns in (stage.columns_in("groupCols"), stage.columns_in("clusterCol")) if columns]
    found: list[str] = []
    for number, columns in enumerate(ways):
        way, parts = f"sparring__way{number}", f"sparring__parts{number}"
        assignments = assignments.withColumn(way, value_hash(columns, assignments.schema))
        settled = assignments.where(F.col(PART).isNotNull() & (F.col(PART) != quarantine))
        assignments = assignments.join(settled.groupBy(way).agg(F.collect_set(PART).alias(parts)), way, "left")
        found.append(parts)
    none = F.array().cast("array<string>")
    touched = reduce(F.array_union, [F.coalesce(F.col(parts), none) for parts in found])
    names = [name for name in assignments.columns if not name.startswith(("sparring__way", "sparring__parts"))]
    return assignments.select(
        *[quoted(name) for name in names], F.when(F.col(PART).isNull(), F.array_sort(touched)).alias(CONFLICTS)
    )


def _distribute_fresh(stage: IncrementalSplitter, settled: DataFrame) -> DataFrame:
    """Return the part of every unit that holds new rows only, distributed to what the classes miss now."""
    plan = stage.plan()
    held, _ = _counts(settled, plan.parts)
    signed = profile_groups(settled.where(F.col(PART).isNull()), UNIT)
    found = ClassCountProfiles.of(signed, UNIT, list(held))
    quotas = quotas_for_new(found, held, plan.weights, plan.seed)
    return assign_profiles(signed, UNIT, quotas, plan)


def quotas_for_new(
    found: ClassCountProfiles, held: Mapping[str, Sequence[int]], weights: Sequence[float], seed: int
) -> dict[str, list[int]]:
    """Return signature -> new groups for each part, so that old rows and new ones together come near their shares.

    Parameters
    ----------
    found : ClassCountProfiles
        The new groups; its classes are all there are.
    held : mapping of str to sequence of int
        Class -> rows that each part holds.
    weights : sequence of float
    seed : int
    """
    if not found.vectors:
        return {}
    rows = [held.get(name, [0] * len(weights)) for name in found.classes]
    by_part = [list(part) for part in zip(*rows, strict=True)]
    return found.allocated(weights, seed, by_part)
