"""Rows on their way through S3: request bodies for SageMaker to read, and the rows themselves to put scores back to.

Executors write and read; the driver holds one line a file.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import from_arrow_schema

from sparring.errors import EndpointError
from sparring.inference.codecs import Format, joined_scores_of, scores_of
from sparring.inference.metrics import ScoringMetrics
from sparring.inference.params import _ScoringParams, flattened
from sparring.io.s3_uri import split_s3_uri
from sparring.params import Check, check_params, float_param, in_range, int_param, text_param
from sparring.sagemaker.resources import delete_below
from sparring.sagemaker.target import AwsTarget
from sparring.spark.tasks import attempt_name, run_to_end
from sparring.task.scores import scores_array

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import types as T

# Of rows in memory; Parquet and text are of the same order.
GATHER_BYTES = 256_000_000


@dataclass(frozen=True)
class StagedFile:
    """A file of requests that was written: its name without folder or ending, and what it holds.

    Attributes
    ----------
    name : str
    rows, bytes : int
    output, failure : str
        ``s3://`` URIs where the answer or the error is to appear; empty when the sender decides.
    """

    name: str
    rows: int
    bytes: int
    output: str = ""
    failure: str = ""


FILES = pa.schema(
    {"name": pa.string(), "rows": pa.int64(), "bytes": pa.int64(), "output": pa.string(), "failure": pa.string()}
)


@dataclass(frozen=True)
class Staging:
    """A prefix in the target's bucket with ``input/`` and ``rows/``, a pair of files for each name.

    Attributes
    ----------
    target : AwsTarget
    prefix : str
        Key prefix, ending in a slash; everything below it is deleted at the end.
    format : Format
    most_bytes, most_rows : int
        Limits of a file.
    key : str
        The column whose text answers must begin with; ``""`` when they hold scores alone.
    by_line : bool
        Whether files are cut at line ends.
    width : int
        Scores of a row.
    """

    target: AwsTarget
    prefix: str
    format: Format
    most_bytes: int
    most_rows: int
    key: str = ""
    by_line: bool = False
    width: int = 1

    @property
    def uri(self) -> str:
        """``s3://`` URI of the prefix."""
        return f"s3://{self.target.bucket}/{self.prefix}"

    def input_uri(self, name: str) -> str:
        """Return the URI of the requests in file ``name``."""
        return f"{self.uri}input/{name}.{self.format.suffix}"

    def write(self, batches: Iterable[pa.RecordBatch]) -> Iterator[StagedFile]:
        """Write the rows of a task, whose last column holds what is to be sent, and yield each file.

        Names tell partition and attempt: a task that is run again writes other files, and only the files of the
        attempt that succeeded are ever read.
        """
        begin, s3, number = attempt_name(), self.target.client("s3"), 0
        for batch in gathered(batches, self.most_rows):
            sent = flattened(batch.column(batch.num_columns - 1))
            for piece in self.format.bodies(sent, self.most_bytes, self.most_rows):
                name = f"{begin}-{number:05d}"
                rows = batch.slice(piece.start, piece.stop - piece.start)
                kept = pa.Table.from_batches([rows]).drop_columns([batch.schema.names[-1]])
                self._put(s3, f"rows/{name}.parquet", _parquet(kept))
                self._put(s3, f"input/{name}.{self.format.suffix}", piece.body)
                self._require_whole_lines(piece.body, rows.num_rows)
                yield StagedFile(name, rows.num_rows, len(piece.body))
                number += 1

    def _require_whole_lines(self, body: bytes, rows: int) -> None:
        """Raise if a file that is read line by line holds a value with a line break in it."""
        if self.by_line and body.count(b"\n") > rows:
            raise EndpointError(
                f"A text among {rows} rows holds a line break, where SplitType Line would cut its row in two",
                "Send application/jsonlines or application/x-parquet.",
            )

    def _put(self, s3: Any, name: str, body: bytes) -> None:
        s3.put_object(Bucket=self.target.bucket, Key=self.prefix + name, Body=body)

    def keep_only(self, files: list[StagedFile]) -> None:
        """Delete requests that tasks wrote which then failed: they would be scored, and cost."""
        wanted = {f"{self.prefix}input/{file.name}.{self.format.suffix}" for file in files}
        s3, bucket = self.target.client("s3"), self.target.bucket
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{self.prefix}input/"):
            for entry in page.get("Contents", []):
                if entry["Key"] not in wanted:
                    s3.delete_object(Bucket=bucket, Key=entry["Key"])

    def delete(self) -> None:
        """Delete everything below the prefix."""
        delete_below(self.target, self.prefix)

    def read(self, s3: Any, file: StagedFile, accept: str) -> pa.RecordBatch:
        """Return the rows of a file with their scores.

        Raises
        ------
        EndpointError
            If the answer is absent, does not parse or holds another number of scores.
        """
        table = pq.read_table(io.BytesIO(self._get(s3, f"{self.uri}rows/{file.name}.parquet")))
        scores = self._scores(table, self._get(s3, file.output), accept, f"The model, in {file.output},")
        return _joined(table.append_column("score", scores_array(scores)).to_batches())

    def _scores(self, rows: pa.Table, answer: bytes, accept: str, source: str) -> np.ndarray:
        """Return the scores of an answer, checked against the rows by number and, where it tells them, by key."""
        if not self.key:
            return scores_of(answer, accept, rows.num_rows, source, self.width)
        keys, scores = joined_scores_of(answer, accept, source, self.width)
        expected = rows.column(self.key).cast(pa.string()).to_pylist()
        if keys != expected:
            at = next((n for n, (a, b) in enumerate(zip(keys, expected, strict=False)) if a != b), len(keys))
            raise EndpointError(
                f"{source} answered {len(keys)} rows to {len(expected)}, the first that differs is row {at + 1}: "
                f"{keys[at : at + 1]} instead of {expected[at : at + 1]}",
                "See the job's log; nothing was written.",
            )
        return scores

    def _get(self, s3: Any, uri: str) -> bytes:
        bucket, key = split_s3_uri(uri)
        try:
            body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.ClientError as error:
            raise EndpointError(f"{uri} cannot be read: {error}", "See the log of the job or endpoint.") from error
        return body


