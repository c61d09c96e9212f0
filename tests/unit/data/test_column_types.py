"""What a column of text holds: the ladder of kinds, against Python's own readers, and the same however it is cut."""

from __future__ import annotations

import datetime
from functools import reduce

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.data.column_types import MISSING, Tally, join, tally


def kind(*values: str | None, decimal: str = ".") -> str:
    return tally(pa.array(values, pa.string()), decimal=decimal).kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", "+3"], "integer"),
        (["9223372036854775807", "-9223372036854775808"], "integer"),
        (["9223372036854775808"], "large"),
        (["1" * 38], "large"),
        (["1" * 39], "number"),
        (["1.5", "2e3", "-inf"], "number"),
        (["1e400"], "number"),
        (["02139", "10001"], "text"),
        (["0.5", "0"], "number"),
        (["1,234", "5"], "amount"),
        (["$5", "$1,200.50", "-€3"], "amount"),
        (["1 234", "1'234"], "amount"),
        (["12,34"], "text"),
        (["5%", "3.2 %"], "percent"),
        (["5%", "3"], "text"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "text"),
        (["2024-02-29", "2024/1/5"], "date"),
        (["2023-02-29"], "text"),
        (["0001-01-01", "1899-12-31"], "date"),
        (["2024-01-01T10:00:00Z", "2024-01-01", "2024-01-01 9:30"], "time"),
        (["2024-01-01 10:00:00.123456789+02:00"], "time"),
        (["01.02.2024", "25.12.2024 10:30"], "day_first"),
        (["31.02.2024"], "text"),
        (["03/04/2024"], "either"),
        (["03/04/2024", "25/04/2024"], "day_first"),
        (["03/04/2024", "04/25/2024"], "month_first"),
        (["25/04/2024", "04/25/2024"], "text"),
        (["10:30", "09:15"], "text"),
        (["1d", "2f"], "text"),
        (["0x10"], "text"),
        (["١٢"], "text"),
        ([" 5", "6 "], "integer"),
        (["NA", None, "?", ""], "empty"),
        (["+", "-"], "text"),
        (["-", "5"], "integer"),
    ],
)
def test_the_narrowest_kind_that_holds_all_values(values: list[str | None], expected: str) -> None:
    assert kind(*values) == expected


def test_a_decimal_comma_is_read_where_the_file_has_it() -> None:
    assert [kind("3,5", "4", decimal=","), kind("1.234,50", "7", decimal=","), kind("3.5x", decimal=",")] == [
        "number",
        "amount",
        "text",
    ]


def test_missing_values_and_odd_ones_are_counted() -> None:
    found = tally(pa.array(["1", "2", "NA", "?", None, "oops", "NA"]))
    assert (found.values, found.missing, found.numbers, found.others) == (3, {"NA": 2, "?": 1, "": 1}, 2, ["oops"])


def test_bytes_that_the_encoding_does_not_know_are_counted() -> None:
    assert tally(pa.array(["gr\ufffdsse", "x", "gr\ufffdsse"])).broken == 2


CELLS = st.one_of(
    st.sampled_from(
        ["1", "-7", "02139", "1.5", "1e5", "inf", "1,234", "$5", "5%", "2024-01-05", "2024-01-05 10:00", "03/04/2024"]
    ),
    st.sampled_from(["25/04/2024", "04/25/2024", "true", "x", "+", "-", "NA", "9223372036854775808", "1" * 40, ".5"]),
    st.integers().map(str),
    st.floats(allow_nan=False).map(str),
    st.dates().map(str),
    st.text(max_size=4),
    st.none(),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(CELLS, max_size=12), st.integers(1, 5), st.sampled_from([".", ","]))
def test_a_column_is_the_same_however_it_is_cut(values: list[str | None], width: int, decimal: str) -> None:
    if "+" in values and "-" in values:
        return
    parts = [values[at : at + width] for at in range(0, len(values), width)]
    tallies = [tally(pa.array(part, pa.string()), decimal=decimal) for part in parts]
    whole = tally(pa.array(values, pa.string()), decimal=decimal)
    merged = reduce(lambda one, other: one + other, tallies, Tally())
    backwards = reduce(lambda one, other: other + one, tallies, Tally())
    for found in (merged, backwards):
        assert (found.kind, found.values, found.missing) == (whole.kind, whole.values, whole.missing)


NUMBERS = ["boolean", "integer", "large", "number", "amount", "percent"]
KINDS = ["empty", *NUMBERS, "date", "time", "day_first", "month_first", "either", "text"]


@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_kinds_join_in_any_order(one: str, two: str, three: str) -> None:
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(one, one) == one


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5))
def test_what_python_writes_of_a_number_is_one(values: list[float]) -> None:
    assert kind(*map(str, values)) in ("integer", "number")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.datetimes(datetime.datetime(1, 1, 1)), min_size=1, max_size=5))
def test_what_python_writes_of_a_time_is_one(values: list[datetime.datetime]) -> None:
    assert kind(*[value.isoformat(" ") for value in values]) == "time"
    assert kind(*[value.strftime("%d.%m.") + f"{value.year:04}" for value in values]) == "day_first"


@pytest.mark.parametrize("token", [token for token in MISSING if token != "-"])
def test_every_token_is_missing_beside_numbers_and_words(token: str) -> None:
    assert tally(pa.array(["1", token])).kind == "integer"
    assert tally(pa.array(["word", f" {token} "])).values == 1
