"""Proposing a configuration: look at a table, infer each column's kind, and write down why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparring.config.schema import FeaturesConfig, TableConfig
from sparring.data.column_types import Tally
from sparring.errors import TableError, did_you_mean
from sparring.one_machine.choice import AUTO, Source, engine_for, session_on
from sparring.proposal.deduplicate import propose_deduplicate
from sparring.proposal.profile import ColumnProfile
from sparring.proposal.text import write_proposal
from sparring.spark.reserved import named, quoted
from sparring.spark.session import SessionSpec, s3a_settings
from sparring.task.choose import problem_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from sparring.data.csv_dialect import Dialect

CATEGORIES = 200
# From this share of numbers on a column of text is taken for numbers with some words among them.
MOSTLY_NUMBERS = 0.8
KINDS = ("numeric", "timestamp", "categorical")


@dataclass(frozen=True)
class Wishes:
    """What the user says of the table; the rest is proposed.

    Attributes
    ----------
    label : str
        The column to predict.
    group : sequence of str
        Columns whose joint value must not straddle two parts.
    key : sequence of str
        Columns that identify a row; empty: one is looked for.
    time : str, optional
        When a row came to be; None: proposed where one column alone can be it.
    positive : str, optional
        The label's positive value; None: the larger.
    task : str
        ``binary``, ``multiclass`` or ``regression``; "auto": by the label's values.
    ignore : sequence of str
        Columns that are no features.
    options : mapping of str to str
        How the file is written, as ``table.options``.
    """

    label: str
    group: Sequence[str] = ()
    key: Sequence[str] = ()
    time: str | None = None
    positive: str | None = None
    task: str = "auto"
    ignore: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def check(self, path: str, columns: Sequence[str]) -> None:
        """Raise :class:`TableError` for a column that the table does not have."""
        wanted = [("label", self.label), *(("group", name) for name in self.group)]
        wanted += [*(("key", name) for name in self.key), *(("ignore", name) for name in self.ignore)]
        wanted += [("time", self.time)] if self.time else []
        for option, name in wanted:
            if name not in columns:
                raise TableError(
                    f"--{option}: column {name!r} is not in {path!r}, which has {', '.join(columns)}",
                    f"Name an existing column.{did_you_mean(name, list(columns))}",
                )


@dataclass(frozen=True)
class Proposal:
    """A configuration, and what it does with each column.

    Attributes
    ----------
    text : str
        YAML with comments.
    columns : list of tuple of str
        Column and what becomes of it.
    """

    text: str
    columns: list[tuple[str, str]]


def propose(path: str, wishes: Wishes, written_path: str | None = None) -> Proposal:
    """Return a commented configuration for the table at ``path``.

    Parameters
    ----------
    path : str
        Parquet, CSV or JSON.
    wishes : Wishes
    written_path : str, optional
        The path as the configuration is to name it, which may be relative to its folder.

    Raises
    ------
    TableError, LabelError
        If the table cannot be read, a column is absent, none can be a feature or the label is none of the task.

    Notes
    -----
    Cost: two passes over the table, and those that find out how a CSV file is written; Spark is started for a table
    that one machine does not take.
    """
    table = TableConfig(
        path=path,
        label=wishes.label,
        task=wishes.task,
        positive=wishes.positive,
        options=dict(wishes.options),
        features=FeaturesConfig(numeric=["_"]),
    )
    with session_on(engine_for(AUTO, [Source.of(table)]), SessionSpec(**s3a_settings([path]))) as session:
        return _propose(session, table, wishes, written_path or path)


def _propose(spark: Any, table: TableConfig, wishes: Wishes, written_path: str) -> Proposal:
    from sparring.data.contract import label_values
    from sparring.data.readers import CORRUPT, open_csv, read_table

    path, csv = table.path or "", open_csv(spark, table)
    frame = (csv.frame if csv else read_table(spark, table)).drop(CORRUPT)
    wishes.check(path, frame.columns)
    kind = frame.schema[wishes.label].dataType.simpleString()
    values = label_values(frame, wishes.label)
    problem = problem_of(values, kind, wishes.label, wishes.task, wishes.positive)
    rows, profiles = profile(frame, wishes, csv.columns if csv else {})
    _require_features(path, profiles)
    config = _as_config(path, wishes, profiles)
    duplicates = propose_deduplicate(frame, config)
    dialect = csv.dialect if csv else None
    text = write_proposal(written_path, config, problem, rows, profiles, duplicates, _options(wishes, dialect))
    return Proposal(text, _fates(config, profiles))


def _options(wishes: Wishes, dialect: Dialect | None) -> dict[str, str]:
    return {**(dialect.to_options() if dialect else {}), **wishes.options}


def _require_features(path: str, profiles: list[ColumnProfile]) -> None:
    if not any(p.kind in KINDS for p in profiles):
        reasons = "; ".join(f"{p.name}: {p.why}" for p in profiles) or "it has the label only"
        raise TableError(
            f"No column of {path!r} can be a feature ({reasons})", "Give columns of numbers, times or few texts."
        )


def _as_config(path: str, wishes: Wishes, profiles: list[ColumnProfile]) -> TableConfig:
    """Return the proposed roles."""
    features = {kind: [p.name for p in profiles if p.kind == kind] for kind in KINDS}
    key = list(wishes.key) or [p.name for p in profiles if p.kind == "key"][:1]
    times = features["timestamp"]
    return TableConfig(
        path=path,
        label=wishes.label,
        group=list(wishes.group),
        key=key,
        time=wishes.time or (times[0] if len(times) == 1 else None),
        features=FeaturesConfig(**features),
    )


def _fates(config: TableConfig, profiles: list[ColumnProfile]) -> list[tuple[str, str]]:
    """Return what becomes of each column, in words."""
    roles = [(config.label, "the label")] + [(name, "a group, no feature") for name in config.group]
    roles += [(name, "the key, no feature") for name in config.key]
    told = [
        (p.name, f"{'left out: ' if p.kind not in KINDS else ''}{p.why}{'; ' if p.note else ''}{p.note}")
        for p in profiles
        if p.name not in config.key
    ]
    told = [(name, f"{what}; when the row came to be") if name == config.time else (name, what) for name, what in told]
    return [*dict(roles).items(), *told]


def profile(frame: DataFrame, wishes: Wishes, seen: Mapping[str, Tally]) -> tuple[int, list[ColumnProfile]]:
    """Return the number of rows and a profile of every column that has no role yet.

    Cost: one pass, and a second one for columns that may be keys.
    """
    from sparring.engine import functions as F

    taken = {wishes.label, *wishes.group}
    columns = [field for field in frame.schema.fields if field.name not in taken]
    hashable = [field for field in columns if field.dataType.typeName() not in ("map",)]
    aggregates = [F.count("*").alias("rows")]
    aggregates += [F.count(F.when(named(f.name).isNull(), 1)).alias(f"nulls {f.name}") for f in columns]
    aggregates += [F.approx_count_distinct(quoted(f.name)).alias(f"distinct {f.name}") for f in hashable]
    counts: Any = frame.agg(*aggregates).first()
    near = [] if wishes.key else [f for f in hashable if _may_be_key(f, counts)]
    distinct = [F.countDistinct(quoted(f.name)).alias(f"values {f.name}") for f in near]
    exact: Any = frame.agg(F.count("*").alias("rows"), *distinct).first()
    keys = {*wishes.key, *(f.name for f in near if exact[f"values {f.name}"] == exact["rows"])}
    judged = [_judge(field, counts, keys, seen.get(field.name, Tally())) for field in columns]
    return counts["rows"], [_without(one, wishes.ignore) for one in judged]


def _without(one: ColumnProfile, ignored: Sequence[str]) -> ColumnProfile:
    return ColumnProfile(one.name, one.type, one.nulls, one.distinct, "out", "ignored") if one.name in ignored else one


def _may_be_key(field: Any, seen: Any) -> bool:
    simple = field.dataType.typeName() in ("string", "integer", "long")
    return simple and seen[f"nulls {field.name}"] == 0 and seen[f"distinct {field.name}"] > 0.85 * seen["rows"]


def _judge(field: Any, counts: Any, keys: set[str], seen: Tally) -> ColumnProfile:
    kind, why = _kind(field, counts, keys, seen)
    distinct = dict(counts.asDict()).get(f"distinct {field.name}", 0)
    nulls = counts[f"nulls {field.name}"]
    return ColumnProfile(field.name, field.dataType.simpleString(), nulls, distinct, kind, why, _note(seen))


def _note(seen: Tally) -> str:
    """Return how text was read, where that is worth a look."""
    tokens = {token: times for token, times in seen.missing.items() if token}
    notes = [", ".join(f"{times:,} {token!r}" for token, times in sorted(tokens.items())) + " read as missing"]
    told = {
        "amount": "thousands separators and currency signs dropped",
        "percent": "percent signs dropped: 12% is 12",
        "day_first": "read as day, month, year",
        "month_first": "read as month, day, year",
    }
    return "; ".join([*(notes if tokens else []), *([told[seen.kind]] if seen.kind in told else [])])


def _kind(field: Any, counts: Any, keys: set[str], seen: Tally) -> tuple[str, str]:
    nulls, distinct = counts[f"nulls {field.name}"], counts.asDict().get(f"distinct {field.name}", 0)
    name, kind = field.name, field.dataType.typeName()
    if nulls == counts["rows"]:
        return "out", "null in every row"
    if distinct <= 1 and nulls == 0:
        return "out", "one value only"
    if name in keys:
        return "key", "a different value in every row"
    if kind in ("byte", "short", "integer", "long", "float", "double", "decimal", "boolean"):
        return "numeric", "a number"
    if kind in ("timestamp", "timestamp_ntz", "date"):
        return "timestamp", "a time"
    return (
        _text_kind(distinct, seen)
        if kind == "string"
        else ("out", f"type {field.dataType.simpleString()} is no feature")
    )


def _text_kind(distinct: int, seen: Tally) -> tuple[str, str]:
    if seen.kind == "either":
        return "out", "days that can be read in two ways; say which: --option dateFormat=dd/MM/yyyy or MM/dd/yyyy"
    share = seen.numbers / seen.values if seen.values else 0.0
    if share >= MOSTLY_NUMBERS and seen.others:
        return "out", (
            f"{share:.1%} numbers, and text such as {seen.others[0]!r}: list it under numeric to quarantine rows with "
            "text, or name the text under table.missing"
        )
    if distinct <= CATEGORIES:
        return "categorical", "codes with leading zeros" if share == 1 else "text with few values"
    return (
        "out",
        f"text with more than {CATEGORIES} values, about {distinct:,}; list it under categorical to use the commonest",
    )
