"""RecordIO-protobuf against the JVM writer's own bytes, and against a reader and writer of protobuf's own."""

import importlib.util
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from sparring.wire import recordio, varint
from sparring.wire.records import joined
from sparring.wire.rows import FormatError, Rows
from sparring.wire.vectors import vector_rows

GOLDEN = Path(__file__).parent / "golden"


def golden_module() -> object:
    spec = importlib.util.spec_from_file_location("golden", GOLDEN / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = golden_module()
CASES = make.cases()  # type: ignore[attr-defined]


def batch_of(rows: list) -> pa.RecordBatch:
    """The rows as Spark hands them to mapInArrow."""
    kind = pa.struct(
        [
            ("type", pa.int8()),
            ("size", pa.int32()),
            ("indices", pa.list_(pa.int32())),
            ("values", pa.list_(pa.float64())),
        ]
    )
    vectors = [
        {"type": 0, "size": v.size, "indices": v.indices.tolist(), "values": v.values.tolist()}
        if hasattr(v, "indices")
        else {"type": 1, "size": None, "indices": None, "values": v.values.tolist()}
        for _, v in rows
    ]
    labels = [label for label, _ in rows]
    return pa.RecordBatch.from_arrays([pa.array(labels), pa.array(vectors, kind)], ["label", "vector"])


def encoded(batch: pa.RecordBatch) -> bytes:
    groups = vector_rows(batch)
    records = pa.concat_arrays([recordio.encode(rows) for _, rows in groups])
    return joined(records.take(pa.array(np.argsort(np.concatenate([places for places, _ in groups])))))


@pytest.mark.parametrize("name", CASES)
def test_our_bytes_are_the_jvm_writers(name: str) -> None:
    assert encoded(batch_of(CASES[name])) == (GOLDEN / f"{name}.pbr").read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_what_the_jvm_wrote_is_read(name: str) -> None:
    rows = recordio.decode((GOLDEN / f"{name}.pbr").read_bytes())
    assert np.array_equal(rows.labels, np.array([label for label, _ in CASES[name]], np.float32), equal_nan=True)
    if name == "huge":
        assert rows.features.indices.tolist() == CASES[name][0][1].indices.tolist()
        return
    wanted = np.array([vector.toArray() for _, vector in CASES[name]]).astype(np.float32)
    found = rows.features.toarray() if rows.sparse else rows.features
    assert np.array_equal(found, wanted, equal_nan=True)


@pytest.mark.skipif(
    not make.JAR.exists(),  # type: ignore[attr-defined]
    reason="no protobuf-java: apt-get install libprotobuf-java, or set SPARRING_PROTOBUF_JAR",
)
def test_the_golden_files_are_what_the_jvm_writes_today(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(GOLDEN / "make.py"), str(tmp_path)], check=True, capture_output=True)
    for name in CASES:
        assert (tmp_path / f"{name}.pbr").read_bytes() == (GOLDEN / f"{name}.pbr").read_bytes()


numbers = st.floats(width=32, allow_nan=False)
WIDTH = 40_000
sparse_rows = st.lists(st.dictionaries(st.integers(0, WIDTH - 1), numbers, max_size=40), min_size=1, max_size=12)


def slow_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def slow_field(number: int, content: bytes) -> bytes:
    return slow_varint(number << 3 | 2) + slow_varint(len(content)) + content


def slow_record(cells: dict[int, float], label: float) -> bytes:
    """One record, field by field."""
    keys = sorted(cells)
    tensor = b""
    if keys:
        tensor += slow_field(1, struct.pack(f"<{len(keys)}f", *(cells[key] for key in keys)))
        tensor += slow_field(2, b"".join(slow_varint(key) for key in keys))
    tensor += slow_field(3, slow_varint(WIDTH))
    message = slow_field(1, slow_field(1, b"values") + slow_field(2, slow_field(2, tensor)))
    value = slow_field(2, slow_field(1, struct.pack("<f", label)))
    message += slow_field(2, slow_field(1, b"values") + slow_field(2, value))
    return struct.pack("<II", 0xCED7230A, len(message)) + message + bytes(-len(message) % 4)


def matrix(rows: list[dict[int, float]]) -> csr_matrix:
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    indices = np.array([key for row in rows for key in sorted(row)], np.int32)
    values = np.array([row[key] for row in rows for key in sorted(row)], np.float32)
    return csr_matrix((values, indices, offsets), shape=(len(rows), WIDTH))


