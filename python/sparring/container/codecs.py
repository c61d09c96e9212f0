"""Arrays to and from the bodies that inference scripts are sent by default: CSV without header, JSON, NumPy's format.

Source: aws/sagemaker-inference-toolkit, ``decoder.py`` and ``encoder.py``: which types there are, and their shapes.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from sparring.container.media import BodyError, ContentError, media_type, negotiate

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
OFFERED = (JSON, CSV, NPY)
# What a script is given as text; any other body, that of text/libsvm too, comes as bytes.
UTF8_TYPES = (JSON, CSV)


def as_text(body: bytes, content_type: str) -> str | bytes:
    """Return what a script's ``input_fn`` is given for a body: text if its type is one of :data:`UTF8_TYPES`.

    Raises
    ------
    BodyError
        If it should be UTF-8 and is not.

    Examples
    --------
    >>> as_text(b"1,2", "text/csv"), as_text(b"1 1:2", "text/libsvm")
    ('1,2', b'1 1:2')
    """
    if media_type(content_type)[0] not in UTF8_TYPES:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BodyError(f"the body is said to be {content_type} and is not UTF-8: {error}") from error


def decode(body: str | bytes, content_type: str) -> np.ndarray:
    """Return a request as an array; an empty CSV cell is NaN.

    Raises
    ------
    ContentError, BodyError
        If the type is another, or the body does not parse.
    """
    kind, _ = media_type(content_type)
    if kind not in OFFERED:
        raise ContentError(f"content type {content_type!r} is none of {', '.join(OFFERED)}; define input_fn to read it")
    try:
        if kind == CSV:
            return _csv(body.decode() if isinstance(body, bytes) else body)
        if kind == NPY:
            return np.load(io.BytesIO(body if isinstance(body, bytes) else body.encode()), allow_pickle=False)
        return np.asarray(json.loads(body), dtype=np.float64)
    except (ValueError, TypeError, EOFError) as error:
        raise BodyError(f"the body is no {kind}: {error}") from error


def _csv(text: str) -> np.ndarray:
    """Return the cells of a text, one row a line whatever their number."""
    if not text.strip():
        raise ValueError("it has no row")
    return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2, converters=lambda cell: float(cell.strip() or "nan"))


def encode(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Return a prediction in the accepted type, and that type.

    Raises
    ------
    AcceptError
        If it is none of those here; define ``output_fn`` to write it.
    """
    kind, stream = negotiate(accept, OFFERED), io.BytesIO()
    if kind == JSON:
        return json.dumps(prediction, default=_listed).encode(), kind
    array = np.asarray(prediction)
    if kind == CSV:
        np.savetxt(stream, array if array.ndim else array[None], delimiter=",", fmt="%s")
    else:
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue(), kind


def _listed(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return np.asarray(value).tolist()
