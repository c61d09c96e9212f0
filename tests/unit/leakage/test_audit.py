"""Planted leaks of every kind are found, a clean split has none, and the figures are those of brute force."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from sparring.errors import SchemaError, TableError
from sparring.evaluation import group_means
from sparring.leakage import AuditColumns, AuditOptions, AuditReport, LeakageAudit, audit_split, near

COLUMNS = AuditColumns(label="late", keys=["id"], groups=["flight"], time="at", order="row")


def flights(rows: int, seed: int, first_group: int, groups: int, day: int = 0) -> pd.DataFrame:
    """Rows like the demo's: groups with an effect of their own, numbers, categories, missing values."""
    random = np.random.default_rng([seed, first_group])
    group = first_group + random.integers(0, groups, rows)
    effect = np.random.default_rng(seed).normal(size=10_000)[group]
    table = pd.DataFrame(
        {
            "id": random.permutation(rows) + 100_000 * first_group,
            "flight": [f"f{number}" for number in group],
            "at": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(day * 86_400 + random.integers(0, 30 * 86_400, rows), "s"),
            "temp": random.normal(size=rows),
            "wind": np.where(random.random(rows) < 0.1, np.nan, random.gamma(2, size=rows)),
            "seats": random.integers(20, 400, rows),
            "origin": random.choice(["EWR", "JFK", "LGA"], rows),
            "dest": random.choice([f"d{number}" for number in range(40)], rows),
        }
    )
    late = table.temp + effect + (table.origin == "EWR") + random.normal(size=rows) > 1.2
    return table.assign(late=late.astype(int), row=np.arange(rows))


def run(spark: SparkSession, train: pd.DataFrame, test: pd.DataFrame, **options: Any) -> AuditReport:
    columns = options.pop("columns", COLUMNS)
    frames = [spark.createDataFrame(part) for part in (train, test)]
    return LeakageAudit(frames[0], None, frames[1], columns=columns, options=AuditOptions(**options)).run()


def by_check(report: AuditReport) -> dict[str, Any]:
    return {finding.check: finding for finding in reversed(report.findings)}


@pytest.mark.parametrize("seed", [0, 1])
def test_a_clean_split_has_no_finding_of_medium_or_worse(spark: SparkSession, seed: int) -> None:
    report = run(spark, flights(2_500, seed, 0, 400), flights(900, seed, 400, 150, day=31))
    assert report.at_or_above("medium") == []
    assert {check.status for check in report.checks} <= {"clean", "found"}


