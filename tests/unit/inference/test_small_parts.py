"""Metrics, retries, the window and the cutting of bodies: arithmetic without Spark or network."""

import math
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.errors import EndpointError
from sparring.inference.bodies import cut
from sparring.inference.metrics import ScoringMetrics
from sparring.inference.retry import RetryPolicy
from sparring.inference.window import in_order

SECONDS = st.floats(1e-4, 1e3)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(SECONDS, st.integers(1, 100)), min_size=1, max_size=60), st.integers(1, 59))
def test_metrics_of_parts_are_the_metrics_of_the_whole(requests: list[tuple[float, int]], at: int) -> None:
    each = [ScoringMetrics.of(rows, seconds, 1, 10, 5, ended=seconds) for seconds, rows in requests]
    whole = sum(each, ScoringMetrics())
    left, right = sum(each[:at], ScoringMetrics()), sum(each[at:], ScoringMetrics())
    assert left + right == right + left == whole
    assert whole.rows == sum(rows for _, rows in requests)
    assert (whole.requests, whole.retries, whole.bytes_sent) == (len(each), len(each), 10 * len(each))
    taken = sorted(seconds for seconds, _ in requests)
    for share in (0.5, 0.95, 0.99):
        expected = taken[max(0, math.ceil(share * len(taken)) - 1)]
        assert whole.quantile(share) == pytest.approx(expected, rel=0.011)
    assert whole.mean == pytest.approx(np.mean(taken), rel=0.011)


def test_metrics_of_nothing_say_nothing() -> None:
    facts = ScoringMetrics().to_dict()
    assert facts["rows"] == 0
    assert facts["rows_per_second"] is facts["latency_p99_ms"] is None
    assert not any(isinstance(value, float) and math.isnan(value) for value in facts.values())


def test_delays_are_drawn_from_the_whole_range_below_a_doubling_ceiling() -> None:
    policy = RetryPolicy(base_seconds=0.1, cap_seconds=1.0)
    for failures, ceiling in ((1, 0.2), (3, 0.8), (10, 1.0), (1_000, 1.0)):
        drawn = np.array([policy.delay(failures) for _ in range(2_000)])
        assert 0 <= drawn.min() < 0.05 * ceiling
        assert 0.95 * ceiling < drawn.max() <= ceiling
        # Of an even distribution: five standard errors.
        assert drawn.mean() == pytest.approx(ceiling / 2, abs=5 * ceiling / math.sqrt(12 * 2_000))


def test_results_come_in_order_however_long_each_takes() -> None:
    def work(number: int, stop: threading.Event) -> int:
        time.sleep(0.001 * (number % 3))
        return number * 10

    assert list(in_order(work, range(50), 4)) == [(number, number * 10) for number in range(50)]


def test_no_more_is_taken_than_the_window_holds() -> None:
    taken: list[int] = []

    def items() -> object:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(lambda number, stop: number, items(), 3)
    for _ in range(10):
        next(results)
    assert len(taken) <= 10 + 2 * 3
    results.close()


def test_the_first_error_stops_what_waits() -> None:
    stopped = threading.Event()

    def work(number: int, stop: threading.Event) -> None:
        if number == 0:
            raise ValueError("no")
        if stop.wait(20):
            stopped.set()

    start = time.monotonic()
    with pytest.raises(ValueError, match="no"):
        list(in_order(work, range(3), 2))
    assert stopped.wait(5)
    assert time.monotonic() - start < 10


def words(rows: pa.RecordBatch) -> bytes:
    return "\n".join(rows["x"].to_pylist()).encode()


@settings(deadline=None)
@given(st.lists(st.text("ab", max_size=8), max_size=40), st.integers(9, 40), st.integers(1, 12))
def test_bodies_hold_every_row_once_in_order_within_both_limits(texts: list[str], most_bytes: int, rows: int) -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts, pa.string())})
    pieces = list(cut(batch, words, most_bytes, rows))
    assert all(len(piece.body) <= most_bytes and piece.stop - piece.start <= rows for piece in pieces)
    assert [text for piece in pieces for text in piece.body.decode().split("\n")] == texts
    edges = [0, *(piece.stop for piece in pieces)]
    assert [piece.start for piece in pieces] == edges[:-1]
    assert edges[-1] == len(texts)


def test_a_row_larger_than_a_request_is_said() -> None:
    batch = pa.RecordBatch.from_pydict({"x": ["a", "b" * 30]})
    with pytest.raises(EndpointError, match="One row takes 30 bytes, more than the 10 of a request"):
        list(cut(batch, words, 10, 5))
