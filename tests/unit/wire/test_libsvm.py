"""The libsvm writer against scikit-learn's reader and writer, exact in float32."""

import io

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from sparring.io.cells import Cells, cells_of, stack
from sparring.wire.libsvm import chunks, libsvm_lines

WIDTH = 9
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
sparse_rows = st.lists(st.dictionaries(st.integers(0, WIDTH - 1), numbers), max_size=12)
lines_of_text = st.lists(st.text(st.sampled_from("0:1. é"), max_size=12), max_size=40)


def cells(rows: list[dict[int, float]]) -> Cells:
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    indices = np.array([index for row in rows for index in sorted(row)], np.int32)
    values = np.array([row[index] for row in rows for index in sorted(row)], np.float32)
    return Cells(offsets, indices, values)


def read(text: bytes) -> csr_matrix:
    features, _ = load_svmlight_file(io.BytesIO(text), n_features=WIDTH, zero_based=False, dtype=np.float32)
    return features


def same(one: csr_matrix, other: csr_matrix) -> bool:
    """Return whether two matrices store the same cells, bit by bit: a stored zero is not an absent cell."""
    parts = ("indptr", "indices")
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in parts) and np.array_equal(
        one.data.view(np.uint32), other.data.view(np.uint32)
    )


@given(sparse_rows.filter(len))
@example([{0: 1e-45, 8: 3.4028234663852886e38}, {}, {3: -0.0, 4: 0.1, 5: 16777216.0, 6: 1e-38}])
def test_what_is_written_reads_back_to_the_last_bit(rows: list[dict[int, float]]) -> None:
    given_cells = cells(rows)
    text = "\n".join(libsvm_lines(given_cells).to_pylist()).encode()
    assert same(read(text), stack([given_cells], WIDTH))


@given(sparse_rows.filter(len))
def test_it_means_what_scikit_learn_writes(rows: list[dict[int, float]]) -> None:
    # scikit-learn leaves stored zeros out.
    given_cells = cells([{index: value for index, value in row.items() if value} for row in rows])
    reference = io.BytesIO()
    features = stack([given_cells], WIDTH)
    dump_svmlight_file(features, np.zeros(len(rows)), reference, zero_based=False)
    ours = "\n".join(libsvm_lines(given_cells).to_pylist()).encode()
    assert same(read(ours), read(reference.getvalue()))


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_a_slice_of_dense_rows_is_written_with_its_zeros(before: int, count: int, after: int) -> None:
    dense = np.arange((before + count + after) * 3, dtype=np.float32).reshape(-1, 3) % 4
    column = pa.array(list(dense), pa.list_(pa.float32()))
    batch = pa.RecordBatch.from_pydict({"features": column}).slice(before, count)
    expected = [f"0 1:{a:g} 2:{b:g} 3:{c:g}" for a, b, c in dense[before : before + count]]
    assert libsvm_lines(cells_of(batch)).to_pylist() == expected


@given(lines_of_text, st.integers(1, 60), st.integers(1, 8))
def test_bodies_hold_every_line_once_within_both_limits(lines: list[str], most_bytes: int, most_rows: int) -> None:
    bodies = chunks(pa.array(lines, pa.string()), most_bytes, most_rows)
    assert [line for body in bodies for line in body.decode().split("\n")] == lines
    for body in bodies:
        rows = body.count(b"\n") + 1
        assert rows <= most_rows
        assert len(body) <= most_bytes or rows == 1


@given(lines_of_text, st.integers(1, 60), st.integers(1, 8))
def test_bodies_are_as_few_as_limits_allow(lines: list[str], most_bytes: int, most_rows: int) -> None:
    """Greedy filling, line by line, is optimal for consecutive rows."""
    count, size, rows = 0, 0, 0
    for line in lines:
        length = len(line.encode()) + 1
        if not count or rows == most_rows or size + length > most_bytes:
            count, size, rows = count + 1, 0, 0
        size, rows = size + length, rows + 1
    assert len(chunks(pa.array(lines, pa.string()), most_bytes, most_rows)) == count
