"""Models, endpoint configurations and endpoints: a process that really serves behind each endpoint."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import urllib3

from sparring.sagemaker.local.images import find_image, refusal
from sparring.sagemaker.local.model import AwsError
from sparring.sagemaker.local.processes import Program
from sparring.sagemaker.local.storage import ACCOUNT, REGION, download_archive

START_SECONDS = 240.0
INVOKE_SECONDS = 60.0
BODY_LIMIT = 6_291_456


def arn(kind: str, name: str) -> str:
    """Return the ARN of a resource.

    Examples
    --------
    >>> arn("model", "M")
    'arn:aws:sagemaker:us-east-1:123456789012:model/m'
    """
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name.lower()}"


class Endpoint:
    """One endpoint: its configuration's first variant, served by a local process.

    Parameters
    ----------
    name : str
    config : dict
        The EndpointConfig it serves.
    model : dict
        The Model of its variant.
    folder : Path
    s3 : boto3 S3 client
    """

    def __init__(self, name: str, config: dict[str, Any], model: dict[str, Any], folder: Path, s3: Any) -> None:
        self.name, self.config, self.model, self.folder, self.s3 = name, config, model, folder, s3
        self.created = self.modified = time.time()
        self.status, self.failure = "Creating", ""
        self.port = _free_port()
        self._program: Program | None = None
        self._deleted = threading.Event()
        self._lock = threading.Lock()
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", self.port, maxsize=16, retries=False)
        self.thread = threading.Thread(target=self._start, name=name, daemon=True)

    def describe(self) -> dict[str, Any]:
        """Return the answer of DescribeEndpoint."""
        answer = {
            "EndpointName": self.name,
            "EndpointArn": arn("endpoint", self.name),
            "EndpointConfigName": self.config["EndpointConfigName"],
            "EndpointStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        }
        return answer | ({"FailureReason": self.failure} if self.failure else {})

    def delete(self) -> None:
        """End the process behind the endpoint."""
        with self._lock:
            self._deleted.set()
        self._enter("Deleting")
        if self._program is not None:
            self._program.end(grace=2.0)

    def invoke(self, body: bytes, content_type: str, accept: str | None) -> tuple[bytes, str]:
        """Return the container's answer and its content type.

        Raises
        ------
        AwsError
            ``ValidationError`` if the endpoint is not in service or the body too large, ``ModelError`` (424)
            if the container answers an error or not at all.
        """
        if self.status != "InService":
            raise AwsError("ValidationError", f"Endpoint {self.name} of account {ACCOUNT} is {self.status}.")
        if len(body) > BODY_LIMIT:
            raise AwsError("ValidationError", f"Body of {len(body)} bytes is larger than {BODY_LIMIT}", 413)
        headers = {"Content-Type": content_type, **({"Accept": accept} if accept else {})}
        try:
            answer = self._pool.request("POST", "/invocations", body=body, headers=headers, timeout=INVOKE_SECONDS)
        except urllib3.exceptions.HTTPError as error:
            raise AwsError("ModelError", f"Invocation failed: {type(error).__name__}", 424) from error
        if answer.status != 200:
            said = answer.data.decode(errors="replace")
            message = f'Received client error ({answer.status}) from primary with message "{said}"'
            raise AwsError("ModelError", message, 424)
        return answer.data, answer.headers.get("Content-Type", "application/octet-stream")

    def _start(self) -> None:
        try:
            self._launch()
            self._wait_for_ping()
        except Exception as error:
            self.failure = str(error)[:1_024]
            self._enter("Failed")
            if self._program is not None:
                self._program.end(grace=2.0)
        else:
            if not self._deleted.is_set():
                self._enter("InService")

    def _launch(self) -> None:
        container = self.model["PrimaryContainer"]
        image = find_image(container.get("Image", ""))
        if image.module is None:
            raise RuntimeError(refusal(container.get("Image", "(none)")))
        base = self.folder / "opt-ml"
        if container.get("ModelDataUrl"):
            download_archive(self.s3, container["ModelDataUrl"], base / "model")
        environment = {
            **container.get("Environment", {}),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "SPARRING_IMAGE_TAG": image.tag,
        }
        with self._lock:
            # Deleted before there was a program to end: it must not start.
            if not self._deleted.is_set():
                command, log = image.command("serve"), self.folder / "log.txt"
                self._program = Program(command, base, environment, log)

    def _wait_for_ping(self) -> None:
        """Return once ``/ping`` answers 200; the socket refuses until the program listens."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._deleted.is_set():
            assert self._program is not None
            if not self._program.running:
                log = (self.folder / "log.txt").read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"The primary container ended: {' '.join(log[-1:])}")
            try:
                if self._pool.request("GET", "/ping", timeout=2.0).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                self._deleted.wait(0.05)
        if not self._deleted.is_set():
            raise RuntimeError("The primary container did not pass the ping health check")

    def _enter(self, status: str) -> None:
        self.status, self.modified = status, time.time()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
