"""Any column name: every stage, the audit and a whole run do with the worst names what they do with plain ones."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.ml.base import Estimator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.config import load_config
from sparring.data.key import with_row_key
from sparring.dedup import Deduplicator, NearDeduplicator
from sparring.errors import SchemaError
from sparring.estimators.single_node import SingleNodeLogisticRegression, SingleNodeXGBoost
from sparring.feature import FeaturePreparation
from sparring.leakage import AuditColumns, LeakageAudit, audit_split
from sparring.leakage.files import ROW, read_part
from sparring.model_selection import (
    GroupKFold,
    GroupSplitter,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    MultilabelStratifiedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedGroupSplitter,
    StratifiedKFold,
    StratifiedSplitter,
    TimeSeriesSplit,
    TimeSplitter,
    split_balance,
)
from sparring.run.pipeline import Run
from sparring.run.predict import Prediction
from sparring.sagemaker.channel import write_channel
from sparring.spark.reserved import named

ROWS, COPIES = 120, 20
# What a stage reads, with the type of each.
ROLES: dict[str, T.DataType] = {
    "id": T.StringType(),
    "row": T.IntegerType(),
    "label": T.DoubleType(),
    "group": T.StringType(),
    "cluster": T.StringType(),
    "when": T.TimestampType(),
    "x": T.DoubleType(),
    "z": T.DoubleType(),
    "hour": T.IntegerType(),
    "city": T.StringType(),
    "text": T.StringType(),
    "blue": T.IntegerType(),
    "red": T.IntegerType(),
    "weight": T.DoubleType(),
    "features": T.ArrayType(T.FloatType()),
}
# Names that are syntax somewhere, one for each role first; labels keep their order, by which they are listed.
SYNTAX = [
    *("my`key.1", "row number", 'it\'s "the" label', "group.of`rows", "clüster ☃", "a.b.c", "x.1", "my``tick"),
    *("hour, local; (24)", "Städte=Ort\t", "te\\xt*", "blau`2", "rot.1", "1 / ωeight", "features.of.rows"),
    *("X.1", "`", "``", ".", "..", "a.b", "a", "%s {0} $1", "line\nbreak", "é", "É", "#1", "0", "1", " ", "x [kg]"),
    *("select", "null", "*", "count(*)", "_metadata", "_metadata.file_path", "_corrupt_record", "rows in train"),
]
# Names that Sparring's own columns have, or had.
OURS = [
    *("key", "_row", "label", "groupId", "clusterId", "_tick", "values", "part", "split", "features", "_node"),
    *("_class", "_hash", "weight", "isSurvivor", "KEY", "Label", "indices", "group", "fold", "fold0", "trainFrom"),
    *("probability", "prediction", "score", "reason", "_unit_id", "_key", "_groupCols", "_stratifyCols", "_keyCols"),
    *("_c0", "c0", "v0", "n0", "node", "component", "src", "dst", "high", "low", "bands", "similarity", "rows"),
    *(
        "count",
        "fate",
        "bridges",
        "status",
        "conflicting_splits",
        "sent",
        "kind",
        "value",
        "mask",
        "conflict",
        "cell",
        "name",
        "mode",
        "positives",
    ),
    *("negatives", "id", "held", "at", "variant", "class", "unit", "rank", "key:my`key.1", "vector", "model", "size"),
]
assert len({*SYNTAX, *OURS}) == len(SYNTAX) + len(OURS)


@dataclass(frozen=True)
class Names:
    """The names of a table's columns: those of the roles, then those of columns that are only carried along."""

    kind: str
    roles: dict[str, str]
    carried: list[str]

    @property
    def all(self) -> list[str]:
        return [*self.roles.values(), *self.carried]

    def out(self, name: str) -> str:
        """Return the name of an output column."""
        return f"out_{name}" if self.kind == "plain" else f"my`{name}.c "

    def __getattr__(self, role: str) -> str:
        return self.roles[role]

    def __getitem__(self, roles: Any) -> Any:
        return [self.roles[role] for role in roles]


def names_of(kind: str) -> Names:
    """Return plain names, or one half of the worst ones, those of one kind for the roles; always as many."""
    half = (len(SYNTAX) + len(OURS) + 1) // 2
    carried = half - len(ROLES)
    if kind == "plain":
        return Names(kind, {role: role for role in ROLES}, [f"carried{number}" for number in range(carried)])
    worst = [*SYNTAX, *OURS[len(SYNTAX) - half :]] if kind == "syntax" else OURS[:half]
    return Names(kind, dict(zip(ROLES, worst, strict=False)), worst[len(ROLES) : half])


