"""What a handler finds in its ``context``: the request's headers, and where to say how it is answered.

Source: awslabs/multi-model-server, ``mms/context.py``, and pytorch/serve, ``ts/context.py``: the names of the methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

# Set by the server for the request that its thread answers; names are in lower case.
REQUEST_HEADERS: ContextVar[Mapping[str, str]] = ContextVar("REQUEST_HEADERS", default={})  # noqa: B039
OK = 200


class Context:
    """The optional last argument of a handler.

    Parameters
    ----------
    model : Path
        The model's folder.

    Attributes
    ----------
    system_properties : dict
        ``model_dir`` and ``gpu_id``, which is None: which device a model uses is its own choice here.
    status : int
        Of the answer, 200 unless a handler sets another.
    content_type : str or None
        Of the answer, where a handler sets it.
    """

    def __init__(self, model: Path) -> None:
        self.system_properties: dict[str, Any] = {"model_dir": str(model), "gpu_id": None, "batch_size": 1}
        self.headers = dict(REQUEST_HEADERS.get())
        self.status = OK
        self.content_type: str | None = None
        # A batch is one request here; MMS gives the properties of each by its place in the batch.
        self.request_processor = [self]

    def get_request_properties(self) -> dict[str, str]:
        """Return the request's headers."""
        return {name.title(): value for name, value in self.headers.items()} | self.headers

    def get_request_header(self, idx: int, key: str) -> str | None:
        """Return one header of the request, whatever its case."""
        return self.headers.get(key.lower())

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        """Return the request's headers."""
        return self.get_request_properties()

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Say what the answer is."""
        self.content_type = value

    def set_response_status(self, code: int = OK, phrase: str = "", idx: int = 0) -> None:
        """Say the answer's status."""
        self.status = code
