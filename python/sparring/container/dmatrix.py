"""XGBoost's matrices as its image makes them, of requests and of channels.

Source: aws/sagemaker-xgboost-container, ``encoder.py`` and ``data_utils.py``: types, delimiters, columns of labels.
In libsvm text an index is the column's number, as XGBoost's own reader has it, and what a row leaves out is missing:
in a channel and in a request alike, so that a model meets the columns that it was trained on.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xgboost

from sparring.container.media import BodyError, ContentError
from sparring.wire import FormatError, Rows, codec
from sparring.wire import libsvm as libsvm_text
from sparring.wire.media import CSV, LIBSVM, PARQUET, RECORDIO, media_type
from sparring.wire.rows import concatenate

READ = (CSV, LIBSVM, RECORDIO)
DELIMITERS = ",;\t| "
# A line of a request may leave out the label, which means nothing there.
UNLABELLED = re.compile(rb"^[ \t]*(?=[^\s:]+:)", re.MULTILINE)


def decode(body: str | bytes, content_type: str) -> Any:
    """Return a request's rows as a DMatrix.

    Raises
    ------
    ContentError
        If its type is neither CSV, libsvm nor RecordIO-protobuf; the image reads no JSON either.
    BodyError
        If it does not parse.
    """
    kind = media_type(content_type)
    if kind not in READ:
        raise ContentError(f"content type {content_type!r} is none of {', '.join(READ)}; define input_fn to read it")
    return {CSV: csv_to_dmatrix, LIBSVM: libsvm_to_dmatrix, RECORDIO: recordio_protobuf_to_dmatrix}[kind](_bytes(body))


def csv_to_dmatrix(body: str | bytes, dtype: Any = None) -> Any:
    """Return CSV without label and header as a DMatrix; the first line decides the delimiter."""
    return _parsed(lambda: codec(CSV).decode(_with_commas(_bytes(body).strip(b"\r\n")), 0, False))


def libsvm_to_dmatrix(body: str | bytes) -> Any:
    """Return libsvm text, with or without labels, as a DMatrix."""
    return _parsed(lambda: libsvm_text.decode(UNLABELLED.sub(b"0 ", _bytes(body)), first_index=0))


def recordio_protobuf_to_dmatrix(body: bytes) -> Any:
    """Return RecordIO-protobuf as a DMatrix."""
    return _parsed(lambda: codec(RECORDIO).decode(body, 0, False))


def get_dmatrix(
    data_path: str | Sequence[str], content_type: str, csv_weights: int = 0, is_pipe: bool = False
) -> Any | None:
    """Return the rows of a channel's files, with their labels; None if there is no such folder.

    Parameters
    ----------
    data_path : str or sequence of str
        Files or folders.
    content_type : str
        ``csv`` (label first, no header), ``libsvm``, ``parquet`` (label first) or ``recordio-protobuf``.
    csv_weights : int, default 0
        1 if the second column of CSV is the row's weight.
    is_pipe : bool, default False
        Refused if True, as the image does.

    Raises
    ------
    ValueError
        If a file is not of its type, or no row has a label.
    """
    if is_pipe:
        raise ValueError("Pipe mode is no longer supported by the XGBoost image: use File or FastFile mode")
    paths = [Path(path) for path in ([data_path] if isinstance(data_path, str | Path) else data_path)]
    if not all(path.exists() for path in paths):
        return None
    files = [file for path in paths for file in _files(path)]
    rows = [_channel_rows(file.read_bytes(), media_type(content_type), bool(csv_weights)) for file in files]
    rows = [part for part in rows if part.count]
    if not rows or any(part.labels is None for part in rows):
        raise ValueError(f"Got input data without labels. Please check the input data set: {data_path}")
    return _matrix(concatenate(rows))


def _files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in found if not file.name.startswith((".", "_"))]


def _channel_rows(data: bytes, kind: str, weights: bool) -> Rows:
    if kind == LIBSVM:
        return libsvm_text.decode(data, first_index=0)
    if kind not in (CSV, PARQUET, RECORDIO):
        raise ValueError(f"content type {kind!r} is none of csv, libsvm, parquet, recordio-protobuf")
    return codec(kind).decode(_with_commas(data) if kind == CSV else data, 1, weights)


def _with_commas(text: bytes) -> bytes:
    """Return CSV delimited by commas, whatever delimits its first line."""
    first = text.split(b"\n", 1)[0][:512].decode()
    try:
        delimiter = csv.Sniffer().sniff(first, DELIMITERS).delimiter
    except csv.Error:
        return text
    return text.replace(delimiter.encode(), b",")


def _parsed(read: Any) -> Any:
    try:
        return _matrix(read())
    except (FormatError, ValueError) as error:
        raise BodyError(str(error)) from error


def _matrix(rows: Rows) -> Any:
    return xgboost.DMatrix(rows.features, label=rows.labels, weight=rows.weights)


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
