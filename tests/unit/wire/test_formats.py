"""Every format reads what it writes, cuts bodies within both limits, and refuses what it cannot say."""

import io
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from sparring.wire import FormatError, Rows, codec, label_size, rows_of
from sparring.wire.answers import decode_answers, encode_answers
from sparring.wire.codec import CODECS
from sparring.wire.media import CSV, JSON, JSON_LINES, LIBSVM, PARQUET, RECORDIO, UnknownContentType
from sparring.wire.rows import concatenate

numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
WIDTH = 6
tables = st.lists(st.lists(numbers, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=12)
sparse_tables = st.lists(st.dictionaries(st.integers(0, WIDTH - 1), numbers), min_size=1, max_size=12)
LABELLED = [RECORDIO, LIBSVM, CSV, PARQUET]


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.array_equal(one.view(np.uint32), other.view(np.uint32))


def sparse(table: list[dict[int, float]]) -> csr_matrix:
    offsets = np.cumsum([0, *(len(row) for row in table)])
    indices = [key for row in table for key in sorted(row)]
    values = np.array([row[key] for row in table for key in sorted(row)], np.float32)
    return csr_matrix((values, indices, offsets), shape=(len(table), WIDTH))


@pytest.mark.parametrize("name", list(CODECS))
@settings(max_examples=40, deadline=None)
@given(tables)
def test_dense_rows_read_back_to_the_last_bit(name: str, table: list[list[float]]) -> None:
    features = np.array(table, np.float32)
    labels = np.arange(len(table)) / 4 if name in LABELLED else None
    found = codec(name).decode(codec(name).encode(Rows(features, labels)), int(labels is not None), False)
    dense = np.nan_to_num(found.dense()) if name == LIBSVM else found.dense()
    if name == LIBSVM:
        # The last columns of libsvm text are those that are stored.
        assert found.sparse
    assert same(dense, features)
    assert labels is None or np.array_equal(found.labels, labels)


@pytest.mark.parametrize("name", [RECORDIO, JSON, JSON_LINES])
@settings(max_examples=40, deadline=None)
@given(sparse_tables)
def test_sparse_rows_read_back_cell_by_cell(name: str, table: list[dict[int, float]]) -> None:
    features = sparse(table)
    found = codec(name).decode(codec(name).encode(Rows(features)), 0, False).features
    assert found.shape == features.shape
    assert np.array_equal(found.indptr, features.indptr)
    assert np.array_equal(found.indices, features.indices)
    assert same(found.data, features.data)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_csv_and_json_mean_what_pandas_and_json_read(table: list[list[float]]) -> None:
    features = np.array(table, np.float32)
    read = pd.read_csv(io.BytesIO(codec(CSV).encode(Rows(features))), header=None, float_precision="round_trip")
    assert np.array_equal(read.to_numpy(np.float32), features)
    read = json.loads(codec(JSON).encode(Rows(features)))
    assert np.array_equal(np.array([row["features"] for row in read["instances"]], np.float32), features)
    read = pd.read_parquet(io.BytesIO(codec(PARQUET).encode(Rows(features, np.ones(len(table))))))
    assert read.columns[0] == "label"
    assert np.array_equal(read.to_numpy(np.float32)[:, 1:], features)


@pytest.mark.parametrize("name", list(CODECS))
@settings(max_examples=40, deadline=None)
@given(tables, st.integers(1, 400), st.integers(1, 5))
def test_bodies_hold_every_row_once_within_both_limits(
    name: str, table: list[list[float]], most_bytes: int, most_rows: int
) -> None:
    features = np.array(table, np.float32)
    bodies = list(codec(name).bodies(Rows(features), most_bytes, most_rows))
    assert sum(count for _, count in bodies) == len(table)
    parts = []
    for body, count in bodies:
        assert count <= most_rows
        assert len(body) <= most_bytes or count == 1
        parts.append(codec(name).decode(body, 0, False))
        assert parts[-1].count == count
    assert same(np.nan_to_num(concatenate(parts).dense()), features)


@pytest.mark.parametrize("name", [CSV, LIBSVM, PARQUET])
def test_weights_stand_after_the_label(name: str) -> None:
    rows = Rows(np.ones((3, 2), np.float32), np.array([0.0, 1, 0.5]), np.array([1, 2.5, 0]))
    found = codec(name).decode(codec(name).encode(rows), 1, True)
    assert np.array_equal(found.labels, rows.labels)
    assert np.array_equal(found.weights, rows.weights)
    with pytest.raises(FormatError, match="no place for a weight"):
        codec(RECORDIO).encode(rows)


def test_absent_cells_are_empty_in_csv_and_null_in_parquet() -> None:
    rows = Rows(sparse([{0: 0.0, 2: 1.5}, {}]))
    assert codec(CSV).encode(rows) == b"0,,1.5,,,\n,,,,,\n"
    for name in (CSV, PARQUET):
        found = codec(name).decode(codec(name).encode(rows), 0, False).features
        assert np.array_equal(np.isnan(found), [[False, True, False, True, True, True], [True] * 6])


def test_json_is_read_in_every_dialect() -> None:
    long = {"data": {"features": {"values": [1.5, 16, 14, 23]}}}
    short = {"features": [1, 2, 3, 4], "configuration": {"x": 1}}
    thin = {"data": {"features": {"keys": [3, 1], "shape": [4], "values": [1, 4.5]}}}
    wanted = [[1.5, 16, 14, 23], [1, 2, 3, 4], [0, 4.5, 0, 1]]
    rows = codec(JSON).decode(json.dumps({"instances": [long, short, thin]}, indent=2).encode(), 0, False)
    assert rows.features.toarray().tolist() == wanted
    lines = "\n".join(json.dumps(row) for row in (long, short, thin))
    assert codec(JSON_LINES).decode(lines.encode(), 0, False).features.toarray().tolist() == wanted
    both = codec(JSON_LINES).decode("\n".join(json.dumps(row) for row in (long, short)).encode(), 0, False)
    assert both.features.tolist() == wanted[:2]


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        (CSV, b"a,b\n1,2\n", "not CSV of numbers without a header"),
        (CSV, b"1,2\n1,2,3\n", "not CSV of numbers without a header"),
        (CSV, b"x\n", "not CSV of numbers without a header"),
        (LIBSVM, b"0 0:1\n", "not libsvm text"),
        (LIBSVM, b"x 1:1\n", "not libsvm text"),
        (LIBSVM, b"1:2 1:1\n0 1:1\n", "some rows have a weight"),
        (JSON, b'{"rows":[]}', 'not JSON of the form {"instances": [...]}'),
        (JSON, b"[1,2]", "not JSON of rows"),
        (JSON, b'{"instances":[{"features":["x"]}]}', "not JSON of rows"),
        (JSON, b'{"instances":[{"features":[1]},{"features":[1,2]}]}', "rows have 1 and 2 features"),
        (JSON, b'{"instances":[{"data":{}}]}', "neither features nor data.features.values"),
        (JSON_LINES, b'{"data":{"features":{"keys":[4],"shape":[4],"values":[1]}}}', "a key is not in 0 to 3"),
        (JSON_LINES, b'{"data":{"features":{"keys":[1],"shape":[4],"values":[1,2]}}}', "another number of keys"),
        (JSON_LINES, b'{"data":{"features":{"keys":[1],"values":[1]}}}', "sparse rows need one shape"),
        (PARQUET, b"PAR1", "not Parquet"),
    ],
)
def test_bytes_of_another_kind_are_refused(name: str, body: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=re.escape(message)):
        codec(name).decode(body, 0, False)