WORST = ("syntax", "ours")
assert {name for kind in WORST for name in names_of(kind).all} == {*SYNTAX, *OURS}
each_kind = pytest.mark.parametrize("kind", WORST)


def records(rows: int, copies: int) -> list[dict[str, Any]]:
    """Rows of all roles, the last ones copies of the first; the label follows x and the city."""
    chance = random.Random(3)
    found: list[dict[str, Any]] = []
    for row in range(rows - copies):
        x, city = chance.gauss(0, 1), chance.choice(["Oslo", "Rome", "Wien", None])
        label = float(x + (city == "Oslo") + chance.gauss(0, 0.5) > 0.3)
        values = {"label": label, "x": None if chance.random() < 0.1 else x, "z": chance.gauss(0, 1), "city": city}
        words = " ".join(
            chance.choice(["red", "green", "blue", "old", "new", "house", "river", "tree"]) for _ in range(12)
        )
        found.append(
            {
                **values,
                "group": f"g{row // 3}",
                # Some clusters join two groups.
                "cluster": f"c{row - (row % 6 == 3)}",
                "when": datetime(2020, 1, 1) + timedelta(hours=17 * row % (24 * 365), seconds=row),
                "hour": chance.randrange(24),
                "text": words,
                "blue": int(chance.random() < 0.4),
                "red": int(label),
                "weight": chance.choice([0.5, 1.0, 2.0]),
                "features": [x, chance.gauss(0, 1), float(city == "Oslo")],
            }
        )
    found += [{**found[row], "text": f"{found[row]['text']}s"} for row in range(copies)]
    return [{**values, "id": f"k{row * 7919 % 1000:03d}-{row}", "row": row} for row, values in enumerate(found)]


@pytest.fixture(scope="module", autouse=True)
def interpreted(spark: SparkSession) -> Iterator[None]:
    """Compiling expressions over a hundred columns takes longer than all the rows."""
    settings = {
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
    }
    before = {key: spark.conf.get(key, None) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, value)
    yield
    for key, value in before.items():
        if value is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, value)


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> Callable[[Names], DataFrame]:
    """Function that returns the one table under the given names."""
    fields = [T.StructField(role, kind) for role, kind in ROLES.items()]
    fields += [T.StructField(name, T.StringType()) for name in names_of("plain").carried]
    rows = [
        (*(values[role] for role in ROLES), *(f"{field.name}:{values['row']}" for field in fields[len(ROLES) :]))
        for values in records(ROWS, COPIES)
    ]
    table = spark.createDataFrame(rows, T.StructType(fields)).repartition(2, "id").cache()
    table.count()
    return lambda names: table.toDF(*names.all)


def collected(rows: DataFrame, row: str, columns: list[str]) -> list[tuple]:
    """Return some columns in the order of the row numbers."""
    found = rows.select(named(row), *[named(name) for name in columns]).collect()
    return sorted((tuple(values) for values in found), key=lambda values: values[0])


# -- stages ------------------------------------------------------------------------------------------------------------

# How a stage is made for a table's names, and the outputs that it adds.
Case = Callable[[Names], tuple[Any, list[str]]]


def exact(**given: Any) -> Case:
    def make(names: Names) -> tuple[Any, list[str]]:
        compared = names[["label", "x", "z", "hour", "city", "features"]]
        marks = {"clusterCol": names.out("cluster"), "survivorCol": names.out("survivor")}
        params = {name: value(names) if callable(value) else value for name, value in given.items()}
        stage = Deduplicator(inputCols=compared, keyCols=[names.id], **marks, **params)
        return stage, list(marks.values())

    return make


def near(**given: Any) -> Case:
    def make(names: Names) -> tuple[Any, list[str]]:
        marks = {"clusterCol": names.out("cluster"), "survivorCol": names.out("survivor")}
        params = {name: value(names) if callable(value) else value for name, value in given.items()}
        compared = {"textCols": [names.text], "categoricalCols": [names.city], "numericCols": [names.x]}
        return NearDeduplicator(**compared, threshold=0.7, **marks, **params), list(marks.values())

    return make


