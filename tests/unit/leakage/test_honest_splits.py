"""No honest split of an ordinary table has a finding of equal or similar rows; planted copies have one."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from sparring.leakage import AuditColumns, AuditOptions, AuditReport, LeakageAudit, near
from sparring.leakage.columns import unite
from sparring.leakage.cross_split import cross_split
from sparring.leakage.table import opened

made = runpy.run_path(str(Path(__file__).with_name("honest.py")))
compared = runpy.run_path(str(Path(__file__).with_name("test_reference.py")))["compared"]
split_of, table_of = made["split_of"], made["table_of"]
LIKENESS = ("exact overlap", "near overlap", "label conflicts")


def audit(spark: SparkSession, train: pd.DataFrame, test: pd.DataFrame, grouped: bool, **roles: Any) -> AuditReport:
    dropped = [] if grouped else ["group"]
    frames = [spark.createDataFrame(part.drop(columns=dropped)).repartition(2) for part in (train, test)]
    columns = AuditColumns(label="label", groups=["group"] if grouped else [], **roles)
    options = AuditOptions(near_threshold=0.75)
    return LeakageAudit(frames[0], None, frames[1], columns=columns, options=options).run()


def of_likeness(report: AuditReport) -> dict[str, Any]:
    return {finding.check: finding for finding in report.findings if finding.check in LIKENESS}


@pytest.mark.parametrize(
    ("shape", "rows", "groups"),
    [
        ("dependent", 1_500, 300),
        ("dependent", 1_200, 0),
        ("coarse", 1_000, 0),
        ("coarse", 800, 5),
        ("missing", 1_200, 60),
    ],
)
def test_an_honest_split_has_no_finding_of_equal_or_similar_rows(
    spark: SparkSession, shape: str, rows: int, groups: int
) -> None:
    train, test = split_of(table_of(shape, rows, groups, 4), groups > 0, 4)
    report = audit(spark, train, test, groups > 0)
    assert of_likeness(report) == {}
    # There was something to accuse it of.
    features = [name for name in train.columns if name.startswith("x")]
    assert len(test.merge(train[features].drop_duplicates(), on=features)) > 0.05 * len(test)


def test_the_search_of_large_tables_does_not_accuse_an_honest_split_and_finds_what_was_planted(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "EXHAUSTIVE_ROWS", 0)
    train, test = split_of(table_of("middle", 1_200, 0, 6), False, 6)
    assert of_likeness(audit(spark, train, test, False)) == {}
    fine, other = split_of(table_of("fine", 1_200, 0, 6), False, 6)
    leak = fine.iloc[:40].assign(x3=-7.0)
    found = of_likeness(audit(spark, fine, pd.concat([leak, other]), False))
    assert set(found) == {"near overlap"}
    assert found["near overlap"].counts["rows"] == pytest.approx(40, abs=2)
    assert found["near overlap"].severity == "high"


@pytest.mark.parametrize("groups", [0, 300])
def test_the_share_and_its_test_are_those_of_pandas(spark: SparkSession, groups: int) -> None:
    train, test = split_of(table_of("dependent", 1_500, groups, 9), groups > 0, 9)
    owners = test["group"].sample(150, replace=True, random_state=1).to_numpy()
    test = pd.concat([test, train.iloc[:150].assign(group=owners)], ignore_index=True)
    finding = of_likeness(audit(spark, train, test, groups > 0))["exact overlap"]
    expected = compared(train, test, groups > 0)
    assert expected.found
    assert finding.counts["share"] == pytest.approx(expected.share)
    assert finding.counts["expected_share"] == pytest.approx(expected.expected)
    assert finding.counts["p"] == pytest.approx(expected.p, rel=1e-6)


def test_copies_that_were_in_the_table_before_a_random_split_are_found(spark: SparkSession) -> None:
    """They are as frequent within train, so that only the evidence tells."""
    table = table_of("fine", 2_000, 0, 3)
    train, test = split_of(pd.concat([table, table.iloc[:100]], ignore_index=True), False, 3)
    finding = of_likeness(audit(spark, train, test, False))["exact overlap"]
    assert finding.counts["p"] > 0.01
    assert finding.counts["copies"] == finding.counts["rows"] > 20
    assert finding.severity == "high"


def test_near_copies_that_were_in_the_table_before_a_random_split_are_found(spark: SparkSession) -> None:
    """They are as frequent within train; but nothing is a little less alike."""
    table = table_of("fine", 1_200, 0, 3)
    copies = table.iloc[:90].assign(x3=-7.0)
    train, test = split_of(pd.concat([table, copies], ignore_index=True), False, 3)
    finding = of_likeness(audit(spark, train, test, False))["near overlap"]
    assert finding.counts["p"] > 0.01
    assert finding.severity in ("medium", "high")
    assert "agrees in one column less" in finding.message


def test_clusters_of_deduplication_may_not_straddle_and_coincidences_may(spark: SparkSession) -> None:
    train, test = split_of(table_of("coarse", 800, 0, 5), False, 5)
    parts = [train.assign(cluster=np.arange(len(train))), test.assign(cluster=-1 - np.arange(len(test)))]
    assert of_likeness(audit(spark, *parts, False, clusters=["cluster"])) == {}
    parts[1].loc[:9, "cluster"] = np.arange(10)
    finding = of_likeness(audit(spark, *parts, False, clusters=["cluster"]))["exact overlap"]
    assert finding.counts["rows"] == 10
    assert finding.severity == "high"
    assert "are, or may be, copies" in finding.message


def test_rows_that_are_missing_throughout_are_equal_to_none(spark: SparkSession) -> None:
    train, test = split_of(table_of("fine", 400, 0, 2), False, 2)
    features = [name for name in train.columns if name.startswith("x")]
    for part in (train, test):
        part.loc[:40, features] = np.nan
    assert of_likeness(audit(spark, train, test, False)) == {}
    united = unite({"train": spark.createDataFrame(train), "test": spark.createDataFrame(test)}, ["group"])
    columns = AuditColumns(label="label", numbers=features)
    with opened(united, ["train", "test"], columns, 1) as table:
        assert cross_split(table).overlap("content", 0, 1).values == 0