def test_json_has_no_word_for_nan() -> None:
    with pytest.raises(FormatError, match="JSON has no word for nan"):
        codec(JSON).encode(Rows(np.array([[np.nan]], np.float32)))


def test_content_types_have_other_names_and_parameters() -> None:
    assert codec("text/x-libsvm").content_type == codec(" Text/LIBSVM; charset=utf-8").content_type == LIBSVM
    assert [label_size(f"text/csv;label_size={n}", 1) for n in (0, 1)] == [0, 1]
    assert label_size("text/csv; charset=utf-8", 1) == 1
    with pytest.raises(UnknownContentType, match="label_size must be 0 or 1, got '2'"):
        label_size("text/csv;label_size=2", 0)
    with pytest.raises(UnknownContentType, match="'image/png' is none of application/x-recordio-protobuf"):
        codec("image/png")


def test_batches_become_rows() -> None:
    dense = pa.RecordBatch.from_pydict({"label": [1, 0], "features": [[1.0, 2], [3, 4]], "weight": [1.0, 2]})
    rows = rows_of(dense.slice(1))
    assert (rows.features.tolist(), rows.labels.tolist(), rows.weights.tolist()) == ([[3, 4]], [0], [2])  # type: ignore[union-attr]
    ragged = pa.RecordBatch.from_pydict({"features": [[1.0, 2], [3]]})
    with pytest.raises(FormatError, match="a row has 1 features, others 2"):
        rows_of(ragged)
    cells = pa.RecordBatch.from_pydict({"indices": pa.array([[0, 5]]), "values": pa.array([[1.0, 2.0]])})
    with pytest.raises(FormatError, match="an index is 5, the rows have 4 features"):
        rows_of(cells, 4)
    with pytest.raises(FormatError, match="sparse rows need their width"):
        rows_of(cells)