def splitter(stage: type, **given: Any) -> Case:
    def make(names: Names) -> tuple[Any, list[str]]:
        outputs = {"splitCol": names.out("split"), "groupIdCol": names.out("group")}
        return stage(keyCols=[names.id], strict=False, **outputs, **params_of(names, given)), list(outputs.values())

    return make


def folds(stage: type, strict: bool | None = False, **given: Any) -> Case:
    def make(names: Names) -> tuple[Any, list[str]]:
        options = {} if strict is None else {"strict": strict, "numFolds": 3}
        return stage(keyCols=[names.id], foldCol=names.out("fold"), **options, **params_of(names, given)), [
            names.out("fold")
        ]

    return make


def params_of(names: Names, given: dict[str, Any]) -> dict[str, Any]:
    """Return Params with columns by their names: a list names roles, a text one role."""
    return {
        name: names[value] if isinstance(value, list) else names.roles[value] if name.endswith("Col") else value
        for name, value in given.items()
    }


def timed(names: Names) -> tuple[Any, list[str]]:
    return TimeSplitter(timeCol=names.when, gap="2 days", splitCol=names.out("split")), [names.out("split")]


def series(names: Names) -> tuple[Any, list[str]]:
    outputs = {"foldCol": names.out("fold"), "trainFromCol": names.out("from")}
    return TimeSeriesSplit(timeCol=names.when, numFolds=3, **outputs), list(outputs.values())


def repeated(names: Names) -> tuple[Any, list[str]]:
    stage = RepeatedStratifiedKFold(
        keyCols=[names.id], stratifyCols=[names.label], numFolds=3, numRepeats=2, foldCol=names.out("fold")
    )
    return stage, [f"{names.out('fold')}{repeat}" for repeat in range(2)]


def preparation(storage: str) -> Case:
    def make(names: Names) -> tuple[Any, list[str]]:
        stage = FeaturePreparation(
            numericCols=names[["x", "z"]],
            cyclicCols=[names.hour],
            cyclicPeriods=[24.0],
            timestampCols=[names.when],
            categoricalCols=[names.city],
            storage=storage,
            outputPrefix=names.out(""),
        )
        outputs = ["indices", "values"] if storage == "sparse" else ["features"]
        return stage, [f"{names.out('')}{name}" for name in outputs]

    return make


def learner(stage: type, **given: Any) -> Case:
    def make(names: Names) -> tuple[Any, list[str]]:
        kinds = ("rawPrediction", "probability", "prediction")
        outputs = {f"{kind}Col": names.out(kind) for kind in kinds}
        columns = {
            "featuresCol": names.features,
            "labelCol": names.label,
            "weightCol": names.weight,
            "keyCol": names.id,
        }
        return stage(**columns, **outputs, **given), list(outputs.values())

    return make


CLASSES: dict[str, Any] = {"stratifyCols": ["label", "city"]}
UNITS: dict[str, Any] = {"groupCols": ["group"], "clusterCol": "cluster"}
CASES: dict[str, Case] = {
    "Deduplicator, majority, max": exact(
        survivor=lambda names: f"max:{names.row}", conflicts="majority", labelCol=lambda names: names.label
    ),
    "Deduplicator, drop, latest": exact(
        survivor="latest", timeCol=lambda names: names.when, conflicts="drop", labelCol=lambda names: names.label
    ),
    "Deduplicator, most complete": exact(survivor="most_complete", normalizeUnicode=True),
    "NearDeduplicator, by key": near(
        keyCols=lambda names: [names.id], labelCol=lambda names: names.label, conflicts="majority"
    ),
    "NearDeduplicator, by content": near(survivor=lambda names: f"max:{names.row}"),
    "StratifiedSplitter": splitter(StratifiedSplitter, quantileCols=["x"], numBins=3, **CLASSES),
    "StratifiedSplitter, groups and clusters": splitter(StratifiedSplitter, **CLASSES, **UNITS),
    "StratifiedGroupSplitter": splitter(StratifiedGroupSplitter, stratifyCols=["label"], groupCols=["group", "city"]),
    "GroupSplitter": splitter(GroupSplitter, groupCols=["group"]),
    "TimeSplitter": timed,
    "KFold": folds(KFold),
    "StratifiedKFold": folds(StratifiedKFold, **CLASSES),
    "GroupKFold": folds(GroupKFold, **UNITS),
    "StratifiedGroupKFold": folds(StratifiedGroupKFold, stratifyCols=["label"], **UNITS),
    "MultilabelStratifiedKFold": folds(MultilabelStratifiedKFold, labelCols=["blue", "red"]),
    "RepeatedStratifiedKFold": repeated,
    "LeaveOneOut": folds(LeaveOneOut, strict=None),
    "LeaveOneGroupOut": folds(LeaveOneGroupOut, strict=None, groupCols=["group"]),
    "TimeSeriesSplit": series,
    "FeaturePreparation, vector": preparation("vector"),
    "FeaturePreparation, dense": preparation("dense"),
    "FeaturePreparation, sparse": preparation("sparse"),
    "SingleNodeLogisticRegression": learner(SingleNodeLogisticRegression, regParam=0.1),
    "SingleNodeXGBoost": learner(SingleNodeXGBoost, numRound=3),
}


