"""A model package is checked when it is loaded, and its scorers agree with the libraries that trained them."""

import io
import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from sparring.config.schema import TableConfig
from sparring.container import AcceptError, ContentError
from sparring.container.media import BodyError
from sparring.data.column_types import MISSING
from sparring.errors import PackageError
from sparring.feature.encoder import Encoder
from sparring.io.cells import Cells
from sparring.models import LinearModel, TreesModel, XGBoostModel
from sparring.run.package import _null_values
from sparring.serving.answers import Answers
from sparring.serving.manifest import MANIFEST, PREPARATION
from sparring.serving.packaged import PackagedModel
from sparring.task import BINARY, MULTICLASS, REGRESSION, Target, Task

from .packages import COLUMNS, STATE, write_package

ROWS = pa.RecordBatch.from_pydict(
    {"x": pa.array([0.5, None, 3.0, -1.5]), "city": pa.array(["Oslo", "Rome", None, "Bern"])}
)
BODY = b"x,city\n0.5,Oslo\n,Rome\n3.0,\n-1.5,Bern\n"


def linear() -> LinearModel:
    return LinearModel(0.25, np.linspace(-1, 1, Encoder(STATE).size))


def test_a_linear_model_scores_raw_rows(tmp_path: Path) -> None:
    model = PackagedModel(write_package(tmp_path, linear()))
    margins = Encoder(STATE).dense(ROWS).astype(np.float64) @ linear().coefficients[0] + 0.25
    assert np.allclose(model.score(BODY, "text/csv"), 1 / (1 + np.exp(-margins)), rtol=0, atol=1e-15)
    assert pickle.loads(pickle.dumps(model)).score(BODY, "text/csv").tolist() == model.score(BODY, "text/csv").tolist()


def test_the_answer_is_in_the_accepted_type(tmp_path: Path) -> None:
    model = PackagedModel(write_package(tmp_path, linear()))
    scores = model.score(BODY, "text/csv").tolist()
    body, kind = model(BODY, "text/csv", "*/*")
    assert (kind, [float(line) for line in body.split()]) == ("text/csv", scores)
    body, kind = model(BODY, "text/csv", "application/json")
    words = ["yes" if score >= 0.5 else "no" for score in scores]
    assert set(words) == {"no", "yes"}
    rows = [{"score": score, "predicted": word} for score, word in zip(scores, words, strict=True)]
    assert (kind, json.loads(body)) == ("application/json", {"predictions": rows})
    body, kind = model(BODY, "text/csv", "application/jsonlines")
    assert (kind, [json.loads(line) for line in body.split(b"\n")[:-1]]) == ("application/jsonlines", rows)
    body, kind = model(BODY, "text/csv", "application/x-parquet")
    assert (kind, pq.read_table(io.BytesIO(body)).to_pylist()) == ("application/x-parquet", rows)
    with pytest.raises(AcceptError):
        model(BODY, "text/csv", "text/html")
    with pytest.raises(ContentError):
        model(BODY, "text/html", "*/*")
    assert model.answers.written(np.array([1e-300, 1.0]), "text/csv") == b"1e-300\n1.0\n"


@pytest.mark.parametrize(
    ("kind", "negative", "positive", "expected"),
    [
        ("string", "no", "yes", ["no", "yes"]),
        ("string", 'a "b"', "é,\n", ['a "b"', "é,\n"]),
        ("boolean", True, False, [True, False]),
        ("int", 1, 2, [1, 2]),
        ("bigint", -(2**62), 2**62, [-(2**62), 2**62]),
        ("double", -1.0, 0.5, [-1.0, 0.5]),
        ("decimal(2,1)", "0.0", "1.5", [Decimal("0.0"), Decimal("1.5")]),
    ],
)
def test_a_prediction_is_the_labels_own_value_and_a_tie_is_positive(
    kind: str, negative: Any, positive: Any, expected: list[Any]
) -> None:
    answers = Answers(BINARY, Target(kind, (negative, positive)), 0.3)
    scores = np.array([np.nextafter(0.3, 0), 0.3])
    assert answers.predicted(scores).to_pylist() == expected
    rows = json.loads(answers.written(scores, "application/json"))["predictions"]
    assert [row["predicted"] for row in rows] == [negative, positive]
    assert [row["score"] for row in rows] == scores.tolist()
    parquet = pq.read_table(io.BytesIO(answers.written(scores, "application/x-parquet")))
    assert parquet["predicted"].to_pylist() == expected


