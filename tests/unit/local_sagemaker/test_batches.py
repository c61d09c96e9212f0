"""Batch transform's arithmetic: records, mini-batches, paths and joins."""

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.runtime.jsonpath import JsonPath
from sparring_local_sagemaker.runtime.processing import Processing
from sparring_local_sagemaker.runtime.records import batches, split
from sparring_local_sagemaker.training.channels import record

payloads = st.lists(st.binary(max_size=20), max_size=8)


@given(payloads)
def test_recordio_and_tfrecords_are_cut_where_they_were_joined(parts: list[bytes]) -> None:
    framed = [record(part) for part in parts]
    assert list(split(io.BytesIO(b"".join(framed)), "RecordIO")) == framed
    framed = [struct.pack("<QI", len(part), 0) + part + b"\0" * 4 for part in parts]
    assert list(split(io.BytesIO(b"".join(framed)), "TFRecord")) == framed


@given(st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line and b"\r" not in line), max_size=8))
def test_lines_are_cut_at_line_ends_of_both_kinds(lines: list[bytes]) -> None:
    for end in (b"\n", b"\r\n"):
        assert list(split(io.BytesIO(b"".join(line + end for line in lines)), "Line")) == lines


@pytest.mark.parametrize("kind", ["RecordIO", "TFRecord"])
def test_an_input_that_ends_early_is_refused(kind: str) -> None:
    whole = record(b"payload") if kind == "RecordIO" else struct.pack("<QI", 7, 0) + b"payload" + b"\0" * 4
    for size in range(1, len(whole)):
        with pytest.raises(ValueError, match="ends within a record"):
            list(split(io.BytesIO(whole[:size]), kind))
    with pytest.raises(ValueError, match="is not RecordIO"):
        list(split(io.BytesIO(b"x" * 16), "RecordIO"))


@given(payloads, st.sampled_from(["MultiRecord", "SingleRecord"]), st.sampled_from([b"", b"\n"]), st.integers(20, 60))
def test_batches_keep_every_record_in_order_and_fill_the_limit(
    parts: list[bytes], strategy: str, separator: bytes, limit: int
) -> None:
    made = list(batches(parts, strategy, limit, separator))
    assert [part for batch in made for part in batch] == parts
    sizes = [len(separator.join(batch)) for batch in made]
    assert all(size <= limit for size in sizes)
    if strategy == "SingleRecord":
        assert all(len(batch) == 1 for batch in made)
    else:
        # Greedy: the first record of a batch did not fit the one before.
        following = zip(sizes, made[1:], strict=False)
        assert all(size + len(separator) + len(batch[0]) > limit for size, batch in following)


def test_a_record_larger_than_the_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than the payload limit of 3"):
        list(batches([b"1234"], "MultiRecord", 3, b""))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("$", [1, 2], [1, 2]),
        ("$[1:]", [1, 2, 3], [2, 3]),
        ("$[:-1]", [1, 2, 3], [1, 2]),
        ("$[0]", [1, 2], 1),
        ("$[-1]", [1, 2], 2),
        ("$[0,2]", [1, 2, 3], [1, 3]),
        ("$.a.b", {"a": {"b": 5}}, 5),
        ("$['a']['b c']", {"a": {"b c": 5}}, 5),
        ('$["a"]', {"a": 5}, 5),
        ("$['a','b']", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}),
        ("$.a[*]", {"a": [1, 2]}, [1, 2]),
        ("$.*", {"a": 1, "b": 2}, [1, 2]),
    ],
)
def test_paths_find_what_they_name(path: str, value: Any, expected: Any) -> None:
    assert JsonPath(path)(value) == expected


def test_paths_that_are_none_and_paths_that_find_nothing() -> None:
    for path in ("", "a", "$..a", "$[?(@.a)]", "$[a]", "$a"):
        with pytest.raises(AwsError, match="JSONPath"):
            JsonPath(path)
    with pytest.raises(ValueError, match=r"JSONPath \$.b finds nothing"):
        JsonPath("$.b")({"a": 1})


def processing(kind: str, split_type: str = "Line", **asked: str) -> Processing:
    return Processing.of({"TransformInput": {"ContentType": kind, "SplitType": split_type}, "DataProcessing": asked})


def test_quoted_cells_survive_filter_and_join() -> None:
    made = processing("text/csv", InputFilter="$[0]", JoinSource="Input")
    assert made.before(b'"a,b",2') == b'"a,b"'
    assert made.after([b'"a,b",2', b"c,3"], b"0.5\n0.7\n", "text/csv; charset=utf-8") == [b'"a,b",2,0.5', b"c,3,0.7"]
    with pytest.raises(ValueError, match="2 records were sent and 1 came back"):
        made.after([b"1", b"2"], b"0.5", "text/csv")


def test_json_that_is_no_object_is_joined_beside_its_answer() -> None:
    made = processing("application/json", "None", JoinSource="Input")
    assert made.after([b"[1, 2]"], b"0.5", "application/json") == [
        b'{"SageMakerInput": [1, 2], "SageMakerOutput": 0.5}'
    ]