@pytest.fixture(scope="module")
def outcome(tables: Callable[[Names], DataFrame]) -> Callable[[str, str], list[tuple]]:
    """Function that returns what a stage adds to the table under names of a kind; it changes no other column."""

    @cache
    def untouched(kind: str) -> list[tuple]:
        names = names_of(kind)
        return collected(tables(names), names.row, names.all)

    @cache
    def found(case: str, kind: str) -> list[tuple]:
        names = names_of(kind)
        table, (stage, outputs) = tables(names), CASES[case](names)
        made = (stage.fit(table) if isinstance(stage, Estimator) else stage).transform(table)
        assert made.columns == [*names.all, *outputs]
        rows = collected(made, names.row, made.columns)
        assert [row[: len(names.all) + 1] for row in rows] == untouched(kind)
        return [(row[0], *row[len(names.all) + 1 :]) for row in rows]

    return found


@each_kind
@pytest.mark.parametrize("case", CASES)
def test_a_stage_adds_what_it_adds_to_plain_names_and_changes_no_column(
    outcome: Callable, case: str, kind: str
) -> None:
    plain = outcome(case, "plain")
    assert len({row[1:] for row in map(repr_of, plain)}) > 1
    assert outcome(case, kind) == plain


def repr_of(row: tuple) -> tuple:
    return (row[0], *map(repr, row[1:]))


# -- what stages do besides --------------------------------------------------------------------------------------------


@each_kind
def test_a_deduplicator_counts_the_same(tables: Callable, kind: str) -> None:
    found = []
    for names in (names_of("plain"), names_of(kind)):
        stage, _ = CASES["Deduplicator, drop, latest"](names)
        found.append(stage.report(stage.transform(tables(names))).to_dict())
    assert found[0]["largest_cluster"] == 2
    assert found[0] == found[1]


@each_kind
@pytest.mark.parametrize("case", ["KFold", "StratifiedSplitter, groups and clusters"])
def test_a_grown_table_is_assigned_the_same(tables: Callable, case: str, kind: str) -> None:
    found = []
    for names in (names_of("plain"), names_of(kind)):
        stage, outputs = CASES[case](names)
        table = tables(names)
        before = stage.transform(table.where(named(names.row) < 80))
        grown = stage.assign_new(table, before)
        assert grown.rows.columns == [*names.all, *outputs]
        assert grown.quarantined.columns[:-1] == names.all
        rows = collected(grown.rows, names.row, [*outputs, *names.all])
        assert [row[1 + len(outputs) :] for row in rows] == [row[1:] for row in collected(table, names.row, names.all)]
        out = [row[0] for row in collected(grown.quarantined, names.row, [])]
        found.append((grown.report(), [row[: 1 + len(outputs)] for row in rows], out))
    assert found[0][0]["old"] == 80
    assert found[0] == found[1]


@each_kind
@pytest.mark.parametrize("case", ["StratifiedGroupKFold", "TimeSeriesSplit", "StratifiedSplitter"])
def test_scikit_learn_gets_the_same_folds(tables: Callable, case: str, kind: str) -> None:
    """From columns that the stage names, and of what it does not name from y and groups."""
    found = []
    for names in (names_of("plain"), names_of(kind)):
        stage, _ = CASES[case](names)
        wanted = [*ROLES][: [*ROLES].index("features")]
        X = tables(names).select(*[named(name) for name in names[wanted]]).toPandas()
        X = X.sort_values(names.row, ignore_index=True)
        folds = stage.as_sklearn().split(X, X[names.label].to_numpy(), X[names.group].to_numpy())
        found.append([(train.tolist(), test.tolist()) for train, test in folds])
        if case == "StratifiedGroupKFold":
            unnamed = StratifiedGroupKFold(numFolds=3, keyCols=[names.id], foldCol=names.out("fold"), strict=False)
            pairs = unnamed.as_sklearn().split(X, X[names.label].to_numpy(), X[names.group].to_numpy())
            found[-1] += [(train.tolist(), test.tolist()) for train, test in pairs]
    assert found[0] == found[1]
    assert all(train and test and not set(train) & set(test) for train, test in found[1])


