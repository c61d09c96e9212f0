"""Answers of SageMaker's algorithms: which fields each gives, and how they read in each format.

Source: Amazon SageMaker developer guide, the "Response Formats" page of each algorithm; where a page is silent on
CSV, fields stand in the order of its JSON example.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from sparring.wire import recordio
from sparring.wire.media import CSV, JSON, JSON_LINES, RECORDIO, UnknownContentType, media_type
from sparring.wire.records import joined
from sparring.wire.rows import Answers, FormatError
from sparring.wire.text import concatenated, lines, listed, require_finite, texts, wrapped


class AnswerFormat(NamedTuple):
    """The fields of an answer in the order of CSV, and the name of the list in JSON."""

    fields: tuple[str, ...]
    top: str = "predictions"


# By the algorithm's repository in ECR and, where it matters, its predictor_type.
ANSWERS = {
    ("linear-learner", "binary_classifier"): AnswerFormat(("score", "predicted_label")),
    ("linear-learner", "multiclass_classifier"): AnswerFormat(("score", "predicted_label")),
    ("linear-learner", "regressor"): AnswerFormat(("score",)),
    ("factorization-machines", "binary_classifier"): AnswerFormat(("score", "predicted_label")),
    ("factorization-machines", "regressor"): AnswerFormat(("score",)),
    ("kmeans", ""): AnswerFormat(("closest_cluster", "distance_to_cluster")),
    ("pca", ""): AnswerFormat(("projection",), "projections"),
    ("lda", ""): AnswerFormat(("topic_mixture",)),
    ("xgboost", ""): AnswerFormat(("score",)),
    ("sagemaker-xgboost", ""): AnswerFormat(("score",)),
}
NUMBER = re.compile(rb"[^,\s]+")


def encode_answers(answers: Answers, accept: str, top: str = "predictions") -> tuple[bytes, str]:
    """Return an answer's body and its content type.

    Parameters
    ----------
    answers : dict of str to ndarray
    accept : str
        ``Accept`` of the request: RecordIO-protobuf, JSON, JSON Lines or CSV.
    top : str
        Name of the list in JSON.

    Raises
    ------
    UnknownContentType
        If ``accept`` is none of them.

    Examples
    --------
    >>> encode_answers({"score": np.array([0.5, 1])}, "application/json")[0]
    b'{"predictions":[{"score":0.5},{"score":1}]}'
    """
    kind = media_type(accept)
    if kind == RECORDIO:
        return joined(recordio.encode_answers(answers)), kind
    if kind == CSV:
        return joined(lines(concatenated([_text(column) for column in answers.values()], ","))), kind
    if kind == JSON_LINES:
        return joined(lines(_objects(answers))), kind
    if kind == JSON:
        inner = joined(lines(_objects(answers), ","))[:-1]
        return b'{"%s":[%s]}' % (top.encode(), inner), kind
    raise UnknownContentType(f"Accept {accept!r} is none of {RECORDIO}, {JSON}, {JSON_LINES}, {CSV}")


def decode_answers(body: bytes, content_type: str, fields: tuple[str, ...], count: int) -> Answers:
    """Return an answer of ``count`` rows.

    Parameters
    ----------
    body : bytes
    content_type : str
    fields : tuple of str
        Which to return; of CSV, in the order of its columns, where one of them may be a vector.
    count : int
        Rows of the request.

    Raises
    ------
    FormatError
        If the body is something else, lacks a field, or has another number of rows.
    UnknownContentType
        If the content type is none that algorithms answer in.

    Examples
    --------
    >>> decode_answers(b"0.5,0.25", "text/csv", ("score",), 2)
    {'score': array([0.5 , 0.25])}
    """
    kind = media_type(content_type)
    if kind == CSV:
        return _of_csv(body, fields, count)
    found: Mapping[str, pa.Array | np.ndarray]
    if kind == RECORDIO:
        found = recordio.decode_answers(body)
    elif kind in (JSON, JSON_LINES):
        found = _of_json(body, kind)
    else:
        raise UnknownContentType(
            f"an answer of type {content_type!r} is none of {RECORDIO}, {JSON}, {JSON_LINES}, {CSV}"
        )
    for field in fields:
        if field not in found:
            raise FormatError(f"the answer has no {field!r}; it has {', '.join(found) or 'nothing'}")
        if len(found[field]) != count:
            raise FormatError(f"{len(found[field])} answers to {count} rows")
    return {field: np.asarray(_numbers(field, found[field]), np.float64) for field in fields}


def _text(column: np.ndarray, around: tuple[str, str] = ("", "")) -> pa.Array:
    """Return each row's number, or its numbers separated by commas between ``around``."""
    values = np.asarray(column, np.float32).astype(np.float64)
    if values.ndim == 1:
        return texts(values)
    return wrapped(
        around[0], listed(np.arange(len(values) + 1) * values.shape[1], texts(values.ravel()), ","), around[1]
    )


def _objects(answers: Answers) -> pa.Array:
    """Return one JSON object a row."""
    parts: list[pa.Array | str] = []
    for name, column in answers.items():
        require_finite(np.asarray(column), "answers")
        parts += [("," if parts else "{") + f'"{name}":', _text(column, ("[", "]"))]
    return concatenated([*parts, "}"], "")


def _of_csv(body: bytes, fields: tuple[str, ...], count: int) -> Answers:
    """Return CSV answers, whatever separates them: image ``xgboost:1`` joins rows by commas."""
    words = NUMBER.findall(body)
    width, rest = divmod(len(words), count) if count else (len(fields), len(words))
    if rest or width < len(fields):
        raise FormatError(f"{len(words)} numbers are no answer of {len(fields)} fields to {count} rows")
    try:
        table = np.array(words).astype(np.float64).reshape(count, width)
    except ValueError as error:
        raise FormatError(f"the answer is no CSV of numbers: {body[:100]!r}") from error
    # What is left over belongs to the vector, which is the first field wherever there is one.
    vector = width - len(fields) + 1
    first = table[:, 0] if vector == 1 else table[:, :vector]
    return dict(zip(fields, [first, *table[:, vector:].T], strict=True))


def _of_json(body: bytes, kind: str) -> dict[str, pa.Array]:
    """Return every field as it came: those that nobody asks for need not be numbers."""
    try:
        options = pajson.ReadOptions(use_threads=False, block_size=len(body) + 1)
        parse = pajson.ParseOptions(newlines_in_values=True)
        table = pajson.read_json(io.BytesIO(body), options, parse)
        if kind == JSON:
            rows = table.column(0).combine_chunks().flatten()
            table = pa.Table.from_struct_array(rows)
    except (pa.ArrowInvalid, AttributeError, IndexError, TypeError) as error:
        raise FormatError(f"the answer is no JSON of rows: {body[:100]!r}") from error
    return {name: table[name].combine_chunks() for name in table.column_names}


def _numbers(name: str, column: pa.Array | np.ndarray) -> np.ndarray:
    if isinstance(column, np.ndarray):
        return column
    if not pa.types.is_list(column.type):
        return pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    widths = np.unique(pc.list_value_length(column).to_numpy(zero_copy_only=False))
    if len(widths) > 1:
        raise FormatError(f"answers differ in the length of {name!r}")
    return pc.cast(column.flatten(), pa.float64()).to_numpy(zero_copy_only=False).reshape(len(column), -1)