@settings(max_examples=40, deadline=None)
@given(sparse_rows)
def test_sparse_rows_are_what_a_loop_writes_and_read_back(given_rows: list[dict[int, float]]) -> None:
    rows = Rows(matrix(given_rows), np.arange(len(given_rows), dtype=float))
    body = joined(recordio.encode(rows))
    assert body == b"".join(slow_record(row, number) for number, row in enumerate(given_rows))
    found = recordio.decode(body)
    assert found.features.shape == rows.features.shape
    assert all(
        np.array_equal(getattr(found.features, k), getattr(rows.features, k)) for k in ("indptr", "indices", "data")
    )
    assert np.array_equal(found.labels, rows.labels)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.booleans(), st.randoms())
def test_dense_rows_read_back_whatever_their_bits(count: int, width: int, labelled: bool, random: object) -> None:
    # Values whose bits are the frame's own mark must not be taken for one.
    bits = np.array([[0xCED7230A if random.random() < 0.3 else random.getrandbits(31) for _ in range(width)]])  # type: ignore[attr-defined]
    features = np.repeat(bits.astype(np.uint32), count, axis=0).view(np.float32)
    found = recordio.decode(joined(recordio.encode(Rows(features, np.ones(count) if labelled else None))))
    assert np.array_equal(found.features.view(np.uint32), features.view(np.uint32))
    assert (found.labels is not None) == labelled


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2**62), max_size=30))
def test_varints_are_what_a_loop_writes(values: list[int]) -> None:
    data = varint.encode(np.array(values, np.int64))
    assert data.tobytes() == b"".join(map(slow_varint, values))
    assert varint.decode(data).tolist() == values


def record(*, name: bytes = b"values", kind: int = 2, tensor: bytes = b"", extra: bytes = b"") -> bytes:
    entry = slow_field(1, slow_field(1, name) + slow_field(2, slow_field(kind, tensor)))
    message = entry + extra
    return struct.pack("<II", 0xCED7230A, len(message)) + message + bytes(-len(message) % 4)


def test_other_writers_tensors_and_their_unused_fields_are_read() -> None:
    """The Python SDK writes float64 and int32 tensors; uid and metadata differ from record to record."""
    double = [
        record(kind=3, tensor=slow_field(1, struct.pack("<2d", n, 0.5)), extra=slow_field(3, b"id%d" % n))
        for n in range(3)
    ]
    assert recordio.decode(b"".join(double)).features.tolist() == [[0, 0.5], [1, 0.5], [2, 0.5]]
    whole = [record(kind=7, tensor=slow_field(1, slow_varint(n) + slow_varint(300))) for n in (1, 5)]
    assert recordio.decode(b"".join(whole)).features.tolist() == [[1, 300], [5, 300]]
    minus = record(kind=7, tensor=slow_field(1, slow_varint(2**64 - 3)))
    assert recordio.decode(minus).features.tolist() == [[-3]]


one = slow_field(1, struct.pack("<f", 1))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"1,2,3\n4,5,6\n", "byte 0 of 12 starts no RecordIO record"),
        (record(tensor=one)[:-4], "4 bytes are missing"),
        (record(tensor=one) + b"more", "starts no RecordIO record"),
        (record(tensor=one) + record(tensor=slow_field(1, bytes(8))), "records have 1 and 2 features"),
        (record(name=b"others", tensor=one), "no features named 'values'"),
        (record(kind=9, tensor=b""), "'values' is no tensor of numbers"),
        (record(tensor=slow_field(1, bytes(3))), "3 bytes are no whole number of 4-byte values"),
        (record(tensor=one + slow_field(2, b"\1")), "has no shape"),
        (record(tensor=one + slow_field(2, b"\1\2") + slow_field(3, b"\5")), "another number of keys"),
        (record(tensor=one + slow_field(2, b"\7") + slow_field(3, b"\5")), "a key is 7, its record has 5 features"),
        (record(tensor=b"\x0a\x7f"), "is not length-delimited, or is cut off"),
    ],
)
def test_bytes_that_are_no_records_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        recordio.decode(body)


def test_some_labels_are_refused() -> None:
    some = [recordio.encode(Rows(np.ones((1, 2), np.float32), labels)) for labels in (None, np.ones(1))]
    with pytest.raises(FormatError, match="records differ in label"):
        recordio.decode(b"".join(joined(part) for part in some))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5))
def test_answers_read_back(count: int, classes: int) -> None:
    rng = np.random.default_rng(count)
    answers = {"score": rng.random((count, classes)).astype(np.float32), "predicted_label": np.arange(count) % 7}
    found = recordio.decode_answers(joined(recordio.encode_answers(answers)))
    assert np.array_equal(found["score"].reshape(count, classes), answers["score"])
    assert np.array_equal(found["predicted_label"], answers["predicted_label"])
