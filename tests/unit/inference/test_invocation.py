"""One scoring request against a real HTTP server that answers what each test wants."""

import threading
import time

import numpy as np
import pytest

from sparring.errors import EndpointError
from sparring.inference.invocation import Invoker, runtime_client
from sparring.inference.retry import RetryPolicy

from .conftest import Answer, FakeEndpoint, Received, refuse, scores

BODY = b"0 1:1\n0 2:2\n0 "
QUICK = RetryPolicy(deadline_seconds=20, attempts=4, base_seconds=0.001)


def score(endpoint: FakeEndpoint, policy: RetryPolicy = QUICK, **client: float) -> np.ndarray:
    invoker = Invoker(runtime_client(endpoint.target, 2, **client), "churn", "text/libsvm", "text/csv", policy)
    return invoker.score(BODY, 3).scores


@pytest.mark.parametrize("text", [b"0.25,0.5,1e-07", b"0.25\n0.5\n1e-07", b"0.25\n0.5\n1e-07\n", b"0.25, 0.5, 1e-07\n"])
def test_scores_joined_by_commas_or_lines_are_read_alike(endpoint: FakeEndpoint, text: bytes) -> None:
    endpoint.behave = lambda request: Answer(200, text)
    assert np.array_equal(score(endpoint), [0.25, 0.5, 1e-07])
    (request,) = endpoint.received
    assert (request.path, request.body) == ("/endpoints/churn/invocations", BODY)
    assert request.headers["Content-Type"] == "text/libsvm"


@pytest.mark.parametrize(("text", "count"), [(b"0.1,0.2", 2), (b"0.1\n0.2\n0.3\n0.4", 4), (b"", 0)])
def test_another_number_of_scores_than_rows_is_an_error(endpoint: FakeEndpoint, text: bytes, count: int) -> None:
    endpoint.behave = lambda request: Answer(200, text)
    with pytest.raises(EndpointError, match=f"churn answered {count} scores to 3 rows"):
        score(endpoint)
    assert len(endpoint.received) == 1


@pytest.mark.parametrize("text", [b"a,b,c", b"<html>no</html>", b"0.1,zwei,0.3", b"1,\xff,3"])
def test_an_answer_that_is_no_numbers_is_an_error_of_the_endpoint(endpoint: FakeEndpoint, text: bytes) -> None:
    endpoint.behave = lambda request: Answer(200, text)
    with pytest.raises(EndpointError, match=r"churn answered 3 rows with something else"):
        score(endpoint)


TRIED_AGAIN = [
    refuse(500, "InternalFailure"),
    refuse(503, "ServiceUnavailable"),
    refuse(400, "ThrottlingException"),
    refuse(429, "ModelNotReadyException"),
    refuse(530, "InternalDependencyException"),
    refuse(424, "ModelError", "busy", OriginalStatusCode=503),
    refuse(424, "ModelError", "fell over", OriginalStatusCode=500),
    Answer(200, b"1,2", closes=True),
]


@pytest.mark.parametrize("failure", TRIED_AGAIN, ids=lambda answer: f"{answer.status} {answer.error or 'broken off'}")
def test_what_may_pass_is_tried_again(endpoint: FakeEndpoint, failure: Answer) -> None:
    endpoint.behave = lambda request: scores(request) if request.attempt > 2 else failure
    assert np.array_equal(score(endpoint), [1, 2, 0])
    assert [request.body for request in endpoint.received] == [BODY] * 3


@pytest.mark.parametrize(
    "failure",
    [
        refuse(400, "ValidationError", "Endpoint churn not found"),
        refuse(424, "ModelError", "the model said no", OriginalStatusCode=400, OriginalMessage="row 2 is odd"),
        refuse(403, "AccessDeniedException", "not yours"),
    ],
    ids=lambda answer: answer.error,
)
def test_what_would_come_again_is_not_tried_again(endpoint: FakeEndpoint, failure: Answer) -> None:
    endpoint.behave = lambda request: failure
    with pytest.raises(EndpointError, match=r"churn did not score 3 rows \(14 bytes of text/libsvm\) in 1 attempt"):
        score(endpoint)
    assert len(endpoint.received) == 1


def test_the_error_tells_status_and_words_of_the_container(endpoint: FakeEndpoint) -> None:
    endpoint.behave = lambda r: refuse(424, "ModelError", "no", OriginalStatusCode=415, OriginalMessage="no such type")
    with pytest.raises(EndpointError, match="status 415: no such type"):
        score(endpoint)


def test_a_broken_endpoint_is_given_up_after_its_attempts(endpoint: FakeEndpoint) -> None:
    endpoint.behave = lambda request: refuse(500, "InternalFailure", "always")
    with pytest.raises(EndpointError, match=r"in 4 attempts .* status 500: .*always"):
        score(endpoint)
    assert len(endpoint.received) == 4


def test_a_busy_endpoint_is_waited_for_beyond_its_attempts_until_the_deadline(endpoint: FakeEndpoint) -> None:
    endpoint.behave = lambda request: scores(request) if request.attempt > 9 else refuse(400, "ThrottlingException")
    assert np.array_equal(score(endpoint), [1, 2, 0])
    endpoint.behave = lambda request: refuse(400, "ThrottlingException")
    start = time.monotonic()
    with pytest.raises(EndpointError, match="ThrottlingException"):
        score(endpoint, RetryPolicy(deadline_seconds=0.3, attempts=2, base_seconds=0.01))
    assert time.monotonic() - start < 5


def test_an_endpoint_that_does_not_answer_in_time_is_a_broken_one(endpoint: FakeEndpoint) -> None:
    released = threading.Event()

    def hang(request: Received) -> Answer:
        released.wait(30)
        return scores(request)

    endpoint.behave = hang
    try:
        with pytest.raises(EndpointError, match=r"in 2 attempts .*[Tt]imeout"):
            score(endpoint, RetryPolicy(attempts=2, base_seconds=0.001), read_seconds=0.2)
    finally:
        released.set()


def test_a_server_that_is_gone_is_an_error_of_the_endpoint(endpoint: FakeEndpoint) -> None:
    endpoint.stop()
    with pytest.raises(EndpointError, match="churn did not score 3 rows"):
        score(endpoint)
