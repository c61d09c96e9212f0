"""The serving side of the contract: ``/ping``, ``/invocations`` and ``/execution-parameters`` over HTTP.

Sources: Amazon SageMaker developer guide, "Use Your Own Inference Code with Hosting Services" and "... with Batch
Transform".
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sparring.container.context import REQUEST_HEADERS
from sparring.container.media import ContentError, RequestError, TooLargeError
from sparring.errors import MissingDependencyError, PlatformError, SparringError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

__all__ = ["ContentError", "Predict", "application", "run_serving", "serve"]

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
# Ours, not the platform's: an emulator on somebody's machine keeps to its loopback.
HOST_VARIABLE = "SPARRING_BIND_TO_HOST"
DEFAULT_PORT = 8080
WORKERS_VARIABLE = "SAGEMAKER_MODEL_SERVER_WORKERS"
BATCH_VARIABLE = "SAGEMAKER_BATCH"
LIMIT_VARIABLE = "SPARRING_MAX_BODY_BYTES"
ENDPOINT_LIMIT = 6 * 2**20
TRANSFORM_LIMIT = 100 * 2**20
# Requests that one worker computes at a time; more of them wait.
THREADS = 8
# The platform kills thirty seconds after SIGTERM.
STOP_SECONDS = 25
# Longer than any client keeps an idle connection, so that none is closed under its next request.
KEEP_ALIVE_SECONDS = 75
# A worker that says nothing for this long is replaced; one that imports a large library is silent for a while.
WORKER_SECONDS = 60

Predict = Callable[[bytes, str, str], tuple[bytes, str]]


@runtime_checkable
class Described(Protocol):
    """A predictor that tells people and programs what it takes."""

    def home(self, address: str, accept: str) -> tuple[bytes, str]:
        """Return the page at ``/`` of the server at ``address``, and its content type."""

    def openapi(self, address: str) -> bytes:
        """Return the OpenAPI document of the server at ``address``."""


def serve(predict: Predict, workers: int | None = None) -> None:
    """Answer requests until SIGTERM; requests in progress are finished.

    Parameters
    ----------
    predict : callable
        Takes the request's body, content type and accepted types, returns the answer's body and content type.
        A :class:`~sparring.container.media.RequestError` is answered with its status and message, any
        other exception with 500 and its message.  It is called by several threads at a time, and pickled when
        there are several workers.
    workers : int >= 1, optional
        Processes; default: what ``SAGEMAKER_MODEL_SERVER_WORKERS`` says, else 1, which is this process.

    Raises
    ------
    MissingDependencyError
        If uvicorn and starlette are not installed.
    PlatformError
        If the port is taken.

    Notes
    -----
    Address and limit come from the environment: ``SAGEMAKER_BIND_TO_PORT`` (else 8080), ``SPARRING_BIND_TO_HOST``
    (else all interfaces), and see :func:`body_limit`.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingDependencyError(
            "Serving needs uvicorn and starlette, which are not installed", "pip install 'sparring[serving]'"
        ) from error

    count = workers or int(os.environ.get(WORKERS_VARIABLE) or 1)
    # Before uvicorn listens to it, and when uvicorn, having stopped, sends it to itself once more: an orderly end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Unpickled by the application, not with it: a worker that still loads must already tell its parent that it lives.
    load = functools.partial(_worker, pickle.dumps(predict)) if count > 1 else functools.partial(application, predict)
    config = uvicorn.Config(
        functools.partial(load, count),
        factory=True,
        workers=count,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    with _listening() as listener:
        if count == 1:
            uvicorn.Server(config).run(sockets=[listener])
        else:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, [listener]).run()


def _listening() -> socket.socket:
    port = int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT))
    # SageMaker sets the port too, in inference pipelines: a container must listen on all of its interfaces.
    host = os.environ.get(HOST_VARIABLE, "0.0.0.0")
    try:
        # Room for a burst: what finds none waits a second for its second attempt.
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise PlatformError(
            f"Port {port} of {host} cannot be listened on: {error.strerror}",
            f"Free it, or set {PORT_VARIABLE} to another port.",
        ) from error