@pytest.mark.parametrize(
    ("task", "target", "scores", "predicted"),
    [
        (MULTICLASS, Target("string", ("a", "b", "c")), [[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], ["b", "a"]),
        (MULTICLASS, Target("int", (3, 5, 8)), [[0.1, 0.2, 0.7], [1.0, 0.0, 0.0]], [8, 3]),
        (REGRESSION, Target("double"), [1e-300, -12.5], [1e-300, -12.5]),
    ],
    ids=["texts", "numbers", "regression"],
)
def test_answers_of_every_task_are_exact_and_in_the_labels_own_values(
    task: Task, target: Target, scores: list, predicted: list
) -> None:
    answers, given = Answers(task, target, None), np.array(scores)
    assert answers.predicted(given).to_pylist() == predicted
    rows = json.loads(answers.written(given, "application/json"))["predictions"]
    assert [row["predicted"] for row in rows] == predicted
    parquet = pq.read_table(io.BytesIO(answers.written(given, "application/x-parquet")))
    assert parquet["predicted"].to_pylist() == predicted
    lines = answers.written(given, "text/csv").decode().split()
    assert [[float(number) for number in line.split(",")] for line in lines] == np.reshape(given, (2, -1)).tolist()
    if task is MULTICLASS:
        assert [row["probabilities"] for row in rows] == parquet["probabilities"].to_pylist() == scores


@pytest.mark.parametrize("storage", ["dense", "sparse"])
def test_boosted_trees_see_zeros_as_training_did(storage: str, tmp_path: Path) -> None:
    """A dense matrix holds its zeros, a sparse one leaves them out: to XGBoost those are missing."""
    rng = np.random.default_rng(1)
    count = 400
    x = np.where(rng.random(count) < 0.5, 0.5, rng.normal(size=count))
    rows = pa.RecordBatch.from_pydict({"x": x, "city": rng.choice(["Oslo", "Rome", "Bern"], count)})
    dense = Encoder(STATE).dense(rows)
    features = dense if storage == "dense" else csr_matrix(dense)
    label = (x > 0.4) & (x < 0.6) | (rng.random(count) < 0.2)
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(features, label=label), 5)
    other = csr_matrix(dense) if storage == "dense" else dense
    assert np.abs(booster.predict(xgboost.DMatrix(other)) - booster.predict(xgboost.DMatrix(features))).max() > 0.01
    scorer = XGBoostModel(bytes(booster.save_raw("ubj")))
    model = PackagedModel(write_package(tmp_path, scorer, storage))
    body = rows.to_pandas().to_csv(index=False).encode()
    assert np.array_equal(model.score(body, "text/csv"), booster.predict(xgboost.DMatrix(features)).astype(np.float64))


def test_linear_scores_are_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    features = csr_matrix(np.where(rng.random((500, 9)) < 0.6, 0, rng.normal(size=(500, 9))).astype(np.float32))
    fitted = LogisticRegression().fit(features.astype(np.float64), rng.random(500) < 0.4)
    scorer = LinearModel(fitted.intercept_, fitted.coef_)
    cells = Cells(features.indptr.astype(np.int64), features.indices, features.data)
    assert np.abs(scorer.scores(cells) - fitted.predict_proba(features.astype(np.float64))[:, 1]).max() < 1e-12


def test_trees_are_walked_as_one_by_one() -> None:
    """Against a walk of each row through each tree: a stump, a lone leaf, and a deep one-sided tree."""
    #      0: root of a stump; 3: lone leaf; 4: root, its right child splits again and again
    left = np.array([1, 1, 2, 3, 5, 5, 7, 7, 8], np.int32)
    right = np.array([2, 1, 2, 3, 6, 5, 8, 7, 8], np.int32)
    feature = np.array([0, 0, 0, 0, 1, 0, 2, 0, 0], np.int32)
    threshold = np.array([0.5, 0, 0, 0, 0.0, 0, -0.5, 0, 0])
    value = np.array([0, 1.0, -1.0, 0.3, 0, 0.7, 0, -0.4, 2.0])
    weights = np.array([1.0, 0.1, 0.5])
    trees = TreesModel(feature, threshold, left, right, value, np.array([0, 3, 4], np.int32), weights, 3, 2)
    rng = np.random.default_rng(3)
    dense = np.where(rng.random((5_000, 3)) < 0.4, 0, rng.normal(size=(5_000, 3))).astype(np.float32)
    dense[0] = [0.5, 0.0, -0.5]

    def walk(row: np.ndarray) -> float:
        total = 0.0
        for root, weight in zip((0, 3, 4), weights, strict=True):
            node = root
            while left[node] != node:
                node = left[node] if row[feature[node]] <= threshold[node] else right[node]
            total += weight * value[node]
        return 1 / (1 + np.exp(-2 * total))

    sparse = csr_matrix(dense)
    cells = Cells(sparse.indptr.astype(np.int64), sparse.indices, sparse.data)
    assert np.abs(trees.scores(cells) - [walk(row) for row in dense]).max() < 1e-15
    assert trees.scores(Cells(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))).size == 0


