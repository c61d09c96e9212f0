"""Facts that the driver knows, for the rows that they are about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sparring.spark.reserved import named, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Rows look through so many facts faster than a join begins.
FEW_FACTS = 32


def with_facts(rows: DataFrame, by: str, facts: Mapping[str, Any], output: str, kind: str) -> DataFrame:
    """Return ``rows`` with the fact about each one, null where there is none.

    Parameters
    ----------
    rows : DataFrame
    by : str
        Text column; its values are the keys of ``facts``.
    facts : mapping
        Texts, whole numbers, lists and mappings of such.
    output : str
        Name of the new column.
    kind : str
        Its type as Spark's SQL writes it.

    Notes
    -----
    Cost: none to speak of for up to 32 facts, which are part of the expression; else a broadcast join.

    Examples
    --------
    >>> with_facts(rows, "class", {"late": 3, "early": 5}, "size", "int").show()     # doctest: +SKIP
    """
    from sparring.engine import functions as F

    if len(facts) <= FEW_FACTS:
        known = F.from_json(F.lit(json.dumps(facts)), f"map<string,{kind}>")
        return rows.withColumn(output, known[named(by)])
    listed = ({by: name, output: fact} for name, fact in facts.items())
    table = literal_table(rows.sparkSession, listed, f"{quoted(by)} string, {quoted(output)} {kind}")
    return rows.join(F.broadcast(table), by, "left")


def literal_table(spark: SparkSession, rows: Iterable[Mapping[str, Any]], schema: str) -> DataFrame:
    """Return ``rows`` as a table that lies in the query's plan.

    ``createDataFrame`` would start Python workers to convert them, which takes longer than most joins.

    Parameters
    ----------
    spark : SparkSession
    rows : iterable of mapping
        Column -> value: texts, whole numbers, lists and mappings of such.
    schema : str
        Columns and types as Spark's SQL writes them.

    Examples
    --------
    >>> literal_table(spark, [{"name": "a", "size": 3}], "name string, size long").show()     # doctest: +SKIP
    """
    from sparring.engine import functions as F

    listed = F.from_json(F.lit(json.dumps(list(rows))), f"array<struct<{schema}>>")
    return spark.range(0, 1, 1, 1).select(F.inline(listed))