@pytest.fixture(scope="module")
def leaky() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two parts with a leak of every kind."""
    train, test = flights(2_500, 5, 0, 400), flights(900, 5, 400, 150)
    # Label by day: whoever knows a day's flights knows the others of that day.
    for part in (train, test):
        part["late"] = (part["at"].dt.day % 2 ^ (np.random.default_rng(1).random(len(part)) < 0.1)).astype(int)
    copies, alike = train.iloc[:30].copy(), train.iloc[30:60].copy()
    copies.loc[copies.index[:10], "late"] = 1 - copies["late"].iloc[:10]
    alike["seats"] += 1
    alike["id"] += 50_000
    test = pd.concat([copies, alike, test.iloc[60:]], ignore_index=True)
    test["wind"] += 3.0
    test.loc[100:, "origin"] = "LGA"
    for part in (train, test):
        part["arr_delay"] = part["late"] * 40.0 + np.random.default_rng(2).normal(size=len(part)) * 5
        part["tail"] = [f"n{at}" for at in range(len(part))]
    return train.sort_values("late").assign(row=np.arange(len(train))), test


@pytest.fixture(scope="module")
def report(spark: SparkSession, leaky: tuple[pd.DataFrame, pd.DataFrame]) -> AuditReport:
    same = replace(COLUMNS, numbers=["temp", "wind", "seats"], categories=["origin", "dest"])
    return run(spark, *leaky, columns=same, near_threshold=0.8)


def test_equal_rows_keys_groups_and_conflicts_are_counted_as_pandas_counts_them(
    report: AuditReport, leaky: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    train, test = leaky
    # The parts' wind and origin differ after copying: equal rows are found by what is left of them.
    found = by_check(report)
    assert found["key overlap"].counts["rows"] == test["id"].isin(train["id"]).sum() == 30
    assert found["key overlap"].severity == "high"
    assert found["group overlap"].counts["rows"] == test["flight"].isin(train["flight"]).sum()
    assert len(found["group overlap"].examples) == 3
    assert found["key overlap"].examples[0]["id"] in set(train["id"].astype(str))


def test_time_order_and_shift_are_found(report: AuditReport) -> None:
    found = by_check(report)
    assert found["time travel"].severity == "high"
    assert found["time travel"].counts["auc"] > 0.8
    assert found["order"].severity == "high"
    shifted = {finding.examples[0]["column"] for finding in report.findings if finding.check == "distribution shift"}
    assert {"wind", "origin"} <= shifted
    assert "temp" not in shifted


def test_equal_and_alike_rows_features_that_tell_the_label_and_identifiers(spark: SparkSession) -> None:
    train, test = flights(2_000, 7, 0, 300), flights(600, 7, 300, 100)
    copies, alike = train.iloc[:30].copy(), train.iloc[30:60].copy()
    copies.loc[copies.index[:10], "late"] = 1 - copies["late"].iloc[:10]
    alike["seats"] += 1
    test = pd.concat([copies, alike, test], ignore_index=True)
    for part in (train, test):
        part["tail"] = [f"n{at}" for at in range(len(part))]
    test.loc[:59, "tail"] = train["tail"].iloc[:60].to_numpy()
    train["gate"], test["gate"] = train["late"] * 40.0, 0.0
    test.loc[:59, "gate"] = train["gate"].iloc[:60].to_numpy()
    report = run(
        spark, train, test, columns=AuditColumns(label="late", keys=["id", "row", "flight", "at"]), near_threshold=0.8
    )
    found = by_check(report)
    assert (found["exact overlap"].counts["rows"], found["exact overlap"].severity) == (30, "high")
    assert found["label conflicts"].counts["rows"] == 10
    assert found["near overlap"].counts["rows"] == 30
    assert found["near overlap"].counts["looked_at"] == len(test)
    assert found["target leakage"].examples[0]["column"] == "gate"
    assert found["target leakage"].severity == "high"
    assert found["identifiers"].examples[0]["column"] == "tail"


def test_the_memoriser_is_the_one_that_reports_use(spark: SparkSession) -> None:
    train, test = flights(1_500, 3, 0, 60), flights(700, 3, 20, 60)
    rows = pd.concat([train.assign(part="a"), test.assign(part="b")], ignore_index=True)
    columns = AuditColumns(numbers=["temp"], categories=["dest"], label="late", groups=["flight"])
    frame = spark.createDataFrame(rows).repartition(5)
    report = audit_split(frame, ["a", "b"], columns=columns, split_col="part", options=AuditOptions(near="off"))
    scores = group_means(train["flight"].to_numpy(), train["late"].to_numpy(), test["flight"].to_numpy())
    (finding,) = [finding for finding in report.findings if finding.check == "group-mean baseline"]
    assert finding.counts["auc"] == pytest.approx(roc_auc_score(test["late"], scores), abs=2e-3)
    again = audit_split(
        frame.repartition(2), ["a", "b"], columns=columns, split_col="part", options=AuditOptions(near="off")
    )
    assert [one.to_dict() for one in again.findings] == [one.to_dict() for one in report.findings]
    assert again.columns == report.columns


def test_the_search_finds_what_the_comparison_of_all_pairs_finds(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(8)
    train = pd.DataFrame({f"c{at}": random.integers(0, 1_000, 600) for at in range(10)})
    test = pd.DataFrame({f"c{at}": random.integers(0, 1_000, 200) for at in range(10)})
    test.iloc[:25] = train.iloc[:25].to_numpy()
    test.iloc[:20, 3] += 1
    monkeypatch.setattr(near, "EXHAUSTIVE_ROWS", 0)
    report = run(spark, train, test, columns=AuditColumns())
    found = by_check(report)
    assert found["exact overlap"].counts["rows"] == 5
    assert found["near overlap"].counts["rows"] == 20
    # All pairs here are at the threshold, where the search may miss some; the sample, here all rows, tells how many.
    missed = found["near overlap"].counts["missed_in_sample"]
    assert missed <= 4
    assert missed / 200 < found["near overlap"].counts["missed_at_most"] < 0.05
    assert found["near overlap"].examples[0]["similarity"] == pytest.approx(0.9)


def test_parts_that_differ_are_refused(spark: SparkSession) -> None:
    train, test = flights(50, 1, 0, 5), flights(50, 1, 5, 5)
    with pytest.raises(SchemaError, match=r"train has the columns wind, which test lacks.*--ignore wind"):
        run(spark, train, test.drop(columns="wind"))
    with pytest.raises(SchemaError, match="'wind' has types without a common one"):
        run(spark, train, test.assign(wind="strong"))
    with pytest.raises(SchemaError, match=r"label.*'lates' is not in the table.*Did you mean 'late'"):
        run(spark, train, test, columns=AuditColumns(label="lates"))
    with pytest.raises(TableError, match="test has no rows"):
        LeakageAudit(spark.createDataFrame(train), None, spark.createDataFrame(train).limit(0), columns=COLUMNS).run()