@each_kind
def test_a_split_is_counted_the_same(tables: Callable, kind: str) -> None:
    found = []
    for names in (names_of("plain"), names_of(kind)):
        columns = {"group_id_col": names.group, "split_col": names.city}
        found.append(split_balance(tables(names).where(named(names.city).isNotNull()), names.label, **columns))
    assert found[0] == found[1]
    assert sum(part["rows"] for part in found[0]["parts"].values()) < ROWS


@each_kind
@pytest.mark.parametrize("roles", [["id", "city"], []])
def test_a_row_gets_the_same_key(tables: Callable, kind: str, roles: list[str]) -> None:
    found = []
    for names in (names_of("plain"), names_of(kind)):
        made = with_row_key(tables(names), names[roles], names.out("key"))
        found.append(collected(made, names.row, [names.out("key")]))
    assert found[0] == found[1]
    assert len({key for _, key in found[1]}) == ROWS


def test_a_key_replaces_no_column(tables: Callable) -> None:
    names = names_of("ours")
    with pytest.raises(SchemaError, match="output column 'key' is in the table already"):
        with_row_key(tables(names), [names.x])


# -- the audit ---------------------------------------------------------------------------------------------------------


@each_kind
def test_the_audit_finds_the_same(tables: Callable, kind: str) -> None:
    found = []
    for names in (names_of("plain"), names_of(kind)):
        columns = AuditColumns(
            numbers=names[["x", "z", "hour"]],
            categories=names[["city", "blue"]],
            texts=[names.text],
            label=names.label,
            keys=[names.id],
            groups=names[["group", "city"]],
            time=names.when,
            order=names.row,
        )
        parts = tables(names).withColumn(
            "sparring__split", F.when(named(names.row) % 3 == 0, "test").otherwise("train")
        )
        train, test = (parts.where(f"sparring__split = '{part}'").drop("sparring__split") for part in ("train", "test"))
        whole = LeakageAudit(train, None, test, columns=columns).run()
        stored = audit_split(parts, ["train", "test"], columns=columns, split_col="sparring__split")
        for report in (whole, stored):
            lines = [(one.check, one.severity, one.counts) for one in report.findings]
            found.append((report.parts, lines, [{**fact, "column": at} for at, fact in enumerate(report.columns)]))
    assert {line[0] for line in found[0][1]} >= {"group overlap", "time travel", "near overlap"}
    assert all(other == found[0] for other in found[1:])


def test_the_audit_takes_all_columns_of_any_name_as_features(tables: Callable) -> None:
    names = names_of("syntax")
    table, roles = tables(names), AuditColumns(label=names.label, groups=[names.group])
    ignored = [names.features, names.carried[0], *names.carried[2:]]
    train, test = table.where(named(names.row) < 80), table.where(named(names.row) >= 80)
    report = LeakageAudit(train, None, test, columns=roles, ignore=ignored).run()
    used = {*names.all} - {*ignored, names.label, names.group}
    assert {fact["column"] for fact in report.columns} == used


def test_files_are_read_with_row_numbers_whatever_their_columns(
    spark: SparkSession, tables: Callable, tmp_path: Path
) -> None:
    names = names_of("syntax")
    tables(names).write.parquet(str(tmp_path / "part"))
    found = read_part(spark, str(tmp_path / "part"))
    assert found.columns == [*names.all, ROW]
    assert sorted(row[0] for row in found.select(ROW).collect()) == list(range(ROWS))


# -- channels ----------------------------------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("content_type", ["text/csv", "text/libsvm", "application/x-recordio-protobuf"])
@pytest.mark.parametrize("few", [False, True], ids=["ranges", "tiles"])
def test_a_channel_has_the_same_bytes(
    tables: Callable, tmp_path: Path, kind: str, content_type: str, few: bool
) -> None:
    files = []
    for names in (names_of("plain"), names_of(kind)):
        columns = {"keyCol": names.hour if few else names.id, "labelCol": names.label, "featuresCol": names.features}
        if content_type != "application/x-recordio-protobuf":
            columns["weightCol"] = names.weight
        table = tables(names).where(named(names.hour) == 3) if few else tables(names)
        folder = tmp_path / names.kind
        write_channel(table, str(folder), content_type, hosts=2, **columns)
        files.append([file.read_bytes() for file in sorted(folder.iterdir())])
    assert len(files[0]) == 2
    assert files[0] == files[1]


