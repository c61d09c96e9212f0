"""The local SageMaker: an emulator on loopback that really runs training jobs and endpoints."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sparring.errors import MissingDependencyError, SageMakerError
from sparring_local_sagemaker.secret import ACCESS_KEY, SECRET_VARIABLE, new_secret, page_token, variables

__all__ = ["LocalAws", "serve_forever"]

# A file's path, or its content.
Setting = str | dict[str, Any] | None
# Variables that lead a client to another account.
ELSEWHERE = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
INSTALL = "pip install 'sparring[local-aws]'"


class LocalAws:
    """S3, STS, IAM and SageMaker on 127.0.0.1, in a child process that ends with this one.

    Parameters
    ----------
    state_dir : str, optional
        Folder of jobs and models; temporary, and deleted at the end, when omitted.
    port : int, default 0
        0 picks a free one.
    faults, images : str or dict, optional
        Faults to inject and images of one's own: a YAML file's path, or what such a file holds.
    serverless_idle_seconds : float, default 300
        After which the process of a serverless endpoint ends.

    Attributes
    ----------
    endpoint_url : str
    page_url : str
        Of the web page, with the token that opens it.
    region, access_key, secret_key, role_arn, bucket : str
        What a client needs; the secret is this server's alone, and the bucket exists.

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
    access_key = ACCESS_KEY
    role_arn = "arn:aws:iam::123456789012:role/sparring-local"

    def __init__(
        self,
        state_dir: str | None = None,
        port: int = 0,
        faults: Setting = None,
        images: Setting = None,
        serverless_idle_seconds: float = 300.0,
    ) -> None:
        _require_packages()
        self._options = _options(port, state_dir, faults, images, serverless_idle_seconds)
        self._process: subprocess.Popen[str] | None = None
        self.endpoint_url = ""
        self.secret_key = new_secret()
        # Hadoop keeps one client a bucket for the life of the JVM: another server's must not bear the same name.
        self.bucket = f"sparring-local-{uuid.uuid4().hex[:8]}"

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
        options = ["--follow-stdin", *self._options]
        with tempfile.TemporaryFile("w+") as errors:
            # A group of its own: an interrupt is for its parent, which then closes its standard input.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sparring_local_sagemaker.server", *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                env={**os.environ, SECRET_VARIABLE: self.secret_key},
            )
            try:
                self.endpoint_url = self._announced(self._process, errors)
                self.client("s3").create_bucket(Bucket=self.bucket)
            except BaseException:
                self.stop()
                raise

    def _announced(self, process: subprocess.Popen[str], errors: IO[str]) -> str:
        """Return the address that the server prints once it listens."""
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://" not in line:
            process.wait()
            errors.seek(0)
            tail = errors.read().strip().splitlines()[-1:] or ["it printed nothing"]
            # An error of ours ends with its own next step.
            problem, _, step = tail[0].rpartition(". ")
            said = f"The local SageMaker did not start: {problem or step}"
            raise SageMakerError(said, step if problem else "Run `sparring doctor`.")
        return next(word for word in line.split() if word.startswith("http://"))

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
        from sparring_local_sagemaker.clients import client

        return client(service, self.endpoint_url, self._credentials)

    @property
    def _credentials(self) -> Any:
        from botocore.credentials import Credentials

        return Credentials(self.access_key, self.secret_key)

    def signed_headers(
        self, service: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Return the headers of a request that no AWS client makes, signed for ``service``.

        Parameters
        ----------
        service : str
            As in a signature: ``sagemaker``, ``s3``, ...
        method, path : str
            Path and query, encoded as they are sent.
        body : bytes
        headers : dict of str to str, optional
            Those that are signed, too.
        """
        from sparring_local_sagemaker.clients import signed_headers

        address = f"{self.endpoint_url}{path}"
        return signed_headers(self._credentials, service, method, address, body, headers)

    @property
    def page_url(self) -> str:
        """The web page's address, with the token that opens it."""
        return f"{self.endpoint_url}/?token={page_token(self.secret_key)}"

    def variables(self) -> dict[str, str]:
        """Return the environment that makes any AWS client use this server."""
        return variables(self.endpoint_url, self.secret_key)

    def environment(self) -> dict[str, str]:
        """Return this process's environment for a program whose AWS is this server."""
        own = {"SPARRING_LOCAL_BUCKET": self.bucket, "SPARRING_LOCAL_ROLE": self.role_arn}
        others = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        return {**others, **self.variables(), **own}


def serve_forever(port: int, state_dir: str | None, faults: Setting = None, images: Setting = None) -> int:
    """Serve in this process until interrupted; return the exit code.

    Parameters
    ----------
    port : int
        On 127.0.0.1; 0 picks a free one.
    state_dir : str or None
        Folder of jobs and models; temporary when None.
    faults, images : str, dict or None
        As of :class:`LocalAws`.
    """
    _require_packages()
    from sparring_local_sagemaker.server import main

    return main(_options(port, state_dir, faults, images))


def _options(
    port: int, state_dir: str | None, faults: Setting, images: Setting, serverless_idle_seconds: float = 300.0
) -> list[str]:
    options = ["--port", str(port), "--serverless-idle-seconds", str(serverless_idle_seconds)]
    options += ["--state", str(Path(state_dir).resolve())] if state_dir else []
    for name, value in (("--faults", faults), ("--images", images)):
        if value is not None:
            options += [name, value if isinstance(value, str) else json.dumps(value)]
    return options


def _require_packages() -> None:
    for package in ("moto", "boto3"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(
                f"The embedded local SageMaker needs the package {package}, which is not installed",
                f"Run: {INSTALL}",
            )