class _ThroughS3(_ScoringParams):
    """What stages share whose rows and requests wait in S3 while they are scored."""

    defaults: ClassVar[dict[str, Any]] = {
        "waitSeconds": 3_600.0,
        "stagingPrefix": "",
        "maxBytes": 50_000_000,
        "maxRows": 100_000,
    }
    invocationSeconds = int_param("invocationSeconds", "what the container may take for a request, 1 to 3600")
    waitSeconds = float_param("waitSeconds", "the job is given up after this long, > 0")
    stagingPrefix = text_param("stagingPrefix", "key prefix for staged files, ending in a slash; '' = one of its own")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.staged: list[Staging] = []
        self.metrics = ScoringMetrics()

    def _check_waiting(self) -> None:
        checks: dict[str, Check] = {
            "invocationSeconds": in_range(1, 3_600),
            "waitSeconds": ("> 0", lambda value: value > 0),
            "stagingPrefix": ("'' or a prefix that ends in a slash", lambda value: not value or value.endswith("/")),
        }
        check_params(self, checks)

    def _prefix(self, name: str) -> str:
        return self.getOrDefault("stagingPrefix") or scratch_prefix(self.target, name)

    def delete(self) -> None:
        """Delete requests, rows and answers; what ``transform`` returned can then not be read again."""
        while self.staged:
            self.staged[-1].delete()
            self.staged.pop()


def write_requests(dataset: DataFrame, stage: Any) -> list[StagedFile]:
    """Run the job that stages a table, and return its files in the order of the rows.

    Parameters
    ----------
    dataset : DataFrame
        With what is to be sent as its last column.
    stage : callable
        Takes a task's batches and yields :class:`StagedFile`.

    Raises
    ------
    EndpointError
        The first task's that has one; all tasks have ended then, and what they wrote can be deleted.
    """

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for file in stage(batches):
            yield pa.RecordBatch.from_pylist([vars(file)], schema=FILES)

    found = run_to_end(dataset, task, FILES)
    return sorted((StagedFile(**line) for line in found), key=lambda file: file.name)


def read_scored(
    spark: SparkSession, staging: Staging, files: list[StagedFile], accept: str, schema: T.StructType
) -> DataFrame:
    """Return the staged rows with their scores, a task for several files; each is checked as it is read."""
    if not files:
        return spark.createDataFrame([], schema)
    listed = spark.createDataFrame([tuple(vars(file).values()) for file in files], from_arrow_schema(FILES))
    tasks = min(len(files), max(spark.sparkContext.defaultParallelism, 1))
    target = staging.target

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        s3 = target.client("s3")
        for batch in batches:
            for line in batch.to_pylist():
                rows = staging.read(s3, StagedFile(**line), accept)
                yield pa.RecordBatch.from_arrays(rows.columns, names=schema.names)

    return listed.repartitionByRange(tasks, "name").sortWithinPartitions("name").mapInArrow(read, schema)


def gathered(batches: Iterable[pa.RecordBatch], most_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a task joined up to ``most_rows`` rows or 256 MB: Spark's are small."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        full = sum(b.num_rows for b in waiting) + batch.num_rows > most_rows
        if waiting and (full or sum(b.nbytes for b in waiting) + batch.nbytes > GATHER_BYTES):
            yield _joined(waiting)
            waiting = []
        if batch.num_rows:
            waiting.append(batch)
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).combine_chunks()
    return table.to_batches()[0]


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def scratch_prefix(target: AwsTarget, name: str) -> str:
    """Return a key prefix that nothing else has, ending in a slash."""
    return target.key("sparring", "scoring", f"{name}-{uuid.uuid4().hex[:12]}") + "/"