@each_kind
def test_a_table_is_written_as_it_is(tables: Callable, tmp_path: Path, kind: str) -> None:
    found = []
    for names in (names_of("plain"), names_of(kind)):
        folder = tmp_path / names.kind
        flat = tables(names).drop(names.features)
        write_channel(
            flat, str(folder), "application/x-parquet", keyCol=names.id, labelCol=None, featuresCol=None, hosts=1
        )
        (file,) = folder.iterdir()
        written = pq.read_table(file)
        assert written.column_names == [name for name in names.all if name not in (names.id, names.features)]
        found.append([column.to_pylist() for column in written.columns])
    assert found[0] == found[1]


# -- what is Sparring's own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_a_stage_refuses_a_column_that_begins_like_its_own(tables: Callable, case: str) -> None:
    names = names_of("plain")
    stage, _ = CASES[case](names)
    table = tables(names).withColumn("sparring__unit_id", F.lit(1))
    with pytest.raises(SchemaError, match=r"column 'sparring__unit_id' begins with 'sparring__'.*Rename"):
        stage.transformSchema(table.schema)


def test_where_spark_ignores_case_no_output_replaces_a_column_of_another_case(tables: Callable) -> None:
    names = names_of("plain")
    table = tables(names).withColumnRenamed("carried1", "CLUSTERID").select("id", "row", "CLUSTERID")
    spark = table.sparkSession
    before = spark.conf.get("spark.sql.caseSensitive")
    assert Deduplicator(inputCols=["row"]).transformSchema(table.schema).names[-2:] == ["clusterId", "isSurvivor"]
    spark.conf.set("spark.sql.caseSensitive", "false")
    # What a run that came before in this program leaves behind: an active session that heeds case.
    other = spark.newSession()
    other.conf.set("spark.sql.caseSensitive", "true")
    other.createDataFrame([(1,)], ["x"])
    try:
        with pytest.raises(SchemaError, match="output column 'clusterId' is in the table already"):
            Deduplicator(inputCols=["row"]).transform(table)
    finally:
        spark.conf.set("spark.sql.caseSensitive", before)


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_a_file_with_the_reserved_prefix_is_refused(spark: SparkSession, tmp_path: Path, form: str) -> None:
    table = pd.DataFrame({"x": [1.0, 2.0], "sparring__key": ["a", "b"]})
    path = tmp_path / f"table.{form}"
    {"parquet": table.to_parquet, "csv": lambda p: table.to_csv(p, index=False)}.get(
        form, lambda p: table.to_json(p, orient="records", lines=True)
    )(path)
    with pytest.raises(SchemaError, match=r"column 'sparring__key' begins with 'sparring__'"):
        read_part(spark, str(path))


# -- a whole run -------------------------------------------------------------------------------------------------------


# A run with names that are syntax is Spark's; that the others are the same without it is held on the way.
ENGINES = {"plain": "one_machine", "syntax": "spark", "ours": "one_machine"}


def configuration(names: Names, table: Path) -> dict[str, Any]:
    return {
        "name": names.kind,
        "engine": ENGINES[names.kind],
        "table": {
            "path": str(table),
            "key": [names.id],
            "label": names.label,
            "group": names[["group"]],
            "weight": names.weight,
            "time": names.when,
            "features": {
                "numeric": names[["x", "z"]],
                "cyclic": {names.hour: 24},
                "categorical": names[["city", "blue"]],
                "timestamp": [names.when],
            },
        },
        "deduplicate": {"near": {"text": [names.text], "threshold": 0.8}, "survivor": f"max:{names.row}"},
        "contenders": [
            {
                "name": "xgboost",
                "engine": "single_node",
                "family": "gradient_boosted_trees",
                "hyperparameters": {"num_round": 5},
            }
        ],
        "resources": {"memory": "1g", "cores": 2, "isolation": "session"},
    }


