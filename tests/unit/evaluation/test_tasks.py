"""Evaluation of several classes and of numbers: checks, intervals, paired tests and baselines."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sparring.errors import ComparisonError, LabelError, TableError
from sparring.evaluation import (
    Predictions,
    baseline_tests,
    baselines,
    differences,
    evaluate,
    gap,
    group_mean_evaluation,
    group_means,
    paired_test,
)
from sparring.evaluation.bootstrap import draws, resampled
from sparring.evaluation.evidence import Contributions, Resamples
from sparring.task import MULTICLASS, REGRESSION, Metric, Task

TASKS = [MULTICLASS, REGRESSION]


def made(
    task: Task, rows: int = 400, *, seed: int = 0, own: int = 1, noise: float = 1.0, groups: int | None = None
) -> Predictions:
    """Random rows of ``seed`` as a contender of noise ``own`` scores them."""
    random, theirs = np.random.default_rng(seed), np.random.default_rng([own, seed])
    group = random.integers(0, groups, rows) if groups else np.arange(rows)
    effect = random.normal(size=rows) + (random.normal(size=groups)[group] if groups else 0.0)
    seen = effect + noise * theirs.normal(size=rows)
    if task is MULTICLASS:
        label = np.digitize(effect + random.normal(size=rows), [-0.7, 0.9]).astype(float)
        logits = -((np.array([-1.4, 0.1, 1.6]) - seen[:, None]) ** 2) / 2
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores: Any = list(shares / shares.sum(axis=1, keepdims=True))
    else:
        label, scores = 5 + effect + random.standard_t(5, size=rows), 5 + seen / (1 + noise**2)
    columns = {"key": [f"k{at:06d}" for at in range(rows)], "label": label, "weight": random.uniform(0.5, 2, rows)}
    columns[task.score_column()] = scores
    if groups:
        columns["group"] = [f"g{number}" for number in group]
    return Predictions.from_table(pa.table(columns), task=task)


def without_influence(metric: Metric) -> Metric:
    return replace(metric, influence=None, interval="bootstrap")


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "labels", "error", "word"),
    [
        ([[0.5, 0.5, 0.1]] * 3, [0, 1, 2], TableError, "do not sum to 1, the first to 1.1"),
        ([[1.2, -0.2, 0.0]] * 3, [0, 1, 2], TableError, "not in \\[0, 1\\]"),
        ([[float("nan"), 0.5, 0.5]] * 3, [0, 1, 2], TableError, "not in \\[0, 1\\]"),
        ([[0.5, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], [0, 1, 2], TableError, "2 or 3 probabilities"),
        ([[0.2, 0.3, 0.5]] * 3, [0, 1, 1], LabelError, "all codes from 0 to 2"),
        ([[0.2, 0.3, 0.5]] * 3, [0, 1, 3], LabelError, "all codes from 0 to 2"),
    ],
)
def test_scores_of_several_classes_are_checked(scores: Any, labels: Any, error: type[Exception], word: str) -> None:
    table = pa.table(
        {"key": list("abc"), "label": np.array(labels, float), "weight": np.ones(3), "probabilities": scores}
    )
    with pytest.raises(error, match=word):
        Predictions.from_table(table, task=MULTICLASS)


def test_float32_probabilities_sum_to_1() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(40), 200).astype(np.float32)
    table = pa.table(
        {
            "key": [f"{at:03d}" for at in range(200)],
            "label": np.arange(200) % 40.0,
            "weight": np.ones(200),
            "probabilities": list(shares),
        }
    )
    assert Predictions.from_table(table, task=MULTICLASS).scores.shape == (200, 40)


@pytest.mark.parametrize(
    ("scores", "labels", "error", "word"),
    [
        ([1.0, float("inf")], [1.0, 2.0], TableError, "no finite numbers, the first is inf"),
        ([1.0, 2.0], [1.0, float("nan")], LabelError, "no finite numbers"),
        ([1.0, 2.0], [3.0, 3.0], LabelError, "all 3.0"),
    ],
)
def test_numbers_are_checked(scores: Any, labels: Any, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        Predictions.from_table(
            pa.table({"key": ["a", "b"], "label": labels, "weight": [1.0, 1.0], "score": scores}), task=REGRESSION
        )


def test_other_metrics_are_not_paired() -> None:
    rows = made(REGRESSION)
    one, other = (evaluate(REGRESSION, rows, rows, metric=REGRESSION.metric(name)) for name in ("rmse", "mae"))
    with pytest.raises(ComparisonError, match="rmse and by mae"):
        paired_test(one, other)


# -- intervals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("groups", [None, 120])
def test_intervals_cover_the_truth_as_often_as_they_say(task: Task, groups: int | None) -> None:
    """Sixty samples: a 90% interval misses the population's metric about six times; 15 has chance < 0.1%."""
    large = [evaluate(task, made(task), made(task, 20_000, seed=900 + s, groups=groups and 6_000)) for s in range(4)]
    truth = {metric.name: np.mean([found.metrics[metric.name].value for found in large]) for metric in task.metrics}
    misses = dict.fromkeys(truth, 0)
    for seed in range(60):
        test = made(task, 400, seed=100 + seed, groups=groups)
        for name, interval in evaluate(task, made(task), test, confidence=0.9).metrics.items():
            assert interval.low is not None
            assert interval.high is not None
            misses[name] += not interval.low <= truth[name] <= interval.high
    assert max(misses.values()) < 15, misses


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("groups", [None, 100])
def test_influence_and_bootstrap_tell_one_spread(task: Task, groups: int | None) -> None:
    left, right = made(task, 600, seed=3, groups=groups), made(task, 600, seed=3, own=2, groups=groups)
    for metric in task.metrics:
        if metric.influence is None:
            continue
        plain = [evaluate(task, rows, rows, metric=metric).evidence for rows in (left, right)]
        drawn = [evaluate(task, rows, rows, metric=without_influence(metric)).evidence for rows in (left, right)]
        assert isinstance(plain[0], Contributions)
        assert isinstance(drawn[0], Resamples)
        assert drawn[0].variance == pytest.approx(plain[0].variance, rel=0.25), metric.name
        pairs = [one.paired(other).variance for one, other in (plain, drawn)]
        assert pairs[1] == pytest.approx(pairs[0], rel=0.25), metric.name


