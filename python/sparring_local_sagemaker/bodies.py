"""JSON bodies of requests, whatever a client sends."""

from __future__ import annotations

import json
import re
from typing import Any

from sparring.wire.service_model import AwsError

# Deeper than any request of AWS's, and far from what Python's own recursion allows.
DEEPEST = 100
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parsed(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds; an empty body holds an empty one.

    Raises
    ------
    AwsError
        ``SerializationException`` if it is no JSON, no object, or nested deeper than 100 levels.
    """
    try:
        text = (body or b"{}").decode()
        if depth(text) > DEEPEST:
            raise AwsError("SerializationException", f"The request is nested deeper than {DEEPEST} levels")
        request = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as broken:
        raise AwsError("SerializationException", f"The request is not JSON: {broken}") from broken
    if not isinstance(request, dict):
        raise AwsError("SerializationException", "The request is no JSON object")
    return request


def depth(text: str) -> int:
    """Return how deep the brackets of a JSON text are nested.

    Examples
    --------
    >>> depth('{"a": ["[[[", []]}')
    3
    """
    deepest = now = 0
    for bracket in re.findall(r"[\[{}\]]", STRING.sub("", text)):
        now += 1 if bracket in "[{" else -1
        deepest = max(deepest, now)
    return deepest


def without_nulls(value: Any) -> Any:
    """Return a request without its members that are null: AWS takes them for members that are not there."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
