"""A table as a training channel: executors encode their rows and write whole files, local or in S3."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from sparring.errors import ParamError, SparringError, TableError
from sparring.params import require_columns
from sparring.sagemaker.sinks import Sink, sink_of
from sparring.sagemaker.target import AwsTarget
from sparring.spark.reserved import named
from sparring.spark.tasks import run_to_end
from sparring.wire.codec import Codec, FileCodec, RecordCodec, codec
from sparring.wire.media import CSV, JSON, JSON_LINES, PARQUET, RECORDIO, UnknownContentType
from sparring.wire.raw_rows import ROW_FORMATS
from sparring.wire.records import joined
from sparring.wire.rows import FormatError, Rows, concatenate, rows_of
from sparring.wire.vectors import vector_rows

PARTS = pa.schema([("part", pa.int32()), ("rows", pa.int64()), ("bytes", pa.int64())])
IN_MEMORY = 64 * 1024 * 1024
# Writes the batches of a partition to a file and returns the number of rows.
Encode = Callable[[Iterable[pa.RecordBatch], IO[bytes]], int]


class Channel(NamedTuple):
    """What was written: where, in how many files, rows and bytes."""

    uri: str
    files: int
    rows: int
    bytes: int


def write_channel(
    df: DataFrame,
    uri: str,
    content_type: str,
    *,
    target: AwsTarget | None = None,
    hosts: int = 1,
    files: int | None = None,
    keyCol: str | None = "key",
    labelCol: str | None = "label",
    weightCol: str | None = None,
    featuresCol: str | None = "features",
    size: int | None = None,
) -> Channel:
    """Write a table as the files of a training channel.

    Parameters
    ----------
    df : DataFrame
    uri : str
        ``s3://`` or ``s3a://`` prefix, or a local folder; there must be nothing below it.
    content_type : str
        RecordIO-protobuf, libsvm, CSV or Parquet.
    target : AwsTarget, optional
        The account, or the local emulator; needed for S3.
    hosts : int >= 1, default 1
        Instances that train.
    files : int, optional
        A multiple of ``hosts``, so that no host is left without rows under ShardedByS3Key; default one file a host,
        and without a key as many as there are partitions.
    keyCol : str or None, default "key"
        Decides the order: rows ascend by key within a file and from file to file.  None keeps the order that the
        rows have, and their partitions as files where that suits ``hosts`` or ``files``.
    labelCol, weightCol : str or None
        double columns; None writes none.
    featuresCol : str or None, default "features"
        Vector (each row is written as it is stored, as the JVM writer does) or array of numbers; ``""`` reads
        ``indices`` array<int> and ``values`` array<float>.  None writes all columns but the key as they are, as CSV
        without a header or as Parquet; ``labelCol`` and ``weightCol`` must be None then.
    size : int, optional
        Number of features, for ``indices`` and ``values``.

    Returns
    -------
    Channel

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    TableError
        If there are fewer rows than hosts, or something is there already; nothing is left then.

    Notes
    -----
    A file appears whole or not at all, under a name that depends on its number alone: a task that runs twice
    writes the same file again.  Cost: one range shuffle by key; each task encodes its rows batch by batch and
    uploads one file; without a key there is no shuffle.  Keys that repeat so often that a file would be empty, and
    partitions that do not suit ``hosts``, cost a second write through one task.

    Examples
    --------
    >>> write_channel(train, "s3://bucket/train", "application/x-recordio-protobuf", target=target, hosts=2)
    ... # doctest: +SKIP
    Channel(uri='s3://bucket/train', files=2, rows=229903, bytes=...)
    """
    form = _checked(content_type, hosts, files, weightCol, featuresCol)
    columns = _columns(df, keyCol, labelCol, weightCol, featuresCol, size)
    sink = sink_of(uri, target)
    if sink.names():
        raise TableError(f"{uri} holds files already, which would be trained on too", "Choose a prefix of its own.")
    count = files or hosts
    encode = partial(_encode_raw if featuresCol is None else _encode, form, size)
    try:
        ordered = df.select(*columns)
        parts = _write(_ranges(ordered, count) if keyCol else ordered, form, sink, encode)
        rows = sum(part.rows for part in parts)
        if not _suit(len(parts), hosts, files):
            sink.delete()
            count = min(count, rows // hosts * hosts)
            if count == 0:
                raise TableError(f"{rows} rows are too few for {hosts} hosts", "Train on fewer instances.")
            parts = _write(_tiles(ordered, count), form, sink, encode)
    except BaseException:
        sink.delete()
        raise
    return Channel(uri, len(parts), rows, sum(part.bytes for part in parts))


def _suit(found: int, hosts: int, files: int | None) -> bool:
    """Return whether so many files are as many as asked for, and leave no host without one."""
    return found == files if files else found > 0 and found % hosts == 0


def _checked(content_type: str, hosts: int, files: int | None, weight: str | None, features: str | None) -> Codec:
    """Return the format, once the arguments make sense together."""
    try:
        form = codec(content_type)
    except UnknownContentType as error:
        raise ParamError(f"write_channel.content_type: {error}", "Choose one of them.") from error
    if form.content_type in (JSON, JSON_LINES):
        raise ParamError(f"write_channel.content_type {content_type!r} is for inference", "Train on another format.")
    if features is None and form.content_type not in (CSV, PARQUET):
        raise ParamError(
            f"write_channel.featuresCol must name the features for {form.content_type}, got None",
            f"Name them, or write {CSV} or {PARQUET}.",
        )
    if weight and form.content_type == RECORDIO:
        raise ParamError(
            f"write_channel.weightCol must be None, got {weight!r}: a RecordIO-protobuf record has no place for it",
            "Write CSV, libsvm or Parquet.",
        )
    if hosts < 1 or (files is not None and (files < 1 or files % hosts)):
        raise ParamError(
            f"write_channel.files must be a multiple of hosts >= 1, got files={files}, hosts={hosts}", "Change them."
        )
    return form


def _columns(
    df: DataFrame, key: str | None, label: str | None, weight: str | None, features: str | None, size: int | None
) -> list[Column]:
    """Return the columns under the names that batches are read by."""
    order = (named(key) if key else F.monotonically_increasing_id()).alias("sparring__key")
    if features is None:
        return [order, *(named(name) for name in df.columns if name != key)]
    names = [name for name in (key, label, weight) if name] + ([features] if features else ["indices", "values"])
    require_columns(df.schema, names, "write_channel")
    if not features and size is None:
        raise ParamError("write_channel.size is missing", "Give the number of features.")
    columns = [order]
    columns += [named(name).cast("double").alias(as_) for name, as_ in ((label, "label"), (weight, "weight")) if name]
    if not features:
        return [*columns, F.col("indices").cast("array<int>"), F.col("values").cast("array<float>")]
    vector = isinstance(df.schema[features].dataType, VectorUDT)
    column = named(features)
    return [*columns, column.alias("vector") if vector else column.cast("array<float>").alias("features")]


def _ranges(rows: DataFrame, files: int) -> DataFrame:
    """Return the rows in one partition a file."""
    if files == 1:
        return rows.coalesce(1).sortWithinPartitions("sparring__key")
    return rows.repartitionByRange(files, "sparring__key").sortWithinPartitions("sparring__key")


def _tiles(rows: DataFrame, files: int) -> DataFrame:
    """Return the rows in one partition a file, equal in size to one row, whatever their keys."""
    ordered = Window.orderBy(
        "sparring__key", F.xxhash64(*(named(name) for name in rows.columns if name != "sparring__key"))
    )
    tiled = rows.withColumn("sparring__tile", F.ntile(files).over(ordered))
    return (
        tiled.repartitionByRange(files, "sparring__tile")
        .sortWithinPartitions("sparring__tile", "sparring__key")
        .drop("sparring__tile")
    )


def _write(rows: DataFrame, form: Codec, sink: Sink, encode: Encode) -> list[Channel]:
    """Write one file for each partition that has rows, and return what the tasks say of them."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            count = encode(batches, file)
            length = file.tell()
            if count:
                file.seek(0)
                sink.put(f"part-{number:05d}.{form.suffix}", file)
        if count:
            yield pa.RecordBatch.from_pylist([{"part": number, "rows": count, "bytes": length}], schema=PARTS)

    found = run_to_end(rows, write, PARTS, (SparringError, FormatError))
    return [Channel(f"part-{part['part']:05d}", 1, part["rows"], part["bytes"]) for part in found]