def test_resamples_are_those_of_a_loop_and_the_same_for_all() -> None:
    """Brute force: copies of the drawn groups' rows, scored as a table of their own."""
    rows = made(REGRESSION, 90, seed=5, groups=20)
    metric = REGRESSION.metric("medae")
    found, slow = resampled(metric, rows, rows.scores), replace(metric, reweighted=None)
    assert np.allclose(found, resampled(slow, rows, rows.scores), rtol=1e-12)
    for counts, value in zip(list(draws(rows.cluster_count))[:20], found, strict=False):
        at = np.repeat(np.arange(90), counts[rows.clusters])
        assert metric.function(rows.labels[at], rows.scores[at], rows.weights[at]) == pytest.approx(value, rel=1e-12)
    assert all(np.array_equal(*pair) for pair in zip(draws(50), draws(50), strict=True))
    assert not np.array_equal(*list(draws(50))[:2])


@pytest.mark.parametrize(
    ("task", "rows", "word"),
    [(MULTICLASS, 40, "rarest class"), (REGRESSION, 8, "rows in the test part")],
    ids=["multiclass", "regression"],
)
def test_a_test_part_that_is_too_small_says_so(task: Task, rows: int, word: str) -> None:
    small = made(task, rows, seed=1)
    for interval in evaluate(task, small, small).metrics.values():
        assert not interval.reliable
        assert word in str(interval.reason)
    assert all(one.reliable for one in evaluate(task, small, made(task, 400)).metrics.values())