def run_of(names: Names, folder: Path) -> tuple[Names, Path, dict]:
    """Run on a table with these names: names, folder and facts."""
    rows = pd.DataFrame(records(600, 40)).drop(columns="features")
    carried = {name: [f"{name} {at % 3}" for at in range(len(rows))] for name in names.carried}
    named_so = pa.Table.from_pandas(rows).rename_columns([names.roles[role] for role in rows.columns])
    for name, values in carried.items():
        named_so = named_so.append_column(name, pa.array(values))
    pq.write_table(named_so, folder / "table.parquet")
    (folder / "run.yaml").write_text(yaml.safe_dump(configuration(names, folder / "table.parquet")))
    return names, folder, Run(load_config(str(folder / "run.yaml")), str(folder / "run")).execute().facts


@pytest.fixture(scope="module")
def plain_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Names, Path, dict]:
    return run_of(names_of("plain"), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module", params=WORST)
def runs(
    plain_run: tuple[Names, Path, dict], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> list[tuple]:
    """Two runs on one table, with plain names and with the worst ones: names, folders and facts."""
    return [*zip(plain_run, run_of(names_of(request.param), tmp_path_factory.mktemp(request.param)), strict=True)]


def test_a_run_is_the_same(runs: list[tuple]) -> None:
    tables, folders, facts = runs
    assert facts[0]["rows"]["duplicates_removed"] > 0
    assert facts[0]["rows"] == facts[1]["rows"]
    splits = [pd.read_parquet(folder / "run" / "split") for folder in folders]
    for names, split in zip(tables, splits, strict=True):
        assert {*names[["id", "label", "group", "x", "hour", "city"]]} < {*split.columns}
    kept = ["sparring__key", "sparring__split", "sparring__group", "sparring__label"]
    left, right = (split[kept].astype(str).sort_values("sparring__key", ignore_index=True) for split in splits)
    pd.testing.assert_frame_equal(left, right)
    scores = [pd.read_parquet(f / "run" / "train" / "xgboost" / "predictions").sort_values("key") for f in folders]
    assert scores[0].key.tolist() == scores[1].key.tolist()
    assert scores[0].score.tolist() == scores[1].score.tolist()


def test_the_page_and_its_facts_name_the_columns(runs: list[tuple]) -> None:
    tables, folders, _ = runs
    report = json.loads((folders[1] / "run" / "report.json").read_text())
    features = {column["column"] for column in report["leakage"]["columns"]}
    assert features >= {*tables[1][["x", "z", "hour", "city", "blue"]]}


@pytest.mark.parametrize("mode", ["auto", "realtime", "batch"])
def test_a_prediction_scores_the_same(runs: list[tuple], tmp_path: Path, mode: str) -> None:
    tables, folders, _ = runs
    found = []
    settings = {"realtime": ("predict.content_type=application/jsonlines",)}
    settings["batch"] = ("predict.content_type=application/jsonlines", "predict.batch.join=true")
    for names, folder in zip(tables, folders, strict=True):
        out = tmp_path / names.kind
        table, run = str(folder / "table.parquet"), str(folder / "run")
        Prediction(table, run, mode, out=str(out), overrides=settings.get(mode, ())).execute()
        scored = pd.read_parquet(out / "predictions")
        assert scored.columns.tolist() == [names.id, "probability", "predicted"]
        found.append(scored.sort_values(names.id).to_numpy().tolist())
        assert len(found[-1]) == 600
    assert found[0] == found[1]


def test_init_proposes_every_column_and_its_proposal_runs(
    sparring: Callable, runs: list[tuple], tmp_path: Path
) -> None:
    tables, folders, _ = runs
    names, proposal = tables[1], tmp_path / "proposed.yaml"
    done = sparring(
        *("init", str(folders[1] / "table.parquet"), "--label", names.label, "--group", names.group),
        *("--out", str(proposal)),
    )
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(proposal.read_text())
    features = config["table"]["features"]
    listed = {name for kind in ("numeric", "categorical", "timestamp") for name in features.get(kind, ())}
    told = [*config["table"]["key"], config["table"]["label"], *config["table"]["group"], *listed]
    text = proposal.read_text()
    columns = [name for name in names.all if name != names.features]
    assert [name for name in columns if name not in told and " ".join(name.split()) not in text] == []
    planned = sparring("run", str(proposal), "--dry-run", "--output", str(tmp_path / "none"))
    assert planned.returncode == 0, planned.stderr
    assert "600 rows" in planned.stdout
