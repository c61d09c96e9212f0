"""Raw rows of every form become the same typed columns, and a bad cell is named by row and column."""

import csv
import io
import json
from datetime import date, datetime, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.container import BodyError, ContentError
from sparring.data.numbers import LARGEST
from sparring.serving.manifest import RawColumn
from sparring.serving.raw_rows import read_rows
from sparring.serving.typed import UNSEEN, typed

NAMES = ["x", "city", "seen"]
NULLS = ["", "NA"]
NUMBER, CITY = RawColumn("x", "numeric", "double"), RawColumn("city", "categorical", "string")
SEEN = RawColumn("seen", "timestamp", "timestamp")


def rows(body: bytes | str, content_type: str = "text/csv") -> dict[str, list]:
    data = body.encode() if isinstance(body, str) else body
    return {name: array.to_pylist() for name, array in read_rows(data, content_type, NAMES, NULLS).items()}


def test_csv_is_read_by_its_header_or_in_the_declared_order() -> None:
    expected = {"x": ["1", None], "city": ["Ro,\nme", "Oslo"], "seen": ["2013-01-01", None]}
    declared = '1,"Ro,\nme",2013-01-01\nNA,Oslo,\n'
    assert rows(declared) == expected
    assert rows('\ufeffseen,id,x,city\n2013-01-01,7,1,"Ro,\nme"\n,8,,Oslo\n') == expected
    assert rows("x,city,seen\n" + declared, "text/csv; header=present") == expected
    assert rows("x,city,seen\n", "text/csv; header=absent") == {"x": ["x"], "city": ["city"], "seen": ["seen"]}


def test_json_is_read_as_objects_lists_or_lines() -> None:
    objects = [{"x": 1.5, "city": "é", "seen": None, "more": 1}, {"x": None, "city": None}]
    expected = {"x": [1.5, None], "city": ["é", None], "seen": [None, None]}
    assert rows(json.dumps(objects), "application/json") == expected
    assert rows(json.dumps({"instances": objects}), "application/json; charset=utf-8") == expected
    assert rows("\n".join(map(json.dumps, objects)) + "\n\n", "application/x-ndjson") == expected
    assert rows(json.dumps([[1.5, "é", None], [None] * 3]), "application/json") == expected
    assert rows(json.dumps(objects[0]), "application/json") == {"x": [1.5], "city": ["é"], "seen": [None]}


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        ("", "text/csv", "the body has no row"),
        ("x,city,seen\n", "text/csv", "the body has no row"),
        ("1,a,b\n2,c\n", "text/csv", "Row #2: Expected 3 columns, got 2"),
        ("x,citi,seen\n1,a,b\n", "text/csv; header=present", "column 'city' is absent"),
        (
            "x,citi,seen\n1,a,b\n",
            "text/csv",
            "absent: a row has all 3, null where a value is missing. Did you mean 'citi'?",
        ),
        ('{"citi": 1}', "application/json", "columns 'x', 'city', 'seen' are absent: a row has all 3"),
        (b"\xff\xfe,a,b\n", "text/csv", "UTF8"),
        ("[]", "application/json", "the body has no row"),
        ("[1, 2]", "application/json", "row 1: all rows are objects, or all are lists in the order x, city, seen"),
        ('[{"x": 1}, [1, 2, 3]]', "application/json", "row 2: all rows are objects"),
        ("[[1, 2]]", "application/json", "row 1: 2 values, 3 columns are declared"),
        ('[{"x": 1, "city": "a", "sen": 1}]', "application/json", "column 'seen' is absent"),
        ('{"x": 1, "city": "a", "seen": 1}\n{oops}\n', "application/jsonlines", "row 2: no JSON"),
        ('"x"', "application/json", "neither a list of rows"),
        ("{", "application/json", "no JSON"),
        ('[[1, "a", null], ["one", "b", null]]', "application/json", "row 2, column 'x': 'one' is of another type"),
        (b"PAR1", "application/x-parquet", "the body is no application/x-parquet"),
    ],
)
def test_a_body_that_does_not_parse_is_refused_with_the_place(body: str, content_type: str, words: str) -> None:
    with pytest.raises(BodyError) as caught:
        rows(body, content_type)
    assert words in str(caught.value)


def test_another_type_is_refused_with_those_that_are_read() -> None:
    with pytest.raises(ContentError, match=r"'image/png' is none of text/csv, application/json, application/jsonlines"):
        rows("x", "image/png")
    with pytest.raises(ContentError, match="header is present or absent"):
        rows("1,2,3", "text/csv; header=maybe")


def test_numbers_are_doubles_with_nan_as_missing() -> None:
    assert typed(NUMBER, pa.array([" 1.5", "1e3", "nan", None])).to_pylist() == [1.5, 1000.0, None, None]
    assert typed(NUMBER, pa.array([1, None])).to_pylist() == [1.0, None]
    assert typed(NUMBER, pa.array([float("nan"), 2.5])).to_pylist() == [None, 2.5]
    assert typed(NUMBER, pa.nulls(2)).to_pylist() == [None, None]
    flag = RawColumn("flag", "numeric", "boolean")
    assert typed(flag, pa.array(["true", "False", None])).to_pylist() == [1.0, 0.0, None]
    assert typed(flag, pa.array([True, False])).to_pylist() == [1.0, 0.0]


