"""A table as a training channel: executors encode their rows and write whole files, local or in S3."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from sparring.errors import ParamError, TableError
from sparring.params import require_columns
from sparring.sagemaker.formats.codec import Codec, FileCodec, RecordCodec, codec
from sparring.sagemaker.formats.media import JSON, JSON_LINES, RECORDIO, UnknownContentType
from sparring.sagemaker.formats.records import joined
from sparring.sagemaker.formats.rows import Rows, concatenate, rows_of
from sparring.sagemaker.formats.sinks import Sink, sink_of
from sparring.sagemaker.formats.vectors import vector_rows
from sparring.sagemaker.target import AwsTarget

PARTS = "part int, rows long, bytes long"
IN_MEMORY = 64 * 1024 * 1024


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
    keyCol: str = "key",
    labelCol: str | None = "label",
    weightCol: str | None = None,
    featuresCol: str = "features",
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
        The account, or the local stand-in; needed for S3.
    hosts : int >= 1, default 1
        Instances that train.
    files : int, optional
        A multiple of ``hosts``; default one file a host, so that no host is left without rows under ShardedByS3Key.
    keyCol : str, default "key"
        Decides the order: rows ascend by key within a file and from file to file.
    labelCol, weightCol : str or None
        double columns; None writes none.
    featuresCol : str, default "features"
        Vector (each row is written as it is stored, as the JVM writer does) or array of numbers; ``""`` reads
        ``indices`` array<int> and ``values`` array<float>.
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
    uploads one file.  Keys that repeat so often that a file would be empty cost a second write through one task.

    Examples
    --------
    >>> write_channel(train, "s3://bucket/train", "application/x-recordio-protobuf", target=target, hosts=2)
    ... # doctest: +SKIP
    Channel(uri='s3://bucket/train', files=2, rows=229903, bytes=...)
    """
    form = _checked(df, content_type, hosts, files, weightCol)
    columns = _columns(df, keyCol, labelCol, weightCol, featuresCol, size)
    sink = sink_of(uri, target)
    if sink.names():
        raise TableError(f"{uri} holds files already, which would be trained on too", "Choose a prefix of its own.")
    count = files or hosts
    try:
        parts = _write(_ranges(df.select(*columns), count), form, sink, size)
        rows = sum(part.rows for part in parts)
        if len(parts) < count:
            sink.delete()
            count = min(count, rows // hosts * hosts)
            if count == 0:
                raise TableError(f"{rows} rows are too few for {hosts} hosts", "Train on fewer instances.")
            parts = _write(_tiles(df.select(*columns), count), form, sink, size)
    except BaseException:
        sink.delete()
        raise
    return Channel(uri, len(parts), rows, sum(part.bytes for part in parts))


def _checked(df: DataFrame, content_type: str, hosts: int, files: int | None, weight: str | None) -> Codec:
    """Return the format, once the arguments make sense together."""
    try:
        form = codec(content_type)
    except UnknownContentType as error:
        raise ParamError(f"write_channel.content_type: {error}", "Choose one of them.") from error
    if form.content_type in (JSON, JSON_LINES):
        raise ParamError(f"write_channel.content_type {content_type!r} is for inference", "Train on another format.")
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
    df: DataFrame, key: str, label: str | None, weight: str | None, features: str, size: int | None
) -> list[Column]:
    """Return the columns under the names that batches are read by."""
    names = [key, *(name for name in (label, weight) if name), *([features] if features else ["indices", "values"])]
    require_columns(df.schema, names, "write_channel")
    if not features and size is None:
        raise ParamError("write_channel.size is missing", "Give the number of features.")
    columns = [F.col(key).alias("_key")]
    columns += [F.col(name).cast("double").alias(as_) for name, as_ in ((label, "label"), (weight, "weight")) if name]
    if not features:
        return [*columns, F.col("indices").cast("array<int>"), F.col("values").cast("array<float>")]
    vector = isinstance(df.schema[features].dataType, VectorUDT)
    column = F.col(features)
    return [*columns, column.alias("vector") if vector else column.cast("array<float>").alias("features")]


def _ranges(rows: DataFrame, files: int) -> DataFrame:
    """Return the rows in one partition a file."""
    if files == 1:
        return rows.coalesce(1).sortWithinPartitions("_key")
    return rows.repartitionByRange(files, "_key").sortWithinPartitions("_key")


def _tiles(rows: DataFrame, files: int) -> DataFrame:
    """Return the rows in one partition a file, equal in size to one row, whatever their keys."""
    ordered = Window.orderBy("_key", F.xxhash64(*(name for name in rows.columns if name != "_key")))
    tiled = rows.withColumn("_tile", F.ntile(files).over(ordered))
    return tiled.repartitionByRange(files, "_tile").sortWithinPartitions("_tile", "_key").drop("_tile")


def _write(rows: DataFrame, form: Codec, sink: Sink, size: int | None) -> list[Channel]:
    """Write one file for each partition that has rows, and return what the tasks say of them."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            count = _encode(batches, form, size, file)
            length = file.tell()
            if count:
                file.seek(0)
                sink.put(f"part-{number:05d}.{form.suffix}", file)
        if count:
            yield pa.RecordBatch.from_pydict(
                {"part": pa.array([number], pa.int32()), "rows": [count], "bytes": [length]}
            )

    found = rows.mapInArrow(write, PARTS).collect()
    return [Channel(f"part-{part.part:05d}", 1, part.rows, part.bytes) for part in found]


def _encode(batches: Iterable[pa.RecordBatch], form: Codec, size: int | None, file: IO[bytes]) -> int:
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
