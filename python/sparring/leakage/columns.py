"""What the columns of the audited parts mean, and one schema for all parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sparring.data.readers import CORRUPT
from sparring.errors import SchemaError, TableError
from sparring.params import require_columns
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType

OWNER = "LeakageAudit"
PART = "sparring__part"


@dataclass(frozen=True)
class AuditColumns:
    """Columns by role; features are ``numbers``, ``timestamps``, ``categories``, ``texts`` and ``others``.

    Attributes
    ----------
    numbers : sequence of str
        Numeric features.
    timestamps : sequence of str
        Dates and times that are features.
    categories : sequence of str
        Features compared by equality.
    texts : sequence of str
        Features compared by shingles.
    others : sequence of str
        Features of nested types: they count for equality of rows only.
    label : str, optional
        What is to be predicted.
    keys : sequence of str
        Identify a row jointly.
    groups : sequence of str
        Their joint value must not be in two parts.
    clusters : sequence of str
        Their joint value is shared by rows that are copies of one thing, or may be: what deduplication wrote.  Equal
        rows of different clusters are coincidences then; without it the audit weighs the evidence itself.
    time : str, optional
        When a row came to be.
    order : str, optional
        A number that says in which order rows stand within their part, such as a row number.
    """

    numbers: Sequence[str] = ()
    timestamps: Sequence[str] = ()
    categories: Sequence[str] = ()
    texts: Sequence[str] = ()
    others: Sequence[str] = ()
    label: str | None = None
    keys: Sequence[str] = ()
    groups: Sequence[str] = ()
    clusters: Sequence[str] = ()
    time: str | None = None
    order: str | None = None

    @property
    def features(self) -> list[str]:
        """All features."""
        return [*self.numbers, *self.timestamps, *self.categories, *self.texts, *self.others]

    @property
    def roles(self) -> dict[str, list[str]]:
        """Role -> its columns, features last."""
        single = {role: [name] for role in ("label", "time", "order") if (name := getattr(self, role)) is not None}
        several = {role: list(getattr(self, role)) for role in ("keys", "groups", "clusters")}
        return {**single, **several, "features": self.features}

    @property
    def used(self) -> list[str]:
        """Every column once."""
        return list(dict.fromkeys(name for names in self.roles.values() for name in names))

    def check(self, schema: StructType) -> None:
        """Raise :class:`SchemaError` for the first column that is absent or cannot play its role."""
        from pyspark.sql import types as T

        moment = (T.DateType, T.TimestampType, T.TimestampNTZType)
        kinds = {"time": (*moment, T.NumericType, T.StringType), "order": (T.NumericType,)}
        for role, names in self.roles.items():
            require_columns(schema, names, f"{OWNER}.{role}", kinds.get(role))
        require_columns(schema, self.numbers, f"{OWNER}.numbers", (T.NumericType, T.BooleanType))
        require_columns(schema, self.timestamps, f"{OWNER}.timestamps", (*moment, T.StringType))
        require_columns(schema, self.texts, f"{OWNER}.texts", (T.StringType,))
        if not self.features:
            raise TableError(
                f"{OWNER}: no feature is left besides label, keys, groups and time", "Give tables with features."
            )

    def with_inferred_features(self, schema: StructType, ignore: Sequence[str] = ()) -> AuditColumns:
        """Return these roles with every other column of ``schema`` as a feature, its kind taken from its type."""
        from pyspark.sql import types as T

        require_columns(schema, ignore, f"{OWNER}.ignore")
        taken = {*(name for names in self.roles.values() for name in names), *ignore}
        kinds: dict[str, Any] = {"numbers": [], "timestamps": [], "categories": [], "others": []}
        for field in schema.fields:
            if field.name in taken:
                continue
            if isinstance(field.dataType, T.NumericType):
                kinds["numbers"].append(field.name)
            elif isinstance(field.dataType, (T.DateType, T.TimestampType, T.TimestampNTZType)):
                kinds["timestamps"].append(field.name)
            elif isinstance(field.dataType, (T.StringType, T.BooleanType)):
                kinds["categories"].append(field.name)
            else:
                kinds["others"].append(field.name)
        return replace(self, **kinds)


def unite(parts: Mapping[str, DataFrame], ignore: Sequence[str] = ()) -> DataFrame:
    """Return all rows with the number of their part in ``sparring__part``; the first part is train.

    Raises
    ------
    SchemaError
        If the parts have other columns, or a column has types that no common type holds.
    """
    from functools import reduce

    from sparring.engine import functions as F

    frames = {name: frame.drop(*ignore, CORRUPT) for name, frame in parts.items()}
    names = list(frames)
    first = frames[names[0]].schema
    for name in names[1:]:
        _require_same_columns(names[0], first, name, frames[name].schema)
    kinds = {field.name: _common_type(field.name, frames) for field in first.fields}
    cast = [
        frames[name].select(
            *[named(column).cast(kind).alias(column) for column, kind in kinds.items()],
            F.lit(number).alias(PART),
        )
        for number, name in enumerate(names)
    ]
    return reduce(lambda left, right: left.unionByName(right), cast)


def _require_same_columns(one: str, left: StructType, other: str, right: StructType) -> None:
    for here, there, present, absent in ((left, right, one, other), (right, left, other, one)):
        lacking = [name for name in here.names if name not in there.names]
        if lacking:
            raise SchemaError(
                f"{OWNER}: {present} has the columns {', '.join(lacking)}, which {absent} lacks",
                f"Give parts of one schema, or leave out what they do not share (--ignore {lacking[0]}).",
            )


def _common_type(column: str, frames: Mapping[str, DataFrame]) -> DataType:
    """Return the type that holds the column of every part."""
    from pyspark.sql import types as T

    found = {name: frame.schema[column].dataType for name, frame in frames.items()}
    kinds = list(found.values())
    if all(kind == kinds[0] for kind in kinds):
        return kinds[0]
    for family, wide in (
        (T.IntegralType, T.LongType()),
        (T.NumericType, T.DoubleType()),
        ((T.DateType, T.TimestampType, T.TimestampNTZType), T.TimestampType()),
    ):
        if all(isinstance(kind, family) for kind in kinds):
            return wide
    shown = ", ".join(f"{kind.simpleString()} in {name}" for name, kind in found.items())
    raise SchemaError(
        f"{OWNER}: column {column!r} has types without a common one: {shown}",
        f"Convert it in one of the tables, or leave it out (--ignore {column}).",
    )
