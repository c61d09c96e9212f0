"""A row that a package takes, made of what its preparation learnt: the sample request of pages and errors."""

from __future__ import annotations

import json
import math
import shlex
from typing import Any

from sparring.feature.encoder import EncoderState
from sparring.serving.manifest import PackageManifest, RawColumn

WHOLE = ("tinyint", "smallint", "int", "bigint")
FRACTIONS = ("float", "double", "decimal")
Cell = str | bool | int | float | None


def sample_row(manifest: PackageManifest, state: EncoderState) -> dict[str, Cell]:
    """Return one row: medians, the middle year of train, the commonest category.

    Parameters
    ----------
    manifest : PackageManifest
    state : EncoderState
        The fitted preparation of the same package.
    """
    learnt: dict[str, Any] = {number.name: number.fill for number in (*state.numeric, *state.timestamp)}
    learnt |= {cycle.name: 0.0 for cycle in state.cyclic}
    learnt |= {category.name: next(iter(category.values), None) for category in state.categorical}
    return {column.name: _cell(column, learnt[column.name]) for column in manifest.columns}


def sample_request(row: dict[str, Cell]) -> str:
    """Return the body of a request in JSON."""
    return json.dumps({"instances": [row]}, ensure_ascii=False, allow_nan=False)


def sample_command(row: dict[str, Cell], address: str) -> str:
    """Return the command that sends ``row`` to a server, for any shell of POSIX."""
    headers = "-H 'Content-Type: application/json' -H 'Accept: application/json'"
    return f"curl {headers} --data {shlex.quote(sample_request(row))} {shlex.quote(f'{address}/invocations')}"


def _cell(column: RawColumn, learnt: Any) -> Cell:
    if column.kind == "timestamp":
        year = min(max(round(learnt), 1), 9999)
        return f"{year:04d}-01-31" if column.type == "date" else f"{year:04d}-01-31T05:00:00Z"
    if column.kind == "categorical":
        return _category(column.type, learnt)
    if column.type == "boolean":
        return bool(learnt >= 0.5)
    return round(learnt) if column.type in WHOLE else learnt


def _category(kind: str, text: str | None) -> Cell:
    """Return a category's text as a value of its type; one that JSON has no word for is missing."""
    if text is None or (kind not in ("boolean", *WHOLE) and not kind.startswith(FRACTIONS)):
        return text
    if kind == "boolean":
        return text == "true"
    if kind in WHOLE:
        return int(text)
    return float(text) if math.isfinite(float(text)) else None
