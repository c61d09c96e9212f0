"""Proposing a configuration: look at a table, infer each column's kind, and write down why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from sparring.config.propose_deduplicate import propose_deduplicate
from sparring.config.schema import FeaturesConfig, TableConfig
from sparring.data.reserved import named, quoted
from sparring.errors import TableError, did_you_mean

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CATEGORIES = 200
KINDS = ("numeric", "timestamp", "categorical")
CONTENDERS = """\
contenders:
  - {name: mllib-logistic, engine: spark, family: logistic_regression, hyperparameters: {regParam: 0.0001}}
  - {name: sklearn-logistic, engine: single_node, family: logistic_regression, hyperparameters: {regParam: 0.0001}}
  # The same rounds, depth and learning rate for all boosted trees: else settings would be compared, not engines.
  - name: mllib-gbt
    engine: spark
    family: gradient_boosted_trees
    hyperparameters: {maxIter: 50, maxDepth: 4, stepSize: 0.1}
  - name: xgboost
    engine: single_node
    family: gradient_boosted_trees
    hyperparameters: &trees {num_round: 50, max_depth: 4, eta: 0.1}
  # Without role, bucket and region under sagemaker: an embedded local stand-in runs the job.
  - {name: sagemaker-xgboost, engine: sagemaker, family: gradient_boosted_trees, hyperparameters: *trees}
"""


@dataclass(frozen=True)
class ColumnProfile:
    """What was seen of a column: its type, null rows, distinct values (within about 5%) and proposed kind.

    ``kind`` is numeric, categorical, timestamp, key, or left out, ``why`` says so in words.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    kind: str
    why: str


def propose(path: str, label: str, group: Sequence[str] = ()) -> str:
    """Return a commented configuration for the table at ``path``.

    Parameters
    ----------
    path : str
        Parquet, CSV or JSON.
    label : str
        The column to predict; it must hold two values.
    group : sequence of str, optional
        Columns whose joint value must not straddle two parts.

    Raises
    ------
    TableError, LabelError
        If the table cannot be read, a column is absent or the label is not binary.

    Notes
    -----
    Cost: starts Spark; two passes over the table.
    """
    from sparring.data.contract import label_values, positive_value
    from sparring.data.readers import CORRUPT, read_table
    from sparring.session import active_session, get_session, stop_session

    ours = active_session() is None
    spark = get_session()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        placeholder = TableConfig(path=path, label=label, features=FeaturesConfig(numeric=["_"]))
        frame = read_table(spark, placeholder)
        frame = frame.drop(CORRUPT)
        for name in (label, *group):
            if name not in frame.columns:
                raise TableError(
                    f"Column {name!r} is not in {path!r}, which has {', '.join(frame.columns)}",
                    f"Name an existing column.{did_you_mean(name, frame.columns)}",
                )
        positive = positive_value(label_values(frame, label), placeholder)
        rows, profiles = profile(frame, {label, *group})
        duplicates = propose_deduplicate(frame, _as_config(path, label, group, profiles)) if _usable(profiles) else []
    finally:
        if ours:
            stop_session(spark)
    return _write(path, label, list(group), positive, rows, profiles, duplicates)


def _usable(profiles: list[ColumnProfile]) -> bool:
    return any(p.kind in KINDS for p in profiles)


def _as_config(path: str, label: str, group: Sequence[str], profiles: list[ColumnProfile]) -> TableConfig:
    """Return the proposed roles."""
    features = {kind: [p.name for p in profiles if p.kind == kind] for kind in KINDS}
    key = [p.name for p in profiles if p.kind == "key"][:1]
    return TableConfig(path=path, label=label, group=list(group), key=key, features=FeaturesConfig(**features))


def profile(frame: DataFrame, taken: set[str]) -> tuple[int, list[ColumnProfile]]:
    """Return the number of rows and a profile of every column that has no role yet.

    Cost: one pass, and a second one for columns that may be keys.
    """
    from pyspark.sql import functions as F

    columns = [field for field in frame.schema.fields if field.name not in taken]
    hashable = [field for field in columns if field.dataType.typeName() not in ("map",)]
    aggregates = [F.count("*").alias("rows")]
    aggregates += [F.count(F.when(named(f.name).isNull(), 1)).alias(f"nulls {f.name}") for f in columns]
    aggregates += [F.approx_count_distinct(quoted(f.name)).alias(f"distinct {f.name}") for f in hashable]
    seen: Any = frame.agg(*aggregates).first()
    near = [f for f in hashable if _may_be_key(f, seen)]
    exact: Any = frame.agg(F.lit(0), *[F.count_distinct(quoted(f.name)).alias(f.name) for f in near]).first()
    keys = {f.name for f in near if exact[f.name] == seen["rows"]}
    return seen["rows"], [_judge(field, seen, keys) for field in columns]


