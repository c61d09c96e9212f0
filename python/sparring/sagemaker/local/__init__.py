"""The local SageMaker: a stand-in on loopback that really runs training jobs and endpoints."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from sparring.errors import MissingDependencyError, SageMakerError
from sparring.jars import package_folder

__all__ = ["LocalAws", "serve_forever"]

INSTALL = "pip install 'sparring[local-aws]'"


class LocalAws:
    """S3, STS, IAM and SageMaker on 127.0.0.1, in a child process that ends with this one.

    Parameters
    ----------
    port : int, default 0
        0 picks a free one.
    state : str, optional
        Folder of jobs and models; temporary, and deleted at the end, when omitted.

    Attributes
    ----------
    endpoint_url : str
    region, access_key, secret_key, role_arn, bucket : str
        What a client needs; the bucket exists.

    Raises
    ------
    MissingDependencyError
        If moto or boto3 is not installed.

    Examples
    --------
    >>> with LocalAws() as aws:                                     # doctest: +SKIP
    ...     aws.client("sagemaker").list_training_jobs()
    """

    region = "us-east-1"
    access_key = secret_key = "sparring-local"
    role_arn = "arn:aws:iam::123456789012:role/sparring-local"
    bucket = "sparring-local"

    def __init__(self, port: int = 0, state: str | None = None) -> None:
        _require_packages()
        self._port, self._state = port, state
        self._process: subprocess.Popen[str] | None = None
        self.endpoint_url = ""

    def __enter__(self) -> LocalAws:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Start the server and make the bucket; returns when it answers.

        Raises
        ------
        SageMakerError
            If the server does not start, with what it printed.
        """
        command = [sys.executable, "-m", "sparring.sagemaker.local.server", "--follow-stdin"]
        command += ["--port", str(self._port), *(["--state", self._state] if self._state else [])]
        with tempfile.TemporaryFile("w+") as errors:
            # A group of its own: an interrupt is for its parent, which then closes its standard input.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            if "http://" not in line:
                self._process.wait()
                errors.seek(0)
                tail = errors.read().strip().splitlines()[-1:] or ["it printed nothing"]
                raise SageMakerError(f"The local SageMaker did not start: {tail[0]}", "Check that the port is free.")
        self.endpoint_url = next(word for word in line.split() if word.startswith("http://"))
        self.client("s3").create_bucket(Bucket=self.bucket)

    def stop(self) -> None:
        """End the server and every process it started."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process = None

    def client(self, service: str) -> Any:
        """Return a boto3 client of this server."""
        from sparring.sagemaker.local.storage import client

        return client(service, self.endpoint_url)


def serve_forever(port: int, state: str | None) -> None:
    """Serve in this process until interrupted.

    Parameters
    ----------
    port : int
        On 127.0.0.1; 0 picks a free one.
    state : str or None
        Folder of jobs and models; temporary when None.
    """
    _require_packages()
    from sparring.sagemaker.local.server import main

    main(["--port", str(port), *(["--state", str(Path(state).resolve())] if state else [])])


def _require_packages() -> None:
    for package in ("moto", "boto3"):
        if package_folder(package) is None:
            raise MissingDependencyError(
                f"The embedded local SageMaker needs the package {package}, which is not installed",
                f"Run: {INSTALL}",
            )
