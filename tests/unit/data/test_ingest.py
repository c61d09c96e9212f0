"""The table contract: what is refused with which words, what is quarantined with which reason."""

from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from sparring.config.schema import FeaturesConfig, TableConfig
from sparring.data.ingest import IngestReport, accepted, ingest
from sparring.errors import ConfigError, LabelError, TableError
from sparring.spark.reserved import named

GOOD = pd.DataFrame(
    {
        "id": range(8),
        "y": ["no", "yes"] * 4,
        "x": [0.5, 1.5, -2.0, None, 3.0, 0.0, 1.0, 2.0],
        "c": ["a", "b", "a", None, "b", "a", "b", "a"],
    }
)


def table_at(path: Path, **changes: object) -> TableConfig:
    """The contract of GOOD at ``path``."""
    features = FeaturesConfig(numeric=["x"], categorical=["c"])
    return TableConfig(**{"path": str(path), "label": "y", "features": features, **changes})


def ingested(spark: SparkSession, folder: Path, frame: pd.DataFrame, **changes: object) -> IngestReport:
    """Write ``frame`` as Parquet and ingest it."""
    frame.to_parquet(folder / "table.parquet")
    return ingest(spark, table_at(folder / "table.parquet", **changes), str(folder / "out"))


def test_good_rows_are_accepted_and_missing_values_counted(spark: SparkSession, tmp_path: Path) -> None:
    found = ingested(spark, tmp_path, GOOD)
    assert (found.input, found.accepted, found.quarantined) == (8, 8, {})
    assert found.target == {"type": "string", "classes": ["no", "yes"]}
    assert found.classes == {"no": 4, "yes": 4}
    assert (found.task, found.task_reason) == ("binary", "'y' holds two values")
    assert found.missing == {"x": 1, "c": 1}


@pytest.mark.spark_only
@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (lambda t: t, {"label": "yy"}, TableError, ["table.label", "'yy'", "Did you mean 'y'?"]),
        (lambda t: t.assign(y="no"), {}, LabelError, ["one class only", "'no'"]),
        (lambda t: t.assign(y=list("abcabcab")), {"task": "binary"}, LabelError, ["3 values", "'a', 'b', 'c'"]),
        (lambda t: t, {"task": "regression"}, LabelError, ["'y' is string", "needs a number"]),
        (lambda t: t, {"task": "ranking"}, ConfigError, ["'ranking' is no task", "binary, multiclass, regression"]),
        (lambda t: t.assign(y=1.5), {"task": "regression"}, LabelError, ["one value only, 1.5"]),
        (lambda t: t.assign(y=None), {}, LabelError, ["no value in any row"]),
        (lambda t: t, {"positive": "maybe"}, LabelError, ["table.positive", "'maybe'", "'no', 'yes'"]),
        (lambda t: t.iloc[:0], {}, TableError, ["no rows"]),
        (lambda t: t.assign(x=float("nan")), {}, TableError, ["'x' is null in all 8"]),
        (lambda t: t.assign(id=1), {"key": ["id"]}, TableError, ["table.key", "1 (8 rows)"]),
        (lambda t: t.assign(x=[[1.0]] * 8), {}, TableError, ["table.features.numeric", "'x'", "array<double>"]),
        (lambda t: t.assign(x="many"), {}, TableError, ["All 8 rows are quarantined", "x not a number"]),
        (lambda t: t.assign(sparring__label=1), {}, TableError, ["'sparring__label'", "Rename"]),
    ],
)
def test_a_broken_contract_is_refused_in_words(
    spark: SparkSession, tmp_path: Path, change: object, options: dict, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        ingested(spark, tmp_path, change(GOOD), **options)
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("column", "bad", "options", "reason"),
    [
        ("y", [None] * 2, {}, "label y missing"),
        ("x", [float("inf"), float("-inf")], {}, "feature x infinite"),
        ("x", [1e308, -3.5e38], {}, "feature x beyond +-3.4e+38"),
        ("w", [1e308, float("inf")], {"weight": "w"}, "weight w not a positive number up to 3.4e+38"),
        ("id", [None] * 2, {"key": ["id"]}, "key id missing"),
        ("w", [0.0, -1.0], {"weight": "w"}, "weight w not a positive number up to 3.4e+38"),
        ("g", [None] * 2, {"group": ["g"]}, "group g missing"),
    ],
)
def test_bad_rows_are_quarantined_with_their_reason(
    spark: SparkSession, tmp_path: Path, column: str, bad: list, options: dict, reason: str
) -> None:
    frame = GOOD.assign(w=1.0, g=list("pppqqqrr")).astype({"id": "float"})
    frame[column] = frame[column].astype(object)
    frame.loc[[2, 5], column] = bad
    frame[column] = frame[column].infer_objects()
    found = ingested(spark, tmp_path, frame, **options)
    assert found.quarantined == {reason: 2}
    assert (found.input, found.accepted) == (8, 6)
    kept = spark.read.parquet(str(tmp_path / "out")).where(named("sparring__part") == "quarantined")
    assert kept.count() == 2