def test_times_are_utc_whatever_form_they_have() -> None:
    moment = datetime(2013, 1, 31, 5, 0, tzinfo=timezone.utc)
    texts = ["2013-01-31 05:00:00", "2013-01-31T05:00:00Z", "2013-01-31T06:00:00.1234567+01:00", "2013-01-31T05:00"]
    assert typed(SEEN, pa.array(texts)).to_pylist() == [moment, moment, moment.replace(microsecond=123456), moment]
    assert typed(SEEN, pa.array([datetime(2013, 1, 31, 5)])).to_pylist() == [moment]
    assert typed(SEEN, pa.array([date(2013, 1, 31), None])).to_pylist() == [moment.replace(hour=0), None]
    assert typed(RawColumn("day", "timestamp", "date"), pa.array(texts[:1])).to_pylist() == [moment.replace(hour=0)]


@pytest.mark.parametrize(
    ("kind", "known", "given_values", "expected"),
    [
        ("string", ["Oslo"], ["Oslo", "Rome", None], ["Oslo", "Rome", None]),
        ("int", ["1", "2"], ["1", " 2.0", "3", None], ["1", "2", UNSEEN, None]),
        ("bigint", ["1"], [1, 2], ["1", UNSEEN]),
        ("double", ["1.0E7", "0.5"], ["10000000", "0.50", "7"], ["1.0E7", "0.5", UNSEEN]),
        ("float", ["0.1"], [0.1], ["0.1"]),
        ("decimal(10,2)", ["1.50"], ["1.5"], ["1.50"]),
        ("boolean", ["true"], ["TRUE", "false"], ["true", UNSEEN]),
        ("boolean", ["true"], [True, False], ["true", UNSEEN]),
        ("date", ["2013-01-31"], ["2013-01-31", "2013-02-01"], ["2013-01-31", UNSEEN]),
        ("timestamp", ["2013-01-31 05:00:00"], ["2013-01-31T05:00:00Z"], ["2013-01-31 05:00:00"]),
    ],
)
def test_equal_values_are_one_category_however_they_are_written(
    kind: str, known: list[str], given_values: list, expected: list
) -> None:
    column = RawColumn("c", "categorical", kind)
    assert typed(column, pa.array(given_values), pa.array(known)).to_pylist() == expected


@pytest.mark.parametrize(
    ("column", "cells", "words"),
    [
        (NUMBER, ["1", "x", "y"], "row 2, column 'x': 'x' is not a number (2 such cells)"),
        (NUMBER, ["1", "inf"], "row 2, column 'x': 'inf' is not a number from -3.4e+38 to 3.4e+38"),
        (NUMBER, [[1]], "column 'x' holds list<item: int64>, numbers are expected"),
        (SEEN, ["2013-01-01", "soon"], "row 2, column 'seen': 'soon' is not a time such as"),
        (SEEN, [1], "column 'seen' holds int64, times are expected"),
        (RawColumn("n", "categorical", "int"), ["1", "1.5"], "row 2, column 'n': '1.5' is not a whole number"),
        (RawColumn("b", "categorical", "boolean"), ["maybe"], "row 1, column 'b': 'maybe' is not true or false"),
        (RawColumn("f", "numeric", "boolean"), ["true", "5x"], "row 2, column 'f': '5x' is not true or false"),
    ],
)
def test_a_bad_cell_is_named_with_what_it_should_be(column: RawColumn, cells: list, words: str) -> None:
    with pytest.raises(BodyError) as caught:
        typed(column, pa.array(cells), pa.array(["1"]))
    assert words in str(caught.value)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
cells = st.fixed_dictionaries(
    {
        "x": st.none() | st.floats(-LARGEST, LARGEST),
        "city": st.none()
        | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda t: t != "NA"),
        "seen": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
    }
)


@given(st.lists(cells, min_size=1, max_size=8))
def test_every_form_of_the_same_rows_gives_the_same_columns(table: list[dict]) -> None:
    texts = [{**row, "seen": row["seen"] and row["seen"].isoformat()} for row in table]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(NAMES)
    for row in texts:
        writer.writerow(["" if row[n] is None else repr(row[n]) if n == "x" else row[n] for n in NAMES])
    schema = pa.schema([("x", pa.float64()), ("city", pa.string()), ("seen", pa.timestamp("us"))])
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table, schema), parquet)
    bodies = [
        (stream.getvalue().encode(), "text/csv"),
        (json.dumps(texts).encode(), "application/json"),
        ("\n".join(map(json.dumps, texts)).encode(), "application/jsonlines"),
        (parquet.getvalue(), "application/x-parquet"),
    ]
    seen = []
    for body, content_type in bodies:
        found = read_rows(body, content_type, NAMES, NULLS)
        vocabulary = pa.array([], pa.string())
        seen.append([typed(column, found[column.name], vocabulary).to_pylist() for column in (NUMBER, CITY, SEEN)])
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert seen[0][0] == [row["x"] for row in table]
    assert seen[0][1] == [row["city"] for row in table]
    assert np.array_equal([s and s.replace(tzinfo=None) for s in seen[0][2]], [row["seen"] for row in table])
