import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from sparring.evaluation import holm
from sparring.leakage import statistics
from sparring.leakage.counting import bin_edges, count_cells
from sparring.leakage.finding import LEAKED_SHARE, grade, milder

counts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(counts, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_auc_of_counts_is_that_of_the_rows(pairs: list[tuple[int, int]], random: object) -> None:
    scores = np.random.default_rng(len(pairs)).integers(0, 5, len(pairs)) / 4
    positives, negatives = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    found = statistics.auc_of_counts(scores, positives, negatives)
    if not positives.sum() or not negatives.sum():
        assert np.isnan(found)
        return
    labels = np.concatenate([np.ones(int(positives.sum())), np.zeros(int(negatives.sum()))])
    rows = np.concatenate([np.repeat(scores, positives.astype(int)), np.repeat(scores, negatives.astype(int))])
    assert found == pytest.approx(roc_auc_score(labels, rows), abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.15, 1.0])
def test_ks_equals_scipy_where_every_value_has_a_bin(shift: float) -> None:
    random = np.random.default_rng(3)
    left, right = (np.round(random.normal(mean, 1, size), 1) for mean, size in ((0, 700), (shift, 500)))
    edges = np.unique(np.concatenate([left, right]))
    bars = [np.bincount(np.searchsorted(edges, side), minlength=len(edges)) for side in (left, right)]
    statistic, p = statistics.ks_of_counts(*bars, (700, 500))
    expected = stats.ks_2samp(left, right, method="asymp")
    assert statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert p == pytest.approx(expected.pvalue, rel=1e-6)


def test_binned_ks_is_below_scipys_by_one_bin_at_most() -> None:
    random = np.random.default_rng(5)
    left, right = random.normal(size=20_000), random.normal(0.2, 1.1, size=9_000)
    edges = bin_edges(left[:5_000])
    bars = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1) for side in (left, right)]
    statistic, _ = statistics.ks_of_counts(*bars, (20_000, 9_000))
    exact = stats.ks_2samp(left, right).statistic
    largest = max((side / side.sum()).max() for side in bars)
    assert exact - largest <= statistic <= exact


def test_chi_square_and_cramers_v_equal_scipys() -> None:
    random = np.random.default_rng(7)
    table = random.integers(40, 400, size=(6, 2)).astype(float) * 100
    p, effect = statistics.chi_square(table)
    expected = stats.chi2_contingency(table, correction=False)
    assert p == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)
    assert effect == pytest.approx(stats.contingency.association(table.astype(int), method="cramer"), abs=2e-3)


def test_rare_values_are_united_and_no_row_is_lost() -> None:
    table = np.array([[500.0, 300.0], [2.0, 1.0], [1.0, 0.0], [40.0, 60.0]])
    found = statistics.united(table)
    assert found.sum() == table.sum()
    assert (found.sum(axis=1) * table.sum(axis=0).min() / table.sum() >= 5).all()


@pytest.mark.parametrize(("found", "of"), [(0, 300), (3, 300), (300, 300), (17, 40)])
def test_bounds_are_clopper_pearsons(found: int, of: int) -> None:
    exact = stats.binomtest(found, of).proportion_ci(confidence_level=0.95, method="exact")
    assert statistics.upper_bound(found, of, 0.975) == pytest.approx(exact.high, abs=1e-9)
    assert statistics.lower_bound(found, of, 0.975) == pytest.approx(exact.low, abs=1e-9)


def test_psi_equals_its_definition() -> None:
    left, right = np.array([100.0] * 10), np.array([50.0, 150.0] * 5)
    shares = left / left.sum(), right / right.sum()
    expected = np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1]))
    assert statistics.psi_of_counts(left, right) == pytest.approx(expected, abs=1e-12)


def test_a_batch_is_counted_as_pandas_counts_it() -> None:
    import pandas as pd
    import pyarrow as pa

    random = np.random.default_rng(1)
    cell, number = random.integers(0, 12, 500).astype(np.int32), random.normal(size=500)
    number[::17] = np.nan
    category = random.integers(0, 9, 500) * 10**12
    edges = bin_edges(number)
    arrays = [pa.array(cell), pa.array(number, from_pandas=True), pa.array(category)]
    batch = pa.RecordBatch.from_arrays(arrays, ["cell", "v0", "v1"])
    (found,) = [pa.Table.from_batches(list(count_cells([edges, None], 12)([batch]))).to_pandas()]
    bins = np.where(np.isnan(number), -1, np.searchsorted(edges, number, side="right"))
    for name, values in ((0, bins), (1, category)):
        expected = pd.DataFrame({"value": values, "cell": cell}).value_counts()
        counted = found[found["name"] == name].set_index(["value", "cell"])["rows"]
        assert counted.sort_index().to_dict() == expected.sort_index().to_dict()


def test_severities() -> None:
    assert [grade(share, LEAKED_SHARE, strict=True) for share in (0.0, 0.0005, 0.005, 0.5)] == [
        *(None, "low", "medium", "high"),
    ]
    assert (grade(0.1, (0.1, 0.2, 0.3)), milder("high"), milder("low")) == ("low", "medium", "low")


def test_chance_alone_is_never_graded() -> None:
    """300 splits of small tables that nothing is wrong with, ten columns each: no shift, no group mean of medium."""
    random = np.random.default_rng(11)
    graded = 0
    for _ in range(300):
        sizes, tests = (int(random.integers(60, 400)), int(random.integers(40, 200))), []
        for _ in range(5):
            numbers = [np.bincount(random.integers(0, 50, size), minlength=50) for size in sizes]
            gap, p = statistics.ks_of_counts(*numbers, sizes)
            tests.append((p, gap))
            tests.append(statistics.chi_square(np.stack([random.multinomial(size, [0.1] * 10) for size in sizes], 1)))
        adjusted = holm([p for p, _ in tests])
        graded += sum(p < 0.01 and effect >= 0.2 for p, (_, effect) in zip(adjusted, tests, strict=True))
        labels, scores = random.integers(0, 2, sizes[1]), random.random(sizes[1])
        auc = statistics.auc_of_counts(scores, labels, 1 - labels)
        noise = statistics.auc_noise(labels.sum(), (1 - labels).sum(), sizes[1])
        graded += auc - 0.5 > 4 * noise
    # Holm at 0.01 allows 1 in 100 splits; the least effect allows fewer.
    assert graded <= 3