@pytest.mark.spark_only
@pytest.mark.parametrize("kind", ["double", "float"])
def test_nan_is_missing_in_every_role(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    """As null is: Spark itself takes NaN for a value, and pandas writes it for a missing one."""
    roles = {"key": ["k"], "group": ["g"], "weight": "w"}
    features = {"numeric": ["x"], "cyclic": {"h": 24}, "categorical": ["c"]}
    found = {}
    for missing in ("cast('NaN' as double)", "null"):
        rows = spark.range(10).selectExpr("id", "if(id % 2 = 0, 'no', 'yes') y")
        for at, name in enumerate("xhckgw"):
            rows = rows.selectExpr("*", f"cast(if(id = {at}, {missing}, id % 3 + 1 + id / 16) as {kind}) {name}")
        folder = tmp_path / str(len(found))
        rows.write.parquet(str(folder / "t"))
        table = TableConfig(path=str(folder / "t"), label="y", features=features, **roles)
        report = ingest(spark, table, str(folder / "out"))
        kept = accepted(spark, str(folder / "out")).orderBy("k").select("x", "h", "c").collect()
        found[missing] = (report.quarantined, report.missing, kept)
    assert found["null"] == found["cast('NaN' as double)"]
    assert found["null"][1] == {"x": 1, "h": 1, "c": 1}
    assert sum(found["null"][0].values()) == 3


def test_unparseable_csv_is_counted_and_json_is_read(spark: SparkSession, tmp_path: Path) -> None:
    lines = ["y,x,c", "no,1.5,a", "yes,2.5,b", "no,oops,a", "yes,3.5,a,too,many", "no,0.5,b", "yes,,a"]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    found = ingest(spark, table_at(tmp_path / "table.csv"), str(tmp_path / "out"))
    assert found.input == 6
    assert found.accepted == 4
    assert found.quarantined == {"feature x not a number": 1, "line does not parse": 1}
    GOOD.to_json(tmp_path / "table.json", orient="records", lines=True)
    assert ingest(spark, table_at(tmp_path / "table.json"), str(tmp_path / "json")).accepted == 8


def test_an_unreadable_path_is_named(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("no parquet")
    for name in ("nowhere.parquet", "broken.parquet"):
        with pytest.raises(TableError, match=name):
            ingest(spark, table_at(tmp_path / name), str(tmp_path / "out"))
    with pytest.raises(TableError, match=r"table\.format"):
        ingest(spark, table_at(tmp_path / "table.sav"), str(tmp_path / "out"))


def test_keys_from_content_are_unique_and_do_not_depend_on_partitions(spark: SparkSession, tmp_path: Path) -> None:
    frame = pd.concat([GOOD.drop(columns="id")] * 3, ignore_index=True)
    keys = []
    for at, parts in enumerate((1, 5)):
        folder = tmp_path / str(at)
        spark.createDataFrame(frame.sample(frac=1, random_state=at)).repartition(parts).write.parquet(str(folder / "t"))
        ingest(spark, table_at(folder / "t"), str(folder / "out"))
        keys.append(sorted(row["sparring__key"] for row in accepted(spark, str(folder / "out")).collect()))
    assert len(set(keys[0])) == 24
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (["b", "a", "c"] * 40, "multiclass", {"a": 40, "b": 40, "c": 40}),
        ([1, 2, 3] * 40, "multiclass", {"1": 40, "2": 40, "3": 40}),
        ([True, False, True] * 40, "binary", {"false": 40, "true": 80}),
        (list(range(120)), "regression", {}),
        ([at / 8 for at in range(120)], "regression", {}),
    ],
    ids=["texts", "grades", "booleans", "counts", "fractions"],
)
def test_the_task_follows_from_the_label_and_says_why(
    spark: SparkSession, tmp_path: Path, labels: list, task: str, classes: dict
) -> None:
    table = pd.DataFrame({"x": range(len(labels)), "y": labels})
    table.to_parquet(tmp_path / "t.parquet")
    config = TableConfig(path=str(tmp_path / "t.parquet"), label="y", features=FeaturesConfig(numeric=["x"]))
    found = ingest(spark, config, str(tmp_path / "out"))
    assert (found.task, found.classes) == (task, classes)
    assert "'y' holds" in found.task_reason
    written = accepted(spark, str(tmp_path / "out")).toPandas().sort_values("x")
    order = sorted(set(labels))
    codes = written.y if task == "regression" else written.y.map(order.index)
    assert written["sparring__label"].tolist() == codes.astype(float).tolist()
    if task == "regression":
        summary = found.label_summary
        assert (summary["min"], summary["max"]) == (min(labels), max(labels))
        assert summary["mean"] == pytest.approx(table.y.mean())


def test_labels_that_are_no_finite_number_are_quarantined(spark: SparkSession, tmp_path: Path) -> None:
    table = pd.DataFrame({"x": range(8), "y": [1.5, 2.5, float("inf"), float("-inf"), float("nan"), None, 3.5, 1e308]})
    table.to_parquet(tmp_path / "t.parquet")
    config = TableConfig(path=str(tmp_path / "t.parquet"), label="y", features=FeaturesConfig(numeric=["x"]))
    found = ingest(spark, config, str(tmp_path / "out"))
    assert (found.accepted, sum(found.quarantined.values())) == (3, 5)
    assert set(found.quarantined) == {"label y missing", "label y not a number up to 3.4e+38"}