# -- paired tests --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "name"),
    [(MULTICLASS, "log_loss"), (MULTICLASS, "roc_auc_ovr"), (REGRESSION, "rmse"), (REGRESSION, "medae")],
    ids=lambda one: getattr(one, "name", one),
)
def test_the_better_one_is_found_in_either_direction(task: Task, name: str) -> None:
    metric = task.metric(name)
    found = {
        "good": evaluate(task, *[made(task, 2000, seed=2, noise=0.3)] * 2, metric=metric),
        "poor": evaluate(task, *[made(task, 2000, seed=2, noise=2.0)] * 2, metric=metric),
    }
    for pair in (found, dict(reversed(found.items()))):
        (difference,) = differences(pair, margin=1e-4)
        assert difference.different
        assert difference.better == "good"
        assert (difference.value > 0) == ((difference.left == "good") == metric.higher_is_better)


@pytest.mark.parametrize(
    ("task", "name"),
    [(MULTICLASS, "roc_auc_ovr"), (REGRESSION, "rmse"), (REGRESSION, "medae")],
    ids=lambda one: getattr(one, "name", one),
)
def test_false_alarms_stay_at_the_level(task: Task, name: str) -> None:
    """Sixty pairs of equal skill: at the 10% level about six alarms; 15 or more has chance < 0.1%."""
    alarms = 0
    for seed in range(60):
        pair = {
            str(own): evaluate(task, rows, rows, metric=task.metric(name))
            for own in (1, 2)
            for rows in [made(task, 250, seed=seed, own=own, groups=80)]
        }
        p_value = differences(pair, margin=0.01)[0].p_value
        assert p_value is not None
        alarms += p_value < 0.1
    assert alarms < 15


def test_equivalence_is_shown_within_the_margin_and_not_beyond() -> None:
    rows = made(REGRESSION, 3000, seed=4)
    near = replace(rows, scores=rows.scores + 0.02 * np.random.default_rng(0).normal(size=3000))
    pair = {"a": evaluate(REGRESSION, rows, rows), "b": evaluate(REGRESSION, near, near)}
    margin = REGRESSION.margin(REGRESSION.metric(), 1.7)
    assert margin == pytest.approx(0.017)
    (wide,) = differences(pair, margin=margin)
    assert (wide.identical, wide.equivalent, wide.different) == (False, True, False)
    (narrow,) = differences(pair, margin=1e-5)
    assert not narrow.equivalent


def test_an_error_in_the_labels_unit_has_no_margin_of_its_own() -> None:
    rows = made(REGRESSION)
    pair = {name: evaluate(REGRESSION, rows, rows) for name in "ab"}
    with pytest.raises(ComparisonError, match=r"evaluation\.margin"):
        differences(pair)


def test_the_gap_of_two_metrics_on_different_rows_covers_the_truth() -> None:
    hits = 0
    for seed in range(60):
        sides = [made(REGRESSION, 300, seed=seed + shift) for shift in (0, 1000)]
        found = gap(*(evaluate(REGRESSION, rows, rows).evidence for rows in sides))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0 <= found.high
    assert hits >= 52


# -- baselines -----------------------------------------------------------------------------------------------------


def parts(test: Predictions, overlap: bool) -> dict[str, dict[str, np.ndarray]]:
    """The columns of a prepared matrix; with ``overlap`` each row's group, and its label, is in train too."""
    groups = np.array([f"g{at}" for at in range(len(test))], dtype=object)
    known = groups if overlap else np.array(["elsewhere"] * len(test), dtype=object)
    own = {"key": test.keys, "group": groups}
    return {"train": {"group": known, "label": test.labels, "weight": test.weights}, "validation": own, "test": own}


@pytest.mark.parametrize(
    ("task", "names"),
    [(MULTICLASS, ["prior", "majority", "group shares"]), (REGRESSION, ["mean", "median", "group mean"])],
    ids=["multiclass", "regression"],
)
def test_skill_beats_the_baselines_and_noise_does_not(task: Task, names: list[str]) -> None:
    test = made(task, 600, seed=2)
    scored = baselines(task, parts(test, overlap=False), test, test)
    assert list(scored) == names
    shuffled = replace(test, scores=test.scores[np.random.default_rng(0).permutation(len(test))])
    skilled, idle = baseline_tests({"a": evaluate(task, test, test), "b": evaluate(task, shuffled, shuffled)}, scored)
    assert (skilled.beaten, idle.beaten) == (True, False)
    assert (skilled.value > 0) == task.metric().higher_is_better
    known = baselines(task, parts(test, overlap=True), test, test)[names[-1]]
    assert known.evidence.value == pytest.approx(1.0 if task is MULTICLASS else 0.0)


