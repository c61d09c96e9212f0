"""One scoring request to an endpoint: tried again where that helps, its answer checked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring.errors import EndpointError
from sparring.inference.codecs import scores_of
from sparring.inference.metrics import ScoringMetrics
from sparring.inference.retry import GaveUp, RetryPolicy, retry
from sparring.sagemaker.target import AwsTarget

BODY_LIMIT = 6_291_456
# A container has sixty seconds to answer; the network gets ten more.
CONNECT_SECONDS, READ_SECONDS = 10, 70


def runtime_client(target: AwsTarget, concurrency: int, read_seconds: float = READ_SECONDS) -> Any:
    """Return a client that makes one attempt a call, for ``concurrency`` calls at a time."""
    return target.client(
        "sagemaker-runtime",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=concurrency,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


@dataclass(frozen=True)
class Scored:
    """The checked answer of one request: the scores of every row, the variant that answered, what it took."""

    scores: np.ndarray
    variant: str
    metrics: ScoringMetrics


@dataclass(frozen=True)
class Invoker:
    """Sends bodies to one endpoint.

    Attributes
    ----------
    client : boto3 SageMaker runtime client
        See :func:`runtime_client`: attempts are counted here.
    endpoint : str
    content_type, accept : str
        Of requests and of answers.
    policy : RetryPolicy
    width : int
        Scores of a row.
    """

    client: Any
    endpoint: str
    content_type: str
    accept: str
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    width: int = 1

    def score(self, body: bytes, rows: int, variant: str | None = None, stop: threading.Event | None = None) -> Scored:
        """Return the scores of a body of ``rows`` rows.

        Parameters
        ----------
        body : bytes
        rows : int
        variant : str, optional
            The production variant to ask; the endpoint chooses by weight when omitted.
        stop : Event, optional
            Ends the waiting between attempts.

        Raises
        ------
        EndpointError
            If the endpoint answers an error for good, another number of scores than rows, or no scores.
        """
        begun = time.monotonic()
        answer, data, attempts = self.ask(body, rows, variant, stop)
        scores = scores_of(data, answer.get("ContentType", ""), rows, f"Endpoint {self.endpoint}", self.width)
        seconds = time.monotonic() - begun
        metrics = ScoringMetrics.of(rows, seconds, attempts - 1, len(body), len(data), time.time())
        return Scored(scores, answer.get("InvokedProductionVariant", ""), metrics)

    def ask(
        self, body: bytes, rows: int, variant: str | None = None, stop: threading.Event | None = None
    ) -> tuple[dict[str, Any], bytes, int]:
        """Return the answer to a body of ``rows`` rows, its bytes, and the attempts it took.

        Raises
        ------
        EndpointError
            If the endpoint answers an error for good.
        """
        request = {"EndpointName": self.endpoint, "ContentType": self.content_type, "Accept": self.accept, "Body": body}
        if variant is not None:
            request["TargetVariant"] = variant
        try:
            (answer, data), attempts = retry(lambda: self._once(request), self.policy, stop or threading.Event())
        except GaveUp as failure:
            raise self._refused(failure, rows, len(body), variant) from failure.error
        return answer, data, attempts

    def _once(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        answer = self.client.invoke_endpoint(**request)
        # Reading belongs to the attempt: a connection may break in the middle of an answer.
        return answer, answer["Body"].read()

    def _refused(self, failure: GaveUp, rows: int, size: int, variant: str | None) -> EndpointError:
        answer = getattr(failure.error, "response", None) or {}
        status = answer.get("OriginalStatusCode") or answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code, original = answer.get("Error", {}).get("Code", ""), answer.get("OriginalMessage")
        said = f"{original} ({code})" if original else str(failure.error)
        where = f"Endpoint {self.endpoint}" + (f", variant {variant}," if variant else "")
        tries = "1 attempt" if failure.attempts == 1 else f"{failure.attempts} attempts"
        return EndpointError(
            f"{where} did not score {rows} rows ({size:,} bytes of {self.content_type}) in {tries} and "
            f"{failure.seconds:.1f} seconds: {f'status {status}: ' if status else ''}{said[:500]}",
            "See the endpoint's log; nothing was written.",
        )
