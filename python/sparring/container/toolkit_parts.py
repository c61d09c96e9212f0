"""What the stand-ins of AWS's toolkit packages are made of: scripts import those packages, which only images have.

The packages below ``toolkits/`` name these parts as the real ones do.  What is not here is said to be missing by
name, when it is used and not before: most scripts import modules that they never use.

Sources, for names and meanings: amazon-archives/sagemaker-containers, aws/sagemaker-inference-toolkit,
aws/sagemaker-training-toolkit, aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from sparring.container import codecs
from sparring.container.hosts import host_addresses
from sparring.container.media import AcceptError, ContentError

ATTRIBUTE_VARIABLE = "SM_TRAINING_ENV"
PATIENCE_SECONDS = 900.0


class UnsupportedFormatError(ContentError):
    """Raised for a type that the default encoders and decoders do not know."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"Content type {content_type} is not supported by this framework.")


class Response:
    """An answer with a content type and a status, as a handler may return it.

    Parameters
    ----------
    response : str or bytes, optional
    accept : str, optional
        Content type, where ``mimetype`` says none.
    status : int, default 200
    headers : dict, optional
        Kept, and not sent: SageMaker hands on none but its own.
    mimetype : str, optional
        Content type; JSON where nothing says it.
    """

    def __init__(
        self,
        response: str | bytes | None = None,
        accept: str | None = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
        mimetype: str | None = None,
    ) -> None:
        self.data = response.encode() if isinstance(response, str) else response or b""
        self.mimetype = self.content_type = mimetype or accept or codecs.JSON
        self.status_code, self.headers = status, headers or {}

    def get_data(self, as_text: bool = False) -> str | bytes:
        """Return the body, decoded as UTF-8 if ``as_text``; as Flask's and werkzeug's responses do."""
        return self.data.decode() if as_text else self.data


def encode(array_like: Any, content_type: str) -> str | bytes:
    """Return an array in a content type: text for CSV and JSON, bytes for NumPy's format."""
    try:
        body, kind = codecs.encode(array_like, content_type)
    except AcceptError as error:
        raise UnsupportedFormatError(content_type) from error
    return body.decode() if kind in codecs.UTF8_TYPES else body


def decode(body: str | bytes, content_type: str) -> Any:
    """Return a body as an array."""
    try:
        return codecs.decode(body, content_type)
    except ContentError as error:
        raise UnsupportedFormatError(content_type) from error


class Environment:
    """What the training toolkit tells a script: the members of ``SM_TRAINING_ENV`` as attributes."""

    def __getattr__(self, name: str) -> Any:
        """Return the member ``name``; which there are depends on the job's configuration."""
        told: dict[str, Any] = json.loads(os.environ.get(ATTRIBUTE_VARIABLE, "{}"))
        if name not in told:
            raise AttributeError(
                f"the training environment has no {name!r}, only {', '.join(sorted(told)) or 'nothing'}"
            )
        return told[name]


def missing(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that stands in for a part of a toolkit."""

    def absent(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"Sparring's stand-in of {module} has no {name}: install the real package, by requirements.txt, to use it"
        )

    return absent


def wait_hostname_resolution(hosts: Sequence[str] | None = None) -> None:
    """Return when all hosts have an address; the platform gives each one before a job starts."""
    names = hosts or json.loads(os.environ.get("SM_HOSTS", "[]"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    for name in set(names) - set(host_addresses()):
        while True:
            try:
                socket.gethostbyname(name)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: Sequence[str],
    current_host: str,
    first_port: int | None = None,
    second_port: int | None = None,
    max_connect_attempts: int | None = None,
    connect_retry_timeout: int = 10,
    update_rabit_args: bool = False,
) -> None:
    """Run a function on the hosts that have data, joined in XGBoost's collective; the others end.

    Parameters
    ----------
    exec_fun : callable
    args : dict
        Its arguments.
    include_in_training : bool
        Whether this host has data.
    hosts : sequence of str
    current_host : str
    first_port, second_port, max_connect_attempts, connect_retry_timeout : optional
        Of the image's own network; ports and patience are the platform's here.
    update_rabit_args : bool, default False
        Whether ``args`` gets ``is_master``: whether this is the first host.
    """
    import numpy as np
    from xgboost import collective

    from sparring.container.collective import joined

    names, addresses = sorted(hosts), host_addresses()
    flags = np.array([include_in_training and name == current_host for name in names], np.int64)
    with joined(names, current_host, addresses):
        flags = collective.allreduce(flags, collective.Op.SUM) if len(names) > 1 else flags
    members = [name for name, flag in zip(names, flags, strict=True) if flag]
    if not members:
        raise RuntimeError("No hosts received training data.")
    if not include_in_training:
        sys.exit(0)
    if update_rabit_args:
        args["is_master"] = current_host == members[0]
    with joined(members, current_host, addresses, round_number=1):
        exec_fun(**args)
