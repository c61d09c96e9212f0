"""The class of a row: the joint value of columns, the bin of a number, or its set of labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.model_selection.order import order_statistics, quantile_ranks
from sparring.model_selection.values import value_text
from sparring.spark.reserved import named, reserved

CLASS = "sparring__class"
LABEL = reserved("label")
EVERYTHING = "all rows"
JSON_OPTIONS = {"ignoreNullFields": "false"}
# Types whose text has no character that JSON would escape.
PLAIN = (T.NumericType, T.BooleanType, T.DateType, T.TimestampType)
NUMBERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType, T.FloatType, T.DoubleType)


def with_class(rows: DataFrame, columns: Sequence[str], quantile_cols: Sequence[str] = (), bins: int = 10) -> DataFrame:
    """Return ``rows`` with the text column ``sparring__class``.

    Parameters
    ----------
    rows : DataFrame
    columns : sequence of str
        Columns whose values enter as text, see :mod:`~sparring.model_selection.values`; null is a value of its own.
    quantile_cols : sequence of str, default ()
        Numeric columns that enter as the number of their quantile bin; null, NaN and infinities have none.
    bins : int, default 10

    Notes
    -----
    Cost: none without ``quantile_cols``; else what :func:`~sparring.model_selection.order.order_statistics` costs,
    for each of them.
    """
    if not columns and not quantile_cols:
        return rows.withColumn(CLASS, F.lit(EVERYTHING))
    values = {name: value_text(named(name), rows.schema[name].dataType) for name in columns}
    numbers = {f"bin of {name}": _bin_of(rows, name, bins) for name in quantile_cols}
    plain = all(isinstance(rows.schema[name].dataType, PLAIN) for name in columns)
    return rows.withColumn(CLASS, (_plain_json if plain else _json)({**values, **numbers}))


def _json(values: Mapping[str, Column]) -> Column:
    return F.to_json(F.struct(*(value.alias(name) for name, value in values.items())), JSON_OPTIONS)


def _plain_json(values: Mapping[str, Column]) -> Column:
    """Return what :func:`_json` does, for values without characters to escape: compiled, which ``to_json`` is not."""
    pieces: list[Column] = []
    for name, value in values.items():
        pieces.append(F.lit(("," if pieces else "{") + json.dumps(name, ensure_ascii=False) + ":"))
        pieces.append(F.coalesce(F.concat(F.lit('"'), value, F.lit('"')), F.lit("null")))
    return F.concat(*pieces, F.lit("}"))


def renamed_class(text: str) -> str:
    """Return a class's text with the same names for the columns of any table: those that a run uses itself.

    Examples
    --------
    >>> renamed_class('{"late":"1.0","carrier":null}')
    '{"sparring__label":"1.0","sparring__label1":null}'
    """
    if not text.startswith("{"):
        return text
    values = [value for _, value in json.loads(text, object_pairs_hook=list)]
    names = [f"{LABEL}{at or ''}" for at in range(len(values))]
    return json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, separators=(",", ":"))


def _bin_of(rows: DataFrame, name: str, bins: int) -> Column:
    """Return the bin of a number, from 0: equal numbers share one, so bins are equally full only without ties."""
    number = named(name)
    if isinstance(rows.schema[name].dataType, (T.FloatType, T.DoubleType)):
        number = F.when(F.abs(number) < float("inf"), number)
    values = rows.select(number.alias(name)).where(named(name).isNotNull())
    ranks = quantile_ranks(values.count(), [1 / bins] * (bins - 1))
    edges = order_statistics(values, [max(rank, 1) for rank in ranks]) if any(ranks) else []
    return sum(((number > edge).cast("int") for edge in sorted(set(edges))), number * 0).cast("int").cast("string")


def label_set(columns: Sequence[str], schema: T.StructType) -> Column:
    """Return a row's labels as the text of a JSON array, the same for all types that hold them.

    Parameters
    ----------
    columns : sequence of str
        One column of arrays of labels, or a numeric or boolean column for each label; null, NaN and 0 mean absent.
    schema : StructType
    """
    first, kind = named(columns[0]), schema[columns[0]].dataType
    if isinstance(kind, T.ArrayType):
        texts = F.transform(first, lambda label: value_text(label, kind.elementType))
        labels = F.array_sort(F.array_distinct(texts))
        return F.coalesce(F.to_json(F.filter(labels, lambda label: label.isNotNull())), F.lit("[]"))
    numbers = {name: F.nanvl(named(name).cast("double"), F.lit(0.0)) for name in sorted(columns)}
    present = [F.when(number != 0, F.lit(name)) for name, number in numbers.items()]
    return F.to_json(F.filter(F.array(*present), lambda label: label.isNotNull()))


def labels_of(text: str) -> list[str]:
    """Return the labels in the text that :func:`label_set` wrote."""
    labels: list[str] = json.loads(text)
    return labels
