"""Trying a request again: which errors deserve it, how long to wait, when to give up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Kind = Literal["busy", "broken", "final"]

# The service has no capacity now: it pays to wait as long as the deadline allows.
BUSY = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
}
BUSY_STATUS, BROKEN_STATUS = {429, 503}, {408, 500, 502, 504, 530}


@dataclass(frozen=True)
class RetryPolicy:
    """How long and how often a request is tried.

    Attributes
    ----------
    deadline_seconds : float
        From the first attempt; no attempt begins later.
    attempts : int
        Of a request that meets errors of a broken service; waiting for a busy one is bounded by the deadline only.
    base_seconds, cap_seconds : float
        The wait before attempt ``n + 1`` is drawn evenly from 0 to ``min(cap, base * 2**n)``.

    Notes
    -----
    Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015), the variant "full jitter".
    """

    deadline_seconds: float = 300.0
    attempts: int = 5
    base_seconds: float = 0.1
    cap_seconds: float = 20.0

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after the ``failures``-th failure in a row."""
        return random.uniform(0, min(self.cap_seconds, self.base_seconds * 2 ** min(failures, 30)))


class GaveUp(Exception):
    """Raised when a request failed for good; ``attempts`` were made in ``seconds``."""

    def __init__(self, error: Exception, attempts: int, seconds: float) -> None:
        super().__init__(str(error))
        self.error, self.attempts, self.seconds = error, attempts, seconds


def kind_of(error: Exception) -> Kind:
    """Return whether the service is busy or broken, or the error would come again.

    A container's own error (``ModelError``) counts by the status that the container gave.

    Examples
    --------
    >>> kind_of(ValueError("no request at all"))
    'final'
    """
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError

    if isinstance(error, (ConnectionError, HTTPClientError, IncompleteReadError)):
        return "broken"
    if not isinstance(error, ClientError):
        return "final"
    answer: Any = error.response
    code = answer.get("Error", {}).get("Code", "")
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ModelError":
        status = answer.get("OriginalStatusCode", 0)
    if code in BUSY or status in BUSY_STATUS:
        return "busy"
    return "broken" if status in BROKEN_STATUS else "final"


def retry(call: Callable[[], T], policy: RetryPolicy, stop: threading.Event) -> tuple[T, int]:
    """Return what ``call`` returns and how many attempts it took.

    Parameters
    ----------
    call : callable
        One attempt.
    policy : RetryPolicy
    stop : Event
        Ends the waiting: nobody needs the answer any more.

    Raises
    ------
    GaveUp
        With the last error, when it is final, the attempts are used up, the deadline passes or ``stop`` is set.
    """
    start, failures, broken = time.monotonic(), 0, 0
    while True:
        try:
            return call(), failures + 1
        except Exception as error:
            failures, kind = failures + 1, kind_of(error)
            broken += kind == "broken"
            delay, spent = policy.delay(failures), time.monotonic() - start
            hopeless = kind == "final" or broken >= policy.attempts or spent + delay > policy.deadline_seconds
            if hopeless or stop.wait(delay):
                raise GaveUp(error, failures, spent) from error