KINDS = [RECORDIO, JSON, JSON_LINES, CSV]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 4))
def test_answers_read_back(kind: str, count: int, classes: int) -> None:
    random = np.random.default_rng(count * 10 + classes)
    score = random.normal(size=(count, classes)).astype(np.float32)
    given_answers = {"score": score if classes > 1 else score[:, 0], "predicted_label": np.arange(count, dtype=float)}
    body, content_type = encode_answers(given_answers, kind)
    found = decode_answers(body, content_type, ("score", "predicted_label"), count)
    assert np.array_equal(found["score"], given_answers["score"])
    assert np.array_equal(found["predicted_label"], given_answers["predicted_label"])


def test_answers_are_those_of_amazons_documentation() -> None:
    score = {"score": np.array([0.5, 0.25]), "predicted_label": np.array([1, 0])}
    wanted = b'{"predictions":[{"score":0.5,"predicted_label":1},{"score":0.25,"predicted_label":0}]}'
    assert encode_answers(score, JSON)[0] == wanted
    projection = {"projection": np.array([[1, 2], [6, 7.5]])}
    assert (
        encode_answers(projection, JSON, "projections")[0]
        == b'{"projections":[{"projection":[1,2]},{"projection":[6,7.5]}]}'
    )
    assert encode_answers(projection, JSON_LINES)[0] == b'{"projection":[1,2]}\n{"projection":[6,7.5]}\n'
    rows = (
        b'{"closest_cluster": 1.0, "distance_to_cluster": 3.0},\n {"closest_cluster": 2.0, "distance_to_cluster": 5.0}'
    )
    kmeans = b'{"predictions": [%s]}' % rows
    found = decode_answers(kmeans, JSON, ("distance_to_cluster",), 2)
    assert found["distance_to_cluster"].tolist() == [3, 5]
    # XGBoost: image ":1", then newer ones, then several classes.
    for body, wanted_scores in (
        (b"0.5,0.25", [0.5, 0.25]),
        (b"0.5\n0.25\n", [0.5, 0.25]),
        (b"1,2\n3,4", [[1, 2], [3, 4]]),
    ):
        assert decode_answers(body, "text/csv; charset=utf-8", ("score",), 2)["score"].tolist() == wanted_scores


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        (CSV, b"1,2,3", "3 numbers are no answer of 1 fields to 2 rows"),
        (CSV, b"1\nx", "the answer is no CSV of numbers"),
        (CSV, b"", "0 numbers are no answer"),
        (JSON_LINES, b'{"score":1}\n', "1 answers to 2 rows"),
        (JSON, b'{"predictions":[{"label":1},{"label":2}]}', "the answer has no 'score'; it has label"),
        (JSON, b"[1,2]", "the answer is no JSON of rows"),
        (JSON_LINES, b'{"score":[1]}\n{"score":[1,2]}\n', "answers differ in the length of 'score'"),
        (RECORDIO, b"1234", "starts no RecordIO record"),
    ],
)
def test_wrong_answers_are_refused(kind: str, body: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=re.escape(message)):
        decode_answers(body, kind, ("score",), 2)
