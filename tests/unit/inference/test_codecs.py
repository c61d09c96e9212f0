"""What is sent reads back as what was there, by the reader of the package that gets it; answers of every format."""

import datetime
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.data.numbers import LARGEST
from sparring.errors import EndpointError
from sparring.inference.codecs import Format, joined_scores_of, scores_of
from sparring.serving.answers import Answers
from sparring.serving.manifest import RawColumn
from sparring.serving.raw_rows import read_rows
from sparring.serving.typed import typed
from sparring.task import BINARY, MULTICLASS, REGRESSION, Target
from sparring.wire.answers import encode_answers
from sparring.wire.codec import CODECS, codec
from sparring.wire.media import RECORDIO
from sparring.wire.raw_rows import ROW_FORMATS

COLUMNS = [
    RawColumn("x", "numeric", "double"),
    RawColumn("when", "timestamp", "timestamp"),
    RawColumn("city", "categorical", "string"),
]
TIMESTAMPS = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ROWS = st.lists(
    st.tuples(st.none() | st.floats(-LARGEST, LARGEST), st.none() | TIMESTAMPS, st.none() | TEXTS),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.sampled_from(sorted(ROW_FORMATS)))
def test_raw_rows_read_back_to_the_last_bit(rows: list[tuple], kind: str) -> None:
    x, when, city = zip(*rows, strict=True)
    batch = pa.RecordBatch.from_arrays(
        [pa.array(x, pa.float64()), pa.array(when, pa.timestamp("us", "UTC")), pa.array(city, pa.string())],
        names=["x", "when", "city"],
    )
    body = ROW_FORMATS[kind](batch)
    raw = read_rows(body, kind, batch.schema.names, [""])
    for column, sent in zip(COLUMNS, batch.columns, strict=True):
        back = typed(column, raw[column.name], pa.array([], pa.string()))
        assert back.cast(sent.type).to_pylist() == sent.to_pylist(), (kind, column.name)


@pytest.mark.parametrize("kind", sorted(CODECS))
def test_features_are_cut_into_bodies_that_read_back(kind: str) -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(size=(50, 4)).astype(np.float32)
    batch = pa.RecordBatch.from_pydict({"features": pa.array(list(table), pa.list_(pa.float32()))})
    pieces = list(Format(kind, False).bodies(batch, 10_000, 20))
    assert [(piece.start, piece.stop) for piece in pieces] == [(0, 20), (20, 40), (40, 50)]
    back = np.concatenate([codec(kind).decode(piece.body, 0, False).dense() for piece in pieces])
    assert np.array_equal(back, table)


SCORES = np.array([0.25, 1e-7, 0.9999])


@pytest.mark.parametrize("kind", ["text/csv", "application/json", "application/jsonlines", "application/x-parquet"])
def test_a_package_s_answers_are_read_to_the_last_bit(kind: str) -> None:
    answer = Answers(BINARY, Target("string", ("no", "yes")), 0.5).written(SCORES, kind)
    assert np.array_equal(scores_of(answer, f"{kind}; charset=utf-8", 3, "It"), SCORES)
    number = Answers(REGRESSION, Target("double"), None).written(SCORES, kind)
    assert np.array_equal(scores_of(number, kind, 3, "It"), SCORES)


SEVERAL = st.integers(1, 6).flatmap(
    lambda rows: st.integers(3, 5).flatmap(
        lambda width: st.lists(st.lists(st.floats(0, 1), min_size=width, max_size=width), min_size=rows, max_size=rows)
    )
)


@settings(deadline=None, max_examples=60)
@given(SEVERAL, st.sampled_from(["text/csv", "application/json", "application/jsonlines", "application/x-parquet"]))
def test_probabilities_of_several_classes_are_read_to_the_last_bit(rows: list[list[float]], kind: str) -> None:
    scores = np.array(rows)
    target = Target("string", tuple(f"class {at}" for at in range(scores.shape[1])))
    answer = Answers(MULTICLASS, target, None).written(scores, kind)
    assert np.array_equal(scores_of(answer, kind, len(rows), "It", scores.shape[1]), scores)
    with pytest.raises(EndpointError, match="It answered"):
        scores_of(answer, kind, len(rows), "It", scores.shape[1] + 1)


def test_several_scores_are_read_from_one_line_and_beside_their_keys() -> None:
    # The first image of XGBoost joins all rows by commas.
    assert scores_of(b"0.1,0.9,0.2,0.8", "text/csv", 2, "It", 2).tolist() == [[0.1, 0.9], [0.2, 0.8]]
    keys, scores = joined_scores_of(b"007,0.5,0.25,0.25\nb,0,0,1\n", "text/csv", "It", 3)
    assert (keys, scores.tolist()) == (["007", "b"], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    line = {"sparring__key": "007", "SageMakerOutput": {"probabilities": [0.5, 0.25, 0.25], "predicted": "a"}}
    keys, scores = joined_scores_of(json.dumps(line).encode(), "application/jsonlines", "It", 3)
    assert (keys, scores.tolist()) == (["007"], [[0.5, 0.25, 0.25]])


@pytest.mark.parametrize("kind", ["text/csv", "application/json", "application/jsonlines", RECORDIO])
def test_an_algorithm_s_answers_are_read(kind: str) -> None:
    body, told = encode_answers({"score": SCORES}, kind)
    assert np.allclose(scores_of(body, told, 3, "It"), SCORES, atol=1e-7)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"predictions": [{"label": 1}]}', "application/json"),
        (b"{}", "application/jsonlines"),
        (b"no parquet", "application/x-parquet"),
        (b"1,2", "image/png"),
        (b"0.5 and more", "text/csv"),
    ],
)
def test_an_answer_without_scores_is_an_error(body: bytes, kind: str) -> None:
    with pytest.raises(EndpointError, match=r"It answered"):
        scores_of(body, kind, 1, "It")


def test_joined_outputs_give_keys_and_scores() -> None:
    keys, scores = joined_scores_of(b'007,0.5\n"a,""b""",0.25\n', "text/csv", "It")
    assert (keys, scores.tolist()) == (["007", 'a,"b"'], [0.5, 0.25])
    lines = [
        {"sparring__key": "007", "SageMakerOutput": {"score": 0.5}},
        {"sparring__key": "é", "SageMakerOutput": {"score": 0.25}},
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    keys, scores = joined_scores_of(body, "application/jsonlines", "It")
    assert (keys, scores.tolist()) == (["007", "é"], [0.5, 0.25])
    with pytest.raises(EndpointError, match="It holds no joined scores"):
        joined_scores_of(b'{"a": 1}\n', "application/jsonlines", "It")
    with pytest.raises(EndpointError, match="It holds no joined scores"):
        joined_scores_of(b"a,b\n", "text/csv", "It")
