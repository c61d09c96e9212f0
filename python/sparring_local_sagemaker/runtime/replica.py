"""One instance of a model: a local process for each of its containers, in a row."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import urllib3

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.distortion import distorted
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.processes import Launch, Program
from sparring_local_sagemaker.state import Record
from sparring_local_sagemaker.storage import download_model

START_SECONDS = 240.0
PING_SECONDS = 2.0
INVOKE_SECONDS = 60.0
END_SECONDS = 2.0
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class Request(NamedTuple):
    """What goes to a container: bytes, or an open file of a known size."""

    body: bytes | IO[bytes]
    size: int
    content_type: str
    accept: str | None = None
    attributes: str | None = None

    @classmethod
    def of(cls, body: bytes, content_type: str, accept: str | None = None, attributes: str | None = None) -> Request:
        """Return a request with bytes for a body."""
        return cls(body, len(body), content_type, accept, attributes)

    def headers(self) -> dict[str, str]:
        """Return the headers that a container sees."""
        given = {
            "Content-Type": self.content_type,
            "Content-Length": str(self.size),
            "Accept": self.accept,
            ATTRIBUTES: self.attributes,
        }
        return {name: value for name, value in given.items() if value}


class Answer(NamedTuple):
    """What a container said."""

    body: bytes
    content_type: str
    attributes: str | None = None


class Ended(Exception):
    """Raised when something was ended before it had started."""


class Container:
    """One serving program.

    Parameters
    ----------
    launch : Launch
        Its command, tree and log.
    model_data : str or None
        ``s3://`` URI of its ``model.tar.gz``, or a prefix of files that ends with ``/``.
    startup_seconds : float
        Within which ``/ping`` must answer 200.
    """

    def __init__(self, launch: Launch, model_data: str | None, startup_seconds: float) -> None:
        self.launch, self.model_data, self.startup_seconds = launch, model_data, startup_seconds
        self.program: Program | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.port = _free_port()
        self.pool = urllib3.HTTPConnectionPool("127.0.0.1", self.port, maxsize=16, retries=False)

    def start(self, s3: Any) -> None:
        """Download the model, start the program, return when it answers.

        Raises
        ------
        RuntimeError
            If it ends or does not answer in time.
        Ended
            If :meth:`end` came first.
        """
        if self.model_data and not (self.launch.base / "model").exists():
            self.launch.base.mkdir(parents=True, exist_ok=True)
            download_model(s3, self.model_data, self.launch.base / "model")
        (self.launch.base / "model").mkdir(parents=True, exist_ok=True)
        with self._lock:
            # Ended before there was a program to end: it must not start.
            if self._ended.is_set():
                raise Ended
            # Containers of ours listen on all interfaces, as they must on AWS; here nobody else is to reach them.
            self.program = self.launch.run(SAGEMAKER_BIND_TO_PORT=str(self.port), SPARRING_BIND_TO_HOST="127.0.0.1")
        self._wait_for_ping()

    def _wait_for_ping(self) -> None:
        deadline = time.monotonic() + self.startup_seconds
        assert self.program is not None
        while time.monotonic() < deadline and not self._ended.is_set():
            if not self.program.running:
                log = self.launch.log.read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"The primary container ended: {' '.join(log[-1:])}")
            try:
                if self.pool.request("GET", "/ping", timeout=PING_SECONDS).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            self._ended.wait(0.05)
        if self._ended.is_set():
            raise Ended
        raise RuntimeError("The primary container did not pass the ping health check.")

    def invoke(self, request: Request, seconds: float) -> Answer:
        """Return the container's answer, or raise ``ModelError`` as AWS does."""
        try:
            answer = self.pool.request(
                "POST", "/invocations", body=request.body, headers=request.headers(), timeout=seconds
            )
        except urllib3.exceptions.TimeoutError as error:
            raise model_error(
                0,
                "Your invocation timed out while waiting for a response from container primary. Review the latency "
                "metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise model_error(0, f"Invocation failed: {type(error).__name__}") from error
        if answer.status != 200:
            raise model_error(answer.status, answer.data.decode(errors="replace"))
        kind = answer.headers.get("Content-Type", "application/octet-stream")
        return Answer(answer.data, kind, answer.headers.get(ATTRIBUTES))

    def end(self) -> None:
        """End the program; one that has not started yet never will."""
        with self._lock:
            self._ended.set()
        if self.program is not None:
            self.program.end(END_SECONDS)
        self.pool.close()
        self.launch.clear()


class Replica:
    """One instance: the containers of a model, through which a request passes in turn."""

    def __init__(self, platform: Platform, name: str, containers: list[Container]) -> None:
        self.platform, self.name, self.containers = platform, name, containers
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start every container; returns when all answer."""
        with self._starting, ExitStack() as failing:
            failing.callback(self.end)
            for container in self.containers:
                container.start(self.platform.s3)
            failing.pop_all()

    def invoke(self, request: Request, seconds: float = INVOKE_SECONDS) -> Answer:
        """Return the last container's answer.

        Raises
        ------
        AwsError
            ``ModelError`` (424) if a container answers an error or not in time.
        """
        effect = self.platform.faults.strike("container:invocations", self.name)
        if effect is not None and effect.kind == "drop":
            raise model_error(0, "Invocation failed: ProtocolError")
        if effect is not None and effect.kind == "model_error":
            raise model_error(effect.status, effect.message)
        if effect is not None and effect.kind == "delay":
            time.sleep(min(effect.seconds, seconds))
            # The delay is the container's: what it takes is of the time that the container has.
            seconds -= effect.seconds
            if seconds <= 0:
                raise model_error(0, "Invocation timed out while waiting for the container")
        answer = self._pass_through(request, seconds)
        return answer._replace(body=distorted(answer.body, effect))

    def _pass_through(self, request: Request, seconds: float) -> Answer:
        answer = Answer(b"", request.content_type)
        for container in self.containers:
            if container.program is None or not container.program.running:
                threading.Thread(target=self._revive, daemon=True).start()
                raise model_error(0, "The container is not running; it is being started again")
            answer = container.invoke(request, seconds)
            request = Request.of(answer.body, answer.content_type, request.accept, answer.attributes)
        return answer

    def _revive(self) -> None:
        """Start containers that ended by themselves once more, as the platform does."""
        if not self._starting.acquire(blocking=False):
            return
        try:
            for container in self.containers:
                if container.program is not None and not container.program.running:
                    container.start(self.platform.s3)
        except (Ended, RuntimeError):
            # The next invocation finds it dead again and says so.
            pass
        finally:
            self._starting.release()

    def parameters(self) -> Record:
        """Return what the container says at ``/execution-parameters``; empty if it says nothing."""
        answer = self.containers[0].pool.request("GET", "/execution-parameters", timeout=INVOKE_SECONDS)
        if answer.status != 200 or not answer.data:
            return {}
        found: Record = answer.json()
        return found

    def end(self) -> None:
        """End every program."""
        for container in self.containers:
            container.end()


def replica(
    platform: Platform,
    name: str,
    containers: list[Record],
    folder: Path,
    variables: dict[str, str],
    memory_bytes: int | None = None,
    startup_seconds: float = START_SECONDS,
) -> Replica:
    """Return a replica of a model, not yet started.

    Raises
    ------
    RuntimeError
        If nothing here stands in for an image.
    """
    made = []
    for number, container in enumerate(containers, start=1):
        settings = container.get("Environment", {})
        recipe = platform.images.find(container.get("Image", ""), "serve", settings)
        here = folder if len(containers) == 1 else folder / f"container-{number}"
        environment = {**platform.variables(), **variables, **settings}
        launch = Launch(recipe, here / "opt-ml", here / "log.txt", environment, memory_bytes)
        made.append(Container(launch, _model_data(container), startup_seconds))
    return Replica(platform, name, made)


def _model_data(container: Record) -> str | None:
    """Return where a container's model is: an archive, or a prefix that ends with ``/``."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return container.get("ModelDataUrl")
    uri: str = source["S3Uri"]
    return f"{uri.rstrip('/')}/" if source["S3DataType"] == "S3Prefix" else uri


def model_error(status: int, said: str) -> AwsError:
    """Return the error of a container that answered ``status``, 0 for none."""
    side = "client" if 400 <= status < 500 else "server"
    message = f'Received {side} error ({status}) from primary with message "{said}"'
    return AwsError("ModelError", message, 424, OriginalStatusCode=status, OriginalMessage=said)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
