"""Rows, or groups as a whole, to parts or folds: the one way that every splitter and fold maker goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from sparring.errors import SplitError
from sparring.model_selection.allocation import allocate_groups, apportion
from sparring.model_selection.cuts import assign_by_quota

CLASS = "_class"
EVERYTHING = "all rows"


@dataclass(frozen=True)
class Allotment:
    """How rows are to be allotted.

    Attributes
    ----------
    owner : str
        The stage, which opens every message.
    parts : sequence of str
        Their names.
    weights : sequence of float
        Share of each part; they sum to 1.
    output : str
        Name of the new column.
    seed : int
        Decides, together with a row's key, its place in the order.
    require_every_class : bool, default True
        Refuse classes with fewer rows or groups than parts, and parts without a class.
    """

    owner: str
    parts: Sequence[str]
    weights: Sequence[float]
    output: str
    seed: int
    require_every_class: bool = True


def class_of(columns: Sequence[str]) -> Column:
    """Return the joint value of ``columns`` as text that tells null from 'null'; one text for all without columns."""
    if not columns:
        return F.lit(EVERYTHING)
    fields = [F.col(f"`{name}`").cast("string").alias(name) for name in columns]
    return F.to_json(F.struct(*fields), {"ignoreNullFields": "false"})


def allot_rows(rows: DataFrame, key: str, plan: Allotment) -> DataFrame:
    """Return ``rows``, which have a class and the text column ``key``, with the part of each.

    Notes
    -----
    Cost: three passes over class and key, no row shuffle.
    """
    sizes = {row[CLASS]: row["count"] for row in rows.groupBy(CLASS).count().collect()}
    _require_members(plan, sizes, "rows")
    quotas = apportion(sizes, plan.weights)
    return assign_by_quota(rows, F.col(CLASS), F.col(key), quotas, plan.parts, plan.output, plan.seed)


def allot_groups(rows: DataFrame, group: str, named_by: Sequence[str], plan: Allotment) -> DataFrame:
    """Return ``rows``, which have a class and the text column ``group``, with the part of each one's group.

    Parameters
    ----------
    rows : DataFrame
    group : str
        Column of the groups' ids.
    named_by : sequence of str
        Columns that tell the user which group a message is about.
    plan : Allotment

    Notes
    -----
    Cost: two shuffles of class counts a group, two passes over the groups, and a join of the groups back to the rows,
    broadcast when they are few.  The driver sees distinct class-count vectors, never groups.
    """
    counted = rows.groupBy(group, CLASS).count()
    # The text of the class counts: groups with the same one are interchangeable.
    signature = F.to_json(F.sort_array(F.collect_list(F.struct(CLASS, "count"))))
    signed = counted.groupBy(group).agg(signature.alias("_signature"))
    counts = F.from_json("_signature", f"array<struct<{CLASS}: string, count: long>>").alias("counts")
    found = signed.groupBy("_signature").agg(F.count("*").alias("groups"), F.max(group).alias("example"))
    members = {row["_signature"]: row for row in found.withColumn("counts", counts).collect()}
    classes = sorted({entry[CLASS] for row in members.values() for entry in row["counts"]})
    vectors = {text: _vector(row["counts"], classes) for text, row in members.items()}
    _require_members(plan, _groups_with(classes, vectors, members), "groups")
    _require_room(plan, vectors, members, rows, group, named_by)
    quotas = allocate_groups(vectors, {text: row["groups"] for text, row in members.items()}, plan.weights, plan.seed)
    _require_filled(plan, quotas, vectors, classes)
    assigned = assign_by_quota(signed, F.col("_signature"), F.col(group), quotas, plan.parts, plan.output, plan.seed)
    return rows.join(assigned.select(group, plan.output), group)


def _vector(counts: list[Any], classes: list[str]) -> list[int]:
    of = {entry[CLASS]: entry["count"] for entry in counts}
    return [of.get(name, 0) for name in classes]


def _groups_with(classes: list[str], vectors: dict[str, list[int]], members: dict[str, Any]) -> dict[str, int]:
    """Return class -> groups that have a row of it."""
    return {
        name: sum(members[text]["groups"] for text in members if vectors[text][at] > 0)
        for at, name in enumerate(classes)
    }


def _require_members(plan: Allotment, sizes: dict[str, int], unit: str) -> None:
    if not sizes:
        raise SplitError("The table to split has no rows", "Check what earlier stages removed.")
    small = {name: size for name, size in sizes.items() if size < len(plan.parts)}
    if small and (plan.require_every_class or len(small) == len(sizes)):
        shown = "; ".join(f"{name}: {size} {unit}" for name, size in sorted(small.items()))
        raise SplitError(
            f"{plan.owner}.stratifyCols: a class needs at least {len(plan.parts)} {unit}, one for each of "
            f"{', '.join(plan.parts)}; too small: {shown}",
            "Join rare classes, split into fewer parts, or leave stratifyCols empty.",
        )


def _require_room(
    plan: Allotment,
    vectors: dict[str, list[int]],
    members: dict[str, Any],
    rows: DataFrame,
    group: str,
    named_by: Sequence[str],
) -> None:
    total = sum(members[text]["groups"] * sum(vectors[text]) for text in members)
    largest = max(vectors, key=lambda text: (sum(vectors[text]), text))
    size, room = sum(vectors[largest]), max(plan.weights) * total
    if plan.require_every_class and size > room:
        # A group of several joined ones is named by the first of them.
        values = [F.coalesce(F.col(f"`{name}`").cast("string"), F.lit("null")) for name in named_by]
        texts = [F.concat(F.lit(f"{name}="), value) for name, value in zip(named_by, values, strict=True)]
        members_of = rows.where(F.col(group) == members[largest]["example"])
        named = members_of.agg(F.min(F.concat_ws(", ", *texts))).collect()[0][0]
        raise SplitError(
            f"{plan.owner}: the group of {named} has {size:,} of {total:,} rows, the largest part is to have "
            f"{room:,.0f}",
            "Use a finer group, or give that group to one part yourself.",
        )


def _require_filled(
    plan: Allotment, quotas: dict[str, list[int]], vectors: dict[str, list[int]], classes: list[str]
) -> None:
    if not plan.require_every_class:
        return
    for at, part in enumerate(plan.parts):
        for position, name in enumerate(classes):
            if sum(quotas[text][at] * vectors[text][position] for text in quotas) == 0:
                raise SplitError(
                    f"{plan.owner}: with whole groups, {part} would get no row of class {name}",
                    "Use a finer group, a larger share, or fewer parts.",
                )