def body_limit() -> int:
    """Return the largest body taken, in bytes: 6 MiB, 100 MiB in a transform (``SAGEMAKER_BATCH``).

    A container cannot see that it is behind an asynchronous endpoint, which sends up to 1 GiB: set
    ``SPARRING_MAX_BODY_BYTES`` in the model's environment there.
    """
    if os.environ.get(LIMIT_VARIABLE):
        return int(os.environ[LIMIT_VARIABLE])
    return TRANSFORM_LIMIT if os.environ.get(BATCH_VARIABLE, "").lower() == "true" else ENDPOINT_LIMIT


def application(predict: Predict, workers: int = 1) -> Starlette:
    """Return the ASGI application that answers with ``predict``."""
    from anyio import CapacityLimiter, to_thread
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    limit, threads = body_limit(), CapacityLimiter(THREADS)
    parameters = {
        "MaxConcurrentTransforms": THREADS * workers,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": max(limit // 2**20, 1),
    }

    async def ping(request: Request) -> Response:
        return Response()

    async def execution_parameters(request: Request) -> Response:
        return JSONResponse(parameters)

    async def invocations(request: Request) -> Response:
        try:
            body = await _body(request, limit)
            content_type = request.headers.get("content-type", "text/csv")
            accept = request.headers.get("accept", "*/*")
            REQUEST_HEADERS.set(dict(request.headers))
            answer, kind = await to_thread.run_sync(predict, body, content_type, accept, limiter=threads)
        except Exception as error:
            return _refusal(error)
        return Response(answer, media_type=kind)

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/execution-parameters", execution_parameters),
            Route("/invocations", invocations, methods=["POST"]),
            *(_descriptions(predict) if isinstance(predict, Described) else ()),
        ]
    )


def _descriptions(predict: Described) -> list[Route]:
    """Return the routes that say what the predictor takes."""
    from starlette.responses import Response
    from starlette.routing import Route

    def address(request: Request) -> str:
        return str(request.base_url).rstrip("/")

    def home(request: Request) -> Response:
        try:
            body, kind = predict.home(address(request), request.headers.get("accept", "*/*"))
        except RequestError as error:
            return _refusal(error, "/")
        return Response(body, media_type=kind)

    def openapi(request: Request) -> Response:
        return Response(predict.openapi(address(request)), media_type="application/json")

    return [Route("/", home), Route("/openapi.json", openapi)]


def _worker(pickled: bytes, workers: int) -> Starlette:
    """Return the application of one of several processes."""
    _end_with_parent()
    return application(pickle.loads(pickled), workers)


def _end_with_parent() -> None:
    """End a worker whose parent was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


async def _body(request: Request, limit: int) -> bytes:
    """Return the body; one that is too large is read to its end all the same, or its sender never sees why."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= limit:
            parts.append(part)
        else:
            parts.clear()
    if size > limit:
        raise TooLargeError(
            f"body of {size} bytes is larger than {limit}; an asynchronous endpoint's model sets {LIMIT_VARIABLE}"
        )
    return b"".join(parts)


def _refusal(error: Exception, path: str = "/invocations") -> Response:
    from starlette.responses import PlainTextResponse

    if isinstance(error, RequestError):
        status, message = error.status, str(error)
    else:
        traceback.print_exception(error)
        status, message = 500, f"{type(error).__name__}: {error}"
    print(f"{path} {status} {message}", file=sys.stderr, flush=True)
    return PlainTextResponse(message, status)


def run_serving(load: Callable[[], Predict]) -> int:
    """Serve what ``load`` returns and return the exit code; what it cannot start with is said in a sentence."""
    try:
        serve(load())
    except SparringError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