def test_constants_are_those_of_scikit_learn() -> None:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    for task, theirs in (
        (
            MULTICLASS,
            {"prior": DummyClassifier(strategy="prior"), "majority": DummyClassifier(strategy="most_frequent")},
        ),
        (REGRESSION, {"mean": DummyRegressor(), "median": DummyRegressor(strategy="median")}),
    ):
        rows = made(task, 301, seed=6)
        found = task.constants(rows.labels, rows.weights, task.indicators(rows.labels, rows.scores))
        for name, dummy in theirs.items():
            dummy.fit(np.zeros((301, 1)), rows.labels, sample_weight=rows.weights)
            answer = dummy.predict_proba if task is MULTICLASS else dummy.predict
            assert found[name] == pytest.approx(answer(np.zeros((1, 1)))[0]), name


def test_group_shares_are_those_of_a_group_by() -> None:
    train, test = np.array(["a", "a", "b"]), np.array(["b", "a", "c"])
    found = group_means(train, np.eye(3)[[0, 1, 2]], test)
    assert np.allclose(found, [[0, 0, 1], [0.5, 0.5, 0], [1 / 3] * 3])
    labels = {"group": train, "label": np.array([0.0, 1.0, 2.0])}
    rows = labels | {"weight": np.ones(3)}
    leaky = group_mean_evaluation(MULTICLASS, labels, rows, np.ones((3, 3)))
    # Two classes share a group, and rank by half.
    assert leaky.evidence.value == pytest.approx(5 / 6)


# -- what is shown -------------------------------------------------------------------------------------------------


def test_tables_and_plots_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

    rows = made(MULTICLASS, 500, seed=8)
    found = evaluate(MULTICLASS, rows, rows, names=["low", "middle", "high"])
    decided = rows.scores.argmax(axis=1)
    theirs = precision_recall_fscore_support(rows.labels, decided, sample_weight=rows.weights)
    values = np.array([row["values"] for row in found.tables[0]["rows"]]).T
    assert values[1:4] == pytest.approx(np.array(theirs[:3]))
    aucs = [roc_auc_score(rows.labels == code, rows.scores[:, code], sample_weight=rows.weights) for code in range(3)]
    assert values[4] == pytest.approx(aucs)
    (confusion,) = [plot for plot in found.plots if plot["kind"] == "matrix"]
    expected = confusion_matrix(rows.labels, decided, normalize="true", sample_weight=rows.weights)
    assert np.array(confusion["cells"]) == pytest.approx(expected, abs=1e-6)
    assert confusion["names"] == ["low", "middle", "high"]


def test_many_classes_are_drawn_by_the_commonest() -> None:
    from sparring.task.shown import MOST_NAMES, OTHERS, confusion_plot

    codes = np.concatenate([np.full(40 - at, float(at)) for at in range(30)])
    plot = confusion_plot(codes, codes, np.ones(len(codes)), [f"class {at}" for at in range(30)])
    assert len(plot["names"]) == MOST_NAMES
    assert plot["names"][-1] == OTHERS
    assert np.array(plot["cells"]) == pytest.approx(np.eye(MOST_NAMES))


def test_residuals_rise_from_the_most_too_high() -> None:
    rows = made(REGRESSION, 1000, seed=9)
    observed, residuals = evaluate(REGRESSION, rows, rows, label="delay").plots
    heights = [point[1] for point in residuals["points"]]
    assert all(low <= high for low, high in pairwise(heights))
    errors = rows.labels - rows.scores
    assert np.interp(0.5, *np.array(residuals["points"]).T) == pytest.approx(np.median(errors), abs=0.15)
    assert len(observed["points"]) == 10
    assert "delay" in observed["x"]