def _encode(form: Codec, size: int | None, batches: Iterable[pa.RecordBatch], file: IO[bytes]) -> int:
    """Write all rows of a partition to ``file`` and return their number."""
    parts, count = [], 0
    for batch in batches:
        count += batch.num_rows
        if not batch.num_rows:
            continue
        if isinstance(form, RecordCodec):
            file.write(_records(batch, form, size))
        else:
            # A Parquet file is written as a whole.
            parts += [rows for _, rows in _groups(batch, size)]
    if parts:
        assert isinstance(form, FileCodec)
        file.write(form.encode(concatenate(parts)))
    return count


def _encode_raw(form: Codec, _size: int | None, batches: Iterable[pa.RecordBatch], file: IO[bytes]) -> int:
    """Write all rows of a partition to ``file`` as they are, and return their number."""
    write, parts, count = ROW_FORMATS[form.content_type], [], 0
    for batch in batches:
        count += batch.num_rows
        columns = batch.select(batch.schema.names[1:])  # without the key
        if form.content_type == CSV:
            file.write(write(columns))
        else:
            parts.append(columns)
    if count and parts:
        file.write(write(pa.Table.from_batches(parts).combine_chunks().to_batches()[0]))
    return count


def _groups(batch: pa.RecordBatch, size: int | None) -> list[tuple[np.ndarray, Rows]]:
    if "vector" in batch.schema.names:
        return vector_rows(batch)
    return [(np.arange(batch.num_rows), rows_of(batch, size))]


def _records(batch: pa.RecordBatch, form: RecordCodec, size: int | None) -> bytes:
    """Return the records of a batch, dense rows and sparse ones in their order."""
    groups = _groups(batch, size)
    if len(groups) == 1:
        return form.encode(groups[0][1])
    records = pa.concat_arrays([form.records(rows) for _, rows in groups])
    order = np.argsort(np.concatenate([places for places, _ in groups]))
    return joined(records.take(pa.array(order)))
