"""Rows, or groups as a whole, to parts or folds: the one way that every splitter and fold maker goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from sparring.data.numbers import text_of
from sparring.engine import functions as F
from sparring.errors import SplitError
from sparring.model_selection.allocation import allocate_groups, apportion
from sparring.model_selection.cuts import assign_by_quota
from sparring.model_selection.hash_order import hash_order
from sparring.model_selection.strata import CLASS, renamed_class
from sparring.spark.checkpoint import computed_once
from sparring.spark.reserved import named, quoted

PROFILE = "sparring__profile"
Quotas = dict[str, list[int]]


@dataclass(frozen=True)
class SplitPlan:
    """How rows are to be assigned.

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
    strict : bool, default True
        Refuse classes with fewer rows or groups than parts, parts without a class, and groups larger than a part.
    """

    owner: str
    parts: Sequence[str]
    weights: Sequence[float]
    output: str
    seed: int
    strict: bool = True


def assign_rows(
    rows: DataFrame,
    key: str,
    plan: SplitPlan,
    quotas_of: Callable[[Mapping[str, int], Sequence[float]], Quotas] = apportion,
) -> DataFrame:
    """Return ``rows``, which have a class and the text column ``key``, with the part of each.

    Parameters
    ----------
    rows : DataFrame
    key : str
    plan : SplitPlan
    quotas_of : callable, default apportion
        Gives the rows of each class for each part, from the rows of each class and the weights.

    Notes
    -----
    Cost: a pass over class and key, two beyond 10 MB (``spark.sql.autoBroadcastJoinThreshold``), three beyond ten
    million rows a class; no row shuffle.
    """
    places = hash_order(rows, CLASS, key, plan.seed)
    sizes = places.sizes
    require_members(plan, sizes, "rows", sum(sizes.values()))
    quotas = quotas_of(sizes, plan.weights)
    return assign_by_quota(rows, CLASS, key, quotas, plan.parts, plan.output, plan.seed, places)


def assign_groups(rows: DataFrame, group: str, named_by: Sequence[str], plan: SplitPlan) -> DataFrame:
    """Return ``rows``, which have a class and the text column ``group``, with the part of each one's group.

    Parameters
    ----------
    rows : DataFrame
    group : str
        Column of the groups' ids.
    named_by : sequence of str
        Columns that tell the user which group a message is about.
    plan : SplitPlan

    Notes
    -----
    Cost: one pass with two shuffles of class counts a group, which are kept; two passes over these; a join of the
    groups back to the rows, broadcast when they are few.  The driver sees distinct class-count vectors, never groups.
    """
    signed = profile_groups(rows, group)
    found = ClassCountProfiles.of(signed, group)
    require_members(plan, found.groups_with(), "groups", sum(found.members.values()))
    _require_room(plan, found, rows, group, named_by)
    quotas = found.allocated(plan.weights, plan.seed)
    _require_filled(plan, quotas, found)
    return rows.join(assign_profiles(signed, group, quotas, plan), group)


def profile_groups(rows: DataFrame, group: str) -> DataFrame:
    """Return the text of the class counts of every group: groups with the same one are interchangeable."""
    counted = rows.groupBy(group, CLASS).count()
    text = F.to_json(F.sort_array(F.collect_list(F.struct(CLASS, "count"))))
    return computed_once(counted.groupBy(group).agg(text.alias(PROFILE)))


def assign_profiles(signed: DataFrame, group: str, quotas: Quotas, plan: SplitPlan) -> DataFrame:
    """Return the part of every group, taken in the order of their hashes until a signature's quota is full."""
    assigned = assign_by_quota(signed, PROFILE, group, quotas, plan.parts, plan.output, plan.seed)
    return assigned.select(group, quoted(plan.output))


