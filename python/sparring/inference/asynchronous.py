"""Scoring through an asynchronous endpoint: requests wait in S3, no executor waits for their answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa
from pyspark.ml.base import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.errors import EndpointError
from sparring.inference.invocation import runtime_client
from sparring.inference.metrics import ScoringMetrics
from sparring.inference.retry import GaveUp, RetryPolicy, retry
from sparring.inference.staging import StagedFile, Staging, _ThroughS3, read_scored, write_requests
from sparring.inference.window import in_order
from sparring.io.s3_uri import split_s3_uri
from sparring.one_machine.tables import TransformsTables
from sparring.params import checked_schema, text_param
from sparring.sagemaker.target import AwsTarget

BODY_LIMIT = 1_000_000_000
LOOKERS = 16
# Between looks: a little longer each time.
FIRST_LOOK, LAST_LOOK, GROWTH = (0.1, 30.0, 1.5)


class AsyncEndpointModel(TransformsTables, Transformer, _ThroughS3, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Add an asynchronous endpoint's score to every row.

    One Spark job writes requests to S3 and submits them; the driver then looks for answers, less and less often;
    what is returned reads them.  A request that fails is an error that tells what its failure object says.

    Parameters
    ----------
    endpointName : str
        An asynchronous endpoint in service.
    target : AwsTarget
        Where it is; requests and rows are staged in its bucket.
    featuresCol, inputCols, contentType, accept, probabilityCol, numScores, size
        As of :class:`~sparring.inference.realtime.EndpointModel`.
    maxBytes : int in [1, 1000000000], default 50000000
        Size of a request.
    maxRows : int >= 1, default 100000
        Rows of a request.
    invocationSeconds : int in [1, 3600], default 900
        What the container may take for a request.
    waitSeconds : float > 0, default 3600
        After this long without all answers the job is given up.
    stagingPrefix : str, default ""
        Key prefix for staged files, ending in a slash; ``""`` is one of its own below ``sparring/scoring/``.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    EndpointError
        If a request fails, an answer is wrong, or some are missing when the time is up.

    Notes
    -----
    ``transform`` scores at once, unlike a lazy transformation: its result is read from S3, where the rows stay until
    :meth:`delete`.
    Cost: two passes through S3 (rows and requests out, rows and answers back); no executor is held while the
    endpoint works.

    Examples
    --------
    >>> model = AsyncEndpointModel(endpointName="churn", target=target)           # doctest: +SKIP
    >>> model.transform(rows).write.parquet("scores")                             # doctest: +SKIP
    >>> model.delete()                                                            # doctest: +SKIP
    """

    defaults: ClassVar[dict[str, Any]] = {"invocationSeconds": 900}
    endpointName = text_param("endpointName", "an asynchronous endpoint in service")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the score."""
        self._check_scoring(schema, BODY_LIMIT)
        self._check_waiting()
        return self._with_outputs(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        self._require("endpointName", "targetJson")
        name, accept = self.getOrDefault("endpointName"), self.getOrDefault("accept")
        staging = Staging(
            self.target,
            self._prefix(name),
            self._format(),
            self.getOrDefault("maxBytes"),
            self.getOrDefault("maxRows"),
            width=self.getOrDefault("numScores"),
        )
        self.staged.append(staging)
        submission = _Submission(staging, name, accept, self.getOrDefault("invocationSeconds"))
        begun = time.time()
        files = write_requests(dataset.select("*", self._sent(dataset).alias("sparring__sent")), submission.run)
        for answered in wait_for_answers(self.target, name, files, self.getOrDefault("waitSeconds")):
            seconds = time.time() - begun
            self.metrics += ScoringMetrics.of(answered.rows, seconds, 0, answered.bytes, 0, time.time())
        return read_scored(dataset.sparkSession, staging, files, accept, schema)


@dataclass(frozen=True)
class _Submission:
    """Writes the requests of a task and submits each; plain values, so that it travels to the executors."""

    staging: Staging
    endpoint: str
    accept: str
    invocation_seconds: int

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[StagedFile]:
        client = runtime_client(self.staging.target, 1)
        for file in self.staging.write(batches):
            answer = self._submit(client, file)
            yield replace(file, output=answer["OutputLocation"], failure=answer.get("FailureLocation", ""))

    def _submit(self, client: Any, file: StagedFile) -> dict[str, Any]:
        request = {
            "EndpointName": self.endpoint,
            "InputLocation": self.staging.input_uri(file.name),
            "ContentType": self.staging.format.content_type,
            "Accept": self.accept,
            "InferenceId": file.name,
            "InvocationTimeoutSeconds": self.invocation_seconds,
        }
        try:
            answer, _ = retry(lambda: client.invoke_endpoint_async(**request), RetryPolicy(), threading.Event())
        except GaveUp as failure:
            raise EndpointError(
                f"Endpoint {self.endpoint} did not take {file.rows} rows ({request['InputLocation']}) in "
                f"{failure.attempts} attempts: {failure}",
                "Is it an asynchronous endpoint, in service?",
            ) from failure.error
        return answer


def wait_for_answers(
    target: AwsTarget, endpoint: str, files: list[StagedFile], wait_seconds: float
) -> Iterator[StagedFile]:
    """Yield each file as its answer appears in S3.

    Raises
    ------
    EndpointError
        For the first failure object that appears, with its text; or when the time is up.

    Notes
    -----
    Cost: two requests a file and look, 16 at a time.
    """
    s3 = target.client("s3", max_pool_connections=LOOKERS)
    deadline, delay, waiting = time.monotonic() + wait_seconds, FIRST_LOOK, files
    while waiting:
        still = []
        for file, answered in in_order(lambda file, _stop: _answered(s3, endpoint, file), waiting, LOOKERS):
            if answered:
                yield file
            else:
                still.append(file)
        if len(still) < len(waiting):
            delay = FIRST_LOOK
        waiting = still
        if waiting and time.monotonic() + delay > deadline:
            raise EndpointError(
                f"Endpoint {endpoint} has not answered {len(waiting)} of {len(files)} requests after "
                f"{wait_seconds:g} seconds; the first is {waiting[0].output}",
                "Raise waitSeconds, or give the endpoint more instances.",
            )
        if waiting:
            time.sleep(delay)
            delay = min(delay * GROWTH, LAST_LOOK)


def _answered(s3: Any, endpoint: str, file: StagedFile) -> bool:
    if _exists(s3, file.output):
        return True
    if file.failure and _exists(s3, file.failure):
        bucket, key = split_s3_uri(file.failure)
        said = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(errors="replace")
        raise EndpointError(
            f"Endpoint {endpoint} did not score {file.rows} rows: {file.failure} says {said.strip()[:500]!r}",
            "See the endpoint's log; nothing was written.",
        )
    return False


def _exists(s3: Any, uri: str) -> bool:
    bucket, key = split_s3_uri(uri)
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        # Without the right to list the bucket, S3 says 403 of an object that is not there.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return False
        raise
    return True
