"""Folds: exact shares, whole groups, and what CrossValidator and scikit-learn make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.model_selection import StratifiedGroupKFold as TheirStratifiedGroupKFold
from sklearn.model_selection import TimeSeriesSplit as TheirTimeSeriesSplit

from sparring.engine import functions as F
from sparring.errors import ParamError, SchemaError, SplitError
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
)

KEY = {"keyCols": ["id"]}
# Labels, groups, folds: what scikit-learn splits, and a strict stage refuses.
HARD = {
    "fewer groups than folds in each class": ([0] * 12 + [1] * 12, [0, 1, 2, 3] * 3 + [4, 5, 6, 7] * 3, 5),
    "a class in one group": ([0] * 40 + [1] * 10, [at % 8 for at in range(40)] + [8] * 10, 5),
    "a group larger than a fold": ([0, 1] * 50, [0] * 80 + list(range(1, 21)), 5),
    "one class": ([0] * 30, [at % 6 for at in range(30)], 5),
    "groups of one class each": (
        [0] * 20 + [1] * 8,
        [at // 5 for at in range(20)] + [10 + at // 4 for at in range(8)],
        5,
    ),
    "as many groups as folds": ([0, 1] * 12, [at % 4 for at in range(24)], 4),
    "rare classes": ([0] * 30 + [1] * 3 + [2] * 2, [at % 4 for at in range(30)] + [4, 5, 6, 7, 7], 5),
    "two large groups": ([0] * 50 + [1] * 50 + [0, 1] * 6, [0] * 50 + [1] * 50 + list(range(2, 14)), 4),
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(3)
    owner = np.repeat(np.arange(150), random.geometric(0.15, 150))
    rows = len(owner)
    return pd.DataFrame(
        {
            "id": [f"r{at}" for at in range(rows)],
            "owner": owner,
            "label": (random.random(rows) < random.beta(1, 3, 150)[owner]).astype(int),
            "town": random.choice(["a", "b"], rows),
            "price": random.exponential(size=rows),
            "red": random.random(rows) < 0.3,
            "blue": (random.random(rows) < 0.05).astype(int),
        }
    )


@pytest.fixture(scope="module")
def rows(spark: SparkSession, table: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(table).coalesce(2).cache()


def folds_of(stage: Any, rows: DataFrame) -> pd.DataFrame:
    return stage.transform(rows).toPandas()


def exchanges(frame: DataFrame) -> int:
    plan = frame._jdf.queryExecution().executedPlan().toString()
    return plan.count("Exchange ") - plan.count("BroadcastExchange ")


@pytest.mark.spark_only
@pytest.mark.parametrize("columns", [[], ["label"], ["label", "town"]])
def test_classes_and_sizes_are_within_one_row_and_no_row_is_shuffled(rows: DataFrame, columns: list[str]) -> None:
    stage = StratifiedKFold(**KEY, stratifyCols=columns, numFolds=7) if columns else KFold(**KEY, numFolds=7)
    folded = stage.transform(rows)
    assert exchanges(folded) == 0
    frame = folded.toPandas()
    assert frame["fold"].dtype == np.int32
    assert set(frame["fold"]) == set(range(7))
    assert np.ptp(frame["fold"].value_counts()) <= 1
    for _, members in frame.groupby(columns) if columns else []:
        assert np.ptp(members["fold"].value_counts().reindex(range(7), fill_value=0)) <= 1


def test_quantile_bins_of_a_number_are_the_classes_of_a_regression(rows: DataFrame, table: pd.DataFrame) -> None:
    frame = folds_of(StratifiedKFold(**KEY, quantileCols=["price"], numBins=4), rows)
    order = np.sort(table["price"])
    edges = [order[round(len(order) * share + 1e-9) - 1] for share in (0.25, 0.5, 0.75)]
    bins = np.searchsorted(edges, frame["price"], side="left")
    for number in range(4):
        counts = frame[bins == number]["fold"].value_counts()
        assert counts.sum() >= len(frame) // 4 - 1
        assert np.ptp(counts) <= 1


def test_numbers_that_are_missing_are_a_class_and_equal_ones_share_a_bin(spark: SparkSession) -> None:
    price = F.when(F.col("id") < 30, float("nan")).when(F.col("id") < 60, None).when(F.col("id") < 400, 5.0)
    rows = spark.range(600).withColumn("price", price.otherwise(F.col("id").cast("double")))
    frame = folds_of(StratifiedKFold(**KEY, quantileCols=["price"], numBins=3, numFolds=3), rows)
    missing = frame[frame["price"].isna()]
    assert missing["fold"].value_counts().tolist() == [20, 20, 20]
    ties = frame[frame["price"] == 5.0]
    assert np.ptp(ties["fold"].value_counts()) <= 1


def test_groups_stay_together_and_classes_near_their_shares(rows: DataFrame) -> None:
    for stage in (
        GroupKFold(**KEY, groupCols=["owner"]),
        StratifiedGroupKFold(**KEY, stratifyCols=["label"], groupCols=["owner"]),
    ):
        frame = folds_of(stage, rows)
        assert frame.groupby("owner")["fold"].nunique().max() == 1
        assert np.ptp(frame["fold"].value_counts()) <= 2
        if "label" in stage.columns_in("stratifyCols"):
            assert np.ptp(frame.groupby(["label", "fold"]).size().unstack(), axis=1).max() <= 2


@pytest.mark.spark_only
def test_label_sets_are_within_one_row_and_labels_near_their_shares(rows: DataFrame) -> None:
    folded = MultilabelStratifiedKFold(**KEY, labelCols=["red", "blue"], numFolds=4).transform(rows)
    assert exchanges(folded) == 0
    frame = folded.toPandas()
    for _, members in frame.groupby(["red", "blue"]):
        assert np.ptp(members["fold"].value_counts().reindex(range(4), fill_value=0)) <= 1
    assert np.ptp(frame.groupby("fold")[["red", "blue"]].sum(), axis=0).max() <= 1
    assert np.ptp(frame["fold"].value_counts()) <= 1
    names = [F.when(F.col("red"), "red"), F.when(F.col("blue") > 0, "blue")]
    listed = rows.withColumn("labels", F.array(*names))
    again = folds_of(MultilabelStratifiedKFold(**KEY, labelCols=["labels"], numFolds=4), listed)
    assert dict(zip(again["id"], again["fold"], strict=True)) == dict(zip(frame["id"], frame["fold"], strict=True))


def test_every_repeat_is_the_stratified_folds_of_its_seed(rows: DataFrame) -> None:
    stage = RepeatedStratifiedKFold(**KEY, stratifyCols=["label"], numRepeats=2, seed=5)
    frame = folds_of(stage, rows)
    second = folds_of(StratifiedKFold(**KEY, stratifyCols=["label"], seed=6), rows)
    assert (frame.set_index("id")["fold1"] == second.set_index("id")["fold"][frame["id"]]).all()
    assert (frame["fold0"] != frame["fold1"]).mean() > 0.6
    assert len(list(stage.pairs(stage.transform(rows)))) == 10


@pytest.mark.spark_only
def test_leaving_out_one_row_or_group_numbers_each_once(rows: DataFrame, table: pd.DataFrame) -> None:
    one = folds_of(LeaveOneOut(**KEY), rows)
    assert sorted(one["fold"]) == list(range(len(table)))
    folded = LeaveOneGroupOut(**KEY, groupCols=["owner"]).transform(rows)
    frame = folded.toPandas()
    assert frame.groupby("owner")["fold"].nunique().max() == 1
    assert set(frame["fold"]) == set(range(150))
    assert LeaveOneGroupOut(**KEY, groupCols=["owner"]).fold_count(folded) == 150


@pytest.mark.spark_only
def test_sparks_cross_validator_takes_the_fold_column(spark: SparkSession, rows: DataFrame) -> None:
    from pyspark.ml.classification import LogisticRegression as SparkLogisticRegression
    from pyspark.ml.evaluation import BinaryClassificationEvaluator
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    folded = StratifiedGroupKFold(**KEY, stratifyCols=["label"], groupCols=["owner"], numFolds=2).transform(rows)
    data = VectorAssembler(inputCols=["price"], outputCol="features").transform(folded).cache()
    learner = SparkLogisticRegression(maxIter=2)
    grid = ParamGridBuilder().addGrid(learner.regParam, [0.1]).build()
    evaluator = BinaryClassificationEvaluator()
    found = CrossValidator(
        estimator=learner, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, foldCol="fold"
    ).fit(data)
    by_hand = [
        evaluator.evaluate(
            learner.copy(grid[0]).fit(data.where(f"fold != {fold}")).transform(data.where(f"fold = {fold}"))
        )
        for fold in range(2)
    ]
    assert found.avgMetrics[0] == pytest.approx(np.mean(by_hand), abs=1e-9)


def test_scikit_learn_gets_the_folds_that_spark_gets(rows: DataFrame, table: pd.DataFrame) -> None:
    stage = StratifiedGroupKFold(**KEY, stratifyCols=["label"], groupCols=["owner"])
    expected = folds_of(stage, rows).set_index("id")["fold"][table["id"]].to_numpy()
    pairs = list(stage.as_sklearn().split(table))
    assert [set(expected[test]) for _, test in pairs] == [{fold} for fold in range(5)]
    for train, test in pairs:
        assert sorted([*train, *test]) == list(range(len(table)))


def test_scikit_learn_searches_and_scores_with_them(table: pd.DataFrame) -> None:
    x, y, groups = table[["price"]].to_numpy(), table["label"], table["owner"]
    cv = StratifiedGroupKFold(numFolds=3).as_sklearn()
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=cv).fit(x, y, groups=groups)
    assert search.n_splits_ == 3
    for train, test in cv.split(x, y, groups):
        assert not set(groups.iloc[train]) & set(groups.iloc[test])
    one = StratifiedSplitter(partNames=["fit", "check"], weights=[0.8, 0.2]).as_sklearn()
    assert cross_val_score(DummyClassifier(), x, y, cv=one).shape == (1,)
    with pytest.raises(ParamError, match="groups is None"):
        next(cv.split(x, y))


def test_leaving_out_one_of_a_few_is_what_scikit_learn_counts(table: pd.DataFrame) -> None:
    few = table.head(6)
    cv = LeaveOneOut().as_sklearn()
    assert cv.get_n_splits(few) == 6
    assert sorted(int(test[0]) for _, test in cv.split(few)) == list(range(6))


def test_quarantined_rows_are_in_no_pair(spark: SparkSession) -> None:
    folded = spark.createDataFrame([("a", 0), ("b", 1), ("c", -1)], "id string, fold int")
    found = [(train.count(), test.count()) for train, test in KFold(**KEY, numFolds=2).pairs(folded)]
    assert found == [(1, 1), (1, 1)]


def test_what_no_allotment_can_do_is_refused_with_counts_or_done_as_well_as_can_be(spark: SparkSession) -> None:
    rows = (
        spark.range(40)
        .select("id", F.when(F.col("id") < 3, "rare").otherwise("common").alias("label"), (F.col("id") % 4).alias("g"))
        .cache()
    )
    stage = StratifiedKFold(**KEY, stratifyCols=["label"])
    with pytest.raises(SplitError, match=r'a class needs at least 5 rows.*"rare"}: 3 rows'):
        stage.transform(rows)
    lenient = folds_of(stage.copy({stage.strict: False}), rows)
    assert lenient[lenient["label"] == "rare"]["fold"].nunique() == 3
    assert lenient["fold"].value_counts().tolist() == [8] * 5
    with pytest.raises(SplitError, match=r"GroupKFold: 5 parts need at least 5 groups.*4 groups"):
        GroupKFold(**KEY, groupCols=["g"], strict=False).transform(rows)
    with pytest.raises(SplitError, match="the group of big=1 has 30 of 40 rows, the largest part is to have 20"):
        GroupKFold(**KEY, groupCols=["big"], numFolds=2).transform(
            rows.withColumn("big", F.when(F.col("id") < 30, 1).otherwise(F.col("id")))
        )
    with pytest.raises(SplitError, match="KFold: 50 parts need at least 50 rows, got 40 rows"):
        KFold(**KEY, numFolds=50).transform(rows)
    with pytest.raises(SplitError, match="2 rows at least, got 1"):
        LeaveOneOut(**KEY).transform(rows.limit(1))


@pytest.mark.parametrize(
    ("stage", "error", "said"),
    [
        (lambda: KFold(), ParamError, "KFold.keyCols must name the columns that identify a row"),
        (lambda: StratifiedKFold(**KEY), ParamError, "stratifyCols or quantileCols must name what to stratify by"),
        (lambda: GroupKFold(**KEY), ParamError, "groupCols or clusterCol must name what stays together"),
        (lambda: StratifiedGroupSplitter(**KEY, groupCols=["owner"]), ParamError, "stratifyCols or quantileCols"),
        (lambda: GroupSplitter(**KEY), ParamError, "GroupSplitter.groupCols or clusterCol"),
        (lambda: KFold(**KEY, numFolds=1), ParamError, "numFolds must be >= 2, got 1"),
        (lambda: KFold(**KEY, foldCol="town"), SchemaError, "'town' is in the table already"),
        (lambda: StratifiedKFold(**KEY, quantileCols=["town"]), SchemaError, "'town' must be byte.*got string"),
        (lambda: MultilabelStratifiedKFold(**KEY, labelCols=["town"]), SchemaError, "'town' must be numeric, boolean"),
        (lambda: RepeatedStratifiedKFold(**KEY, stratifyCols=["label"], numRepeats=0), ParamError, "numRepeats"),
    ],
)
def test_mistakes_are_named_before_any_job(rows: DataFrame, stage: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        stage().transform(rows)


def test_walking_forward_is_what_scikit_learn_does(table: pd.DataFrame) -> None:
    from sparring.model_selection import TimeSeriesSplit

    few = table.head(100)
    ours = list(TimeSeriesSplit(numFolds=4, gap="7 rows").as_sklearn().split(few[["price"]].to_numpy()))
    theirs = list(TheirTimeSeriesSplit(4, gap=7).split(few))
    for mine, other in zip(ours, theirs, strict=True):
        assert [part.tolist() for part in mine] == [part.tolist() for part in other]


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("name", HARD)
def test_whatever_scikit_learn_splits_is_split_when_not_strict(spark: SparkSession, name: str) -> None:
    labels, members, folds = HARD[name]
    frame = pd.DataFrame({"id": range(len(labels)), "label": labels, "g": members})
    rows = spark.createDataFrame(frame).coalesce(1)
    stage = StratifiedGroupKFold(**KEY, stratifyCols=["label"], groupCols=["g"], numFolds=folds, strict=False)
    found = folds_of(stage, rows)
    assert set(found["fold"]) == set(range(folds))
    assert found.groupby("g")["fold"].nunique().max() == 1
    spread = found.groupby(["label", "fold"]).size().unstack(fill_value=0).std(axis=1, ddof=0).mean()
    theirs = [
        np.bincount(np.array(labels)[test], minlength=max(labels) + 1)
        for _, test in TheirStratifiedGroupKFold(folds).split(labels, labels, members)
    ]
    assert spread <= np.std(theirs, axis=0).mean() + 1e-9


def test_only_fewer_groups_than_folds_are_refused_when_not_strict(spark: SparkSession) -> None:
    rows = spark.range(40).select("id", (F.col("id") % 2).alias("label"), (F.col("id") % 4).alias("g"))
    stage = StratifiedGroupKFold(**KEY, stratifyCols=["label"], groupCols=["g"], strict=False)
    with pytest.raises(SplitError, match="5 parts need at least 5 groups, got 4 groups"):
        stage.transform(rows)
    few = StratifiedKFold(**KEY, stratifyCols=["label"], numFolds=25, strict=False)
    assert folds_of(few, rows)["fold"].nunique() == 25