@dataclass(frozen=True)
class ClassCountProfiles:
    """The distinct class-count vectors of groups, which is all that the driver sees of them.

    Attributes
    ----------
    classes : list of str
    vectors : dict of str to list of int
        Profile -> rows of each class.
    members : dict of str to int
        Profile -> groups.
    examples : dict of str to str
        Profile -> id of one of its groups.
    """

    classes: list[str]
    vectors: dict[str, list[int]]
    members: dict[str, int]
    examples: dict[str, str]

    @staticmethod
    def of(signed: DataFrame, group: str, classes: Sequence[str] = ()) -> ClassCountProfiles:
        """Return those of ``signed``; ``classes`` come on top of those that it has."""
        counts = F.from_json(PROFILE, f"array<struct<{CLASS}: string, count: long>>").alias("counts")
        found = signed.groupBy(PROFILE).agg(F.count("*").alias("groups"), F.max(group).alias("example"))
        rows = {row[PROFILE]: row for row in found.withColumn("counts", counts).collect()}
        names = sorted({*classes, *(entry[CLASS] for row in rows.values() for entry in row["counts"])})
        return ClassCountProfiles(
            names,
            {text: _vector(row["counts"], names) for text, row in rows.items()},
            {text: row["groups"] for text, row in rows.items()},
            {text: row["example"] for text, row in rows.items()},
        )

    def groups_with(self) -> dict[str, int]:
        """Return class -> groups that have a row of it."""
        return {
            name: sum(self.members[text] for text, vector in self.vectors.items() if vector[at] > 0)
            for at, name in enumerate(self.classes)
        }

    def allocated(self, weights: Sequence[float], seed: int, held: Sequence[Sequence[int]] | None = None) -> Quotas:
        """Return :func:`~sparring.model_selection.allocation.allocate_groups` of these; no column's name enters."""
        hashed = {text: self._nameless(vector) for text, vector in self.vectors.items()}
        vectors = {hashed[text]: vector for text, vector in self.vectors.items()}
        members = {hashed[text]: count for text, count in self.members.items()}
        found = allocate_groups(vectors, members, weights, seed, held)
        return {text: found[hashed[text]] for text in self.vectors}

    def _nameless(self, vector: Sequence[int]) -> str:
        """Return a signature as it would be with a run's own names for the columns of its classes."""
        classes = [renamed_class(name) for name in self.classes]
        counts = [{CLASS: name, "count": rows} for name, rows in zip(classes, vector, strict=True) if rows]
        return json.dumps(counts, ensure_ascii=False, separators=(",", ":"))

    def largest(self) -> str:
        """Return the signature of the groups with most rows."""
        return max(self.vectors, key=lambda text: (sum(self.vectors[text]), text))

    def rows(self) -> int:
        """Return the rows of all groups."""
        return sum(self.members[text] * sum(vector) for text, vector in self.vectors.items())


def _vector(counts: list[Any], classes: list[str]) -> list[int]:
    of = {entry[CLASS]: entry["count"] for entry in counts}
    return [of.get(name, 0) for name in classes]


def require_members(plan: SplitPlan, sizes: Mapping[str, int], unit: str, members: int) -> None:
    """Raise :class:`SplitError` for fewer ``members`` than parts and, if strict, for classes with fewer than that."""
    if not sizes:
        raise SplitError(f"{plan.owner}: the table to split has no rows", "Check what earlier stages removed.")
    parts = len(plan.parts)
    if members < parts:
        raise SplitError(
            f"{plan.owner}: {parts} parts need at least {parts} {unit}, got {members:,} {unit}",
            "Split into fewer parts.",
        )
    small = {name: size for name, size in sizes.items() if size < parts}
    if not small or not plan.strict:
        return
    shown = "; ".join(f"{name}: {size:,} {unit}" for name, size in sorted(small.items())[:20])
    more = f"; and {len(small) - 20} more" if len(small) > 20 else ""
    raise SplitError(
        f"{plan.owner}: a class needs at least {parts} {unit}, one for each of {', '.join(plan.parts)}; too small: "
        f"{shown}{more}",
        "Join rare classes, split into fewer parts, do not stratify by that column, or set strict=False.",
    )


def _require_room(
    plan: SplitPlan, found: ClassCountProfiles, rows: DataFrame, group: str, named_by: Sequence[str]
) -> None:
    total, largest = found.rows(), found.largest()
    size, room = sum(found.vectors[largest]), max(plan.weights) * total
    if plan.strict and size > room:
        # A group of several joined ones is named by the first of them.
        values = [F.coalesce(text_of(named(name), rows.schema[name].dataType), F.lit("null")) for name in named_by]
        texts = [F.concat(F.lit(f"{name}="), value) for name, value in zip(named_by, values, strict=True)]
        members_of = rows.where(F.col(group) == found.examples[largest])
        whose = members_of.agg(F.min(F.concat_ws(", ", *texts))).collect()[0][0]
        raise SplitError(
            f"{plan.owner}: the group of {whose} has {size:,} of {total:,} rows, the largest part is to have "
            f"{room:,.0f}",
            "Use a finer group, fewer parts, or strict=False to let a part be larger than its share.",
        )


def _require_filled(plan: SplitPlan, quotas: Quotas, found: ClassCountProfiles) -> None:
    if not plan.strict:
        return
    for at, part in enumerate(plan.parts):
        for position, name in enumerate(found.classes):
            if sum(quotas[text][at] * found.vectors[text][position] for text in quotas) == 0:
                raise SplitError(
                    f"{plan.owner}: with whole groups, {part} would get no row of class {name}",
                    "Use a finer group, a larger share, fewer parts, or strict=False.",
                )