@pytest.mark.parametrize("name", [PREPARATION, "linear.json"])
def test_an_altered_or_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    write_package(tmp_path, linear())
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace("0.", "0.1", 1))
    with pytest.raises(PackageError, match="was altered since it was packed"):
        PackagedModel(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(PackageError, match="is missing"):
        PackagedModel(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 4}, "format version is 4; this Sparring reads 3"),
        ({"format_version": 1}, "format version is 1, which has neither the threshold nor the label's values"),
        ({"scorer": "magic"}, "scorer 'magic' is none of linear, trees, xgboost, lightgbm, gaussian, custom"),
        ({"columns": COLUMNS[:1]}, "preparation and manifest name different columns"),
    ],
)
def test_a_package_of_another_kind_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=words):
        PackagedModel(write_package(tmp_path, linear(), **changes))


def test_a_model_that_does_not_fit_its_preparation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="the model takes 3 features, the preparation makes 6"):
        PackagedModel(write_package(tmp_path, LinearModel(0.0, np.zeros(3))))


def test_a_booster_of_a_newer_xgboost_is_refused(tmp_path: Path) -> None:
    matrix = xgboost.DMatrix(np.zeros((4, 2)), label=[0, 1, 0, 1])
    scorer = XGBoostModel(bytes(xgboost.train({}, matrix, 1).save_raw("ubj")))
    with pytest.raises(PackageError, match=r"written by XGBoost 99\.0"):
        PackagedModel(write_package(tmp_path, scorer, versions={"xgboost": "99.0"}))


@pytest.mark.parametrize("text", ["1e308", "-1e308", "inf", "-Infinity", "3.5e38"])
def test_a_number_that_no_feature_holds_is_refused_with_its_row_and_column(text: str, tmp_path: Path) -> None:
    model = PackagedModel(write_package(tmp_path, linear()))
    with pytest.raises(BodyError, match=r"row 2, column 'x': '.+' is not a number from -3.4e\+38 to 3.4e\+38"):
        model.score(f"x,city\n0.5,Oslo\n{text},Oslo\n".encode(), "text/csv")


@pytest.mark.parametrize("text", ["", "NaN", "nan"])
def test_nan_is_missing(text: str, tmp_path: Path) -> None:
    model = PackagedModel(write_package(tmp_path, linear()))
    scores = model.score(f"x,city\n,Oslo\n{text},Oslo\n3e38,Oslo\n".encode(), "text/csv")
    assert scores[0] == scores[1]
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"path": "t.parquet"}, {""}),
        ({"builtin": "flights"}, {""}),
        ({"path": "t.csv"}, set(MISSING)),
        ({"path": "t", "format": "csv"}, set(MISSING)),
        ({"path": "t.csv", "missing": ["none"]}, {"", "none"}),
        ({"path": "t.json", "missing": ["none"]}, {"", "none"}),
        ({"path": "t.parquet", "options": {"nullValue": "x"}}, {"", "x"}),
    ],
)
def test_a_text_is_missing_in_a_request_where_it_was_in_training(table: dict[str, Any], expected: set[str]) -> None:
    config = TableConfig(**table, label="y", features={"numeric": ["x"]})
    assert set(_null_values(config)) == expected


def test_no_package_at_all_is_said_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="sparring package RUN"):
        PackagedModel(tmp_path)
    (tmp_path / MANIFEST).write_text('{"format_version": 2, "columns": [], "unknown": 1}')
    with pytest.raises(PackageError, match="is not a manifest of format 2"):
        PackagedModel(tmp_path)
