"""What an answer holds: a record a row where it is a list of any kind, and whether two records are the same."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from sparring.container.check.exchange import Answer

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
TEXT = (CSV, "text/plain", "text/html", "")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\b(?:nan|inf(?:inity)?)\b", re.IGNORECASE)
# A batch may add its numbers up in another order than a row alone does.
RELATIVE, ABSOLUTE = 1e-4, 1e-6


def records(answer: Answer, rows: int) -> list[Any] | None:
    """Return the answers to ``rows`` rows, one each as far as the body tells; None where that is not read here.

    A JSON object counts by its lists where they are of one length; a single line of text by its commas.
    """
    if answer.content_type == JSON:
        return _listed(json.loads(answer.body)) if _is_json(answer.body) else None
    if answer.content_type not in (*TEXT, JSON_LINES):
        return None
    lines = [line for line in answer.body.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return lines[0].split(",") if len(lines) == 1 and rows > 1 and answer.content_type != JSON_LINES else list(lines)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        if lists and len({len(item) for item in lists}) == 1:
            return lists[0] if len(lists) == 1 else [list(row) for row in zip(*lists, strict=True)]
    return value if isinstance(value, list) else [value]


def alike(one: Any, other: Any) -> bool:
    """Return whether two records say the same: equal text, numbers within rounding.

    Examples
    --------
    >>> alike("a,0.50000001", "a,0.5"), alike("a,0.5", "b,0.5"), alike("0.5,1", "0.5")
    (True, False, False)
    """
    first, second = _text(one), _text(other)
    return first == second or (
        NUMBER.sub("#", first) == NUMBER.sub("#", second)
        and all(map(_close, NUMBER.findall(first), NUMBER.findall(second)))
    )


def same(one: Answer, other: Answer) -> bool:
    """Return whether two answers to one request agree: in status, type and records, not in what goes with them."""
    if (one.status, one.content_type) != (other.status, other.content_type):
        return False
    first, second = records(one, 1), records(other, 1)
    if first is None or second is None:
        return one.body == other.body
    return len(first) == len(second) and all(map(alike, first, second))


def is_number(text: str) -> bool:
    """Return whether ``text`` is finite."""
    return math.isfinite(float(text))


def not_finite(answer: Answer) -> list[str]:
    """Return the NaN and infinities in an answer's records."""
    found = records(answer, 1) or []
    return [word for word in NUMBER.findall(" ".join(map(_text, found))) if not is_number(word)]


def type_trouble(answer: Answer) -> str:
    """Return what is wrong with an answer's content type, given its body; nothing if it fits."""
    kind, text = answer.content_type, answer.body.decode("utf-8", errors="replace").strip()
    if not kind:
        return "the answer has no Content-Type"
    if kind == JSON and not _is_json(text):
        return f"Content-Type {kind}, yet the body is no JSON: {text[:60]}"
    if kind == JSON_LINES and not all(map(_is_json, text.splitlines())):
        return f"Content-Type {kind}, yet a line is no JSON: {text[:60]}"
    if kind == CSV and text[:1] in ("{", "[") and _is_json(text):
        return f"Content-Type {kind}, yet the body is JSON: {text[:60]}"
    if kind == "text/html" and not text.startswith("<"):
        return f"Content-Type {kind}, yet the body is no page: {text[:60]}"
    return ""


def _is_json(text: str | bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(record: Any) -> str:
    # A row alone may be answered with its value or with a list of it.
    while isinstance(record, list) and len(record) == 1:
        record = record[0]
    return record.strip() if isinstance(record, str) else json.dumps(record, sort_keys=True)


def _close(one: str, other: str) -> bool:
    first, second = float(one), float(other)
    return (first != first and second != second) or math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