def _may_be_key(field: Any, seen: Any) -> bool:
    simple = field.dataType.typeName() in ("string", "integer", "long")
    return simple and seen[f"nulls {field.name}"] == 0 and seen[f"distinct {field.name}"] > 0.85 * seen["rows"]


def _judge(field: Any, seen: Any, keys: set[str]) -> ColumnProfile:
    kind, why = _kind(field, seen, keys)
    distinct = dict(seen.asDict()).get(f"distinct {field.name}", 0)
    return ColumnProfile(field.name, field.dataType.simpleString(), seen[f"nulls {field.name}"], distinct, kind, why)


def _kind(field: Any, seen: Any, keys: set[str]) -> tuple[str, str]:
    from pyspark.sql import types as T

    nulls, distinct = seen[f"nulls {field.name}"], seen.asDict().get(f"distinct {field.name}", 0)
    if nulls == seen["rows"]:
        return "out", "null in every row"
    if distinct <= 1 and nulls == 0:
        return "out", "one value only"
    if field.name in keys:
        return "key", "a different value in every row"
    if isinstance(field.dataType, (T.NumericType, T.BooleanType)):
        return "numeric", "a number"
    if isinstance(field.dataType, (T.TimestampType, T.DateType)):
        return "timestamp", "a time"
    if isinstance(field.dataType, T.StringType):
        if distinct <= CATEGORIES:
            return "categorical", "text with few values"
        return (
            "out",
            f"text with more than {CATEGORIES} values; list it under categorical to use the commonest",
        )
    return "out", f"type {field.dataType.simpleString()} is no feature"


def _write(
    path: str,
    label: str,
    group: list[str],
    positive: object,
    rows: int,
    profiles: list[ColumnProfile],
    duplicates: list[str],
) -> str:
    """Return the configuration as text; every value goes through YAML, so that any column name is safe."""
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in PurePosixPath(path).name.split(".")[0]) or "table"
    keys = [p.name for p in profiles if p.kind == "key"][:1]
    lines = [
        f"# Proposed for {path}: {rows:,} rows, {len(profiles) + 1 + len(group)} columns. Check it, then run it.",
        f"name: {_flow(name.lstrip('-_') or 'table')}",
        "seed: 42",
        "",
        "table:",
        f"  path: {_flow(path)}",
        f"  label: {_flow(label)}",
        f"  positive: {_flow(positive)}",
    ]
    lines += [f"  key: {_flow(keys)}" + ("" if keys else "    # none found: the row's content identifies it")]
    if group:
        lines.append(f"  group: {_flow(group)}")
    else:
        lines.append("  # group: [patient]    # columns whose joint value must not be in train and test both")
    lines.append("  features:")
    for kind in KINDS:
        lines += _section(kind, [p for p in profiles if p.kind == kind], rows)
    left_out = [p for p in profiles if p.kind == "out" or (p.kind == "key" and p.name not in keys)]
    if left_out:
        lines += ["    # left out:", *(f"    #   {p.name}: {p.why}" for p in left_out)]
    lines += ["", *duplicates] if duplicates else []
    defaults = ["", "split: {train: 0.7, validation: 0.1, test: 0.2}", "", CONTENDERS.rstrip(), ""]
    return "\n".join([*lines, *defaults])


def _section(kind: str, profiles: list[ColumnProfile], rows: int) -> list[str]:
    if not profiles:
        return []
    return [f"    {kind}:", *(f"      - {_flow(p.name)}    # {_note(p, rows)}" for p in profiles)]


def _note(seen: ColumnProfile, rows: int) -> str:
    nulls = f", {100 * seen.nulls / rows:.1f}% null" if seen.nulls else ""
    return f"{seen.type}, about {seen.distinct:,} values{nulls}"


def _flow(value: object) -> str:
    """Return ``value`` as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
