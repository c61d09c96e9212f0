"""Asynchronous invocations: input from S3, answers and failures to S3, in the background."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from sparring.io.s3_uri import split_s3_uri
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.runtime.replica import Answer, Request
from sparring_local_sagemaker.state import Record

DEFAULT_SECONDS = 900
LONGEST_SECONDS = 3_600
DEFAULT_TTL = 21_600
INPUT_LIMIT = 1 << 30
DEFAULT_CONCURRENCY = 4
IN_MEMORY = 16 << 20


class Ticket(NamedTuple):
    """What the client of an asynchronous invocation is told."""

    inference_id: str
    output: str
    failure: str | None


class Asynchronous:
    """The queue of one endpoint.

    Parameters
    ----------
    s3 : boto3 S3 client
    config : dict
        ``AsyncInferenceConfig``.
    instances : int
        Of all variants.
    invoke : callable
        Takes a :class:`Request` and seconds, returns an :class:`Answer`.

    Notes
    -----
    The queue is in memory: what a server had not answered when it went down is not answered by the next one.
    """

    def __init__(self, s3: Any, config: Record, instances: int, invoke: Callable[[Request, float], Answer]) -> None:
        self.s3, self.config, self.invoke = s3, config, invoke
        each = config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
        self._pool = ThreadPoolExecutor(max(1, each * instances), thread_name_prefix="async")
        self._closed = False

    def submit(self, headers: dict[str, str], location: str, seconds: float, ttl: float) -> Ticket:
        """Queue an invocation and return where its answer will be.

        Raises
        ------
        AwsError
            ``ValidationError`` if there is no such input, or it is larger than 1 GiB.
        """
        self._check(location)
        output, failures = self.config["OutputConfig"]["S3OutputPath"], self.config["OutputConfig"].get("S3FailurePath")
        name = str(uuid.uuid4())
        ticket = Ticket(
            headers.get("inference-id") or str(uuid.uuid4()),
            f"{output.rstrip('/')}/{name}.out",
            f"{failures.rstrip('/')}/{name}-error.out" if failures else None,
        )
        self._pool.submit(self._answer, ticket, headers, location, seconds, time.monotonic() + ttl)
        return ticket

    def _check(self, location: str) -> None:
        try:
            bucket, key = split_s3_uri(location)
            size = self.s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
        except Exception as error:
            raise AwsError("ValidationError", f"Could not read the input at {location}: {error}") from error
        if size > INPUT_LIMIT:
            raise AwsError("ValidationError", f"The input at {location} has {size} bytes, the limit is {INPUT_LIMIT}")

    def _answer(self, ticket: Ticket, headers: dict[str, str], location: str, seconds: float, until: float) -> None:
        if self._closed:
            return
        try:
            if time.monotonic() > until:
                raise AwsError("ModelError", "The request waited longer than RequestTTLSeconds")
            answer = self._invoke(headers, location, seconds)
        except Exception as error:
            if ticket.failure is not None:
                self._put(ticket.failure, str(error).encode())
        else:
            self._put(ticket.output, answer.body, answer.content_type)

    def _invoke(self, headers: dict[str, str], location: str, seconds: float) -> Answer:
        bucket, key = split_s3_uri(location)
        found = self.s3.get_object(Bucket=bucket, Key=key)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
            for chunk in found["Body"].iter_chunks(1 << 20):
                spooled.write(chunk)
            spooled.seek(0)
            kind = headers.get("content-type") or found.get("ContentType", "application/octet-stream")
            request = Request(
                spooled, found["ContentLength"], kind, headers.get("accept"), headers.get("custom-attributes")
            )
            return self.invoke(request, seconds)

    def _put(self, uri: str, body: bytes, content_type: str = "text/plain") -> None:
        bucket, key = split_s3_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    def close(self) -> None:
        """Answer nothing more; what is under way goes on until its container ends."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
