"""MD5 of whole columns is that of Python's library, whatever the lengths."""

import hashlib

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sparring.one_machine.md5 import md5

TEXTS = st.lists(st.one_of(st.none(), st.binary(max_size=140)), max_size=40)


@given(TEXTS, st.integers(0, 5))
def test_digests_are_those_of_the_library(texts: list[bytes | None], begin: int) -> None:
    values = pa.array(texts, pa.binary()).slice(begin)
    assert md5(values).to_pylist() == [t if t is None else hashlib.md5(t).hexdigest() for t in texts[begin:]]


def test_more_texts_than_a_chunk_holds() -> None:
    texts = [b"x" * (number % 70) + str(number).encode() for number in range(20_000)]
    assert md5(pa.array(texts)).to_pylist() == [hashlib.md5(text).hexdigest() for text in texts]
