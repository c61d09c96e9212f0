"""What a check of a container tests, and with what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, get_args

from sparring.container.check.report import Limits
from sparring.container.media import media_type
from sparring.container.serving import DEFAULT_PORT

# Types whose bodies are lines, and so can be divided and made as large as one likes.
BY_LINES = ("text/csv", "text/libsvm", "text/x-libsvm", "application/jsonlines", "text/plain")
JSON = "application/json"

Phase = Literal["training", "start", "invocations", "concurrency", "endurance", "shutdown"]
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class Payload:
    """A request that the program must answer.

    Attributes
    ----------
    body : bytes
    content_type : str
    header : bool or None
        Whether a CSV body's first line names the columns; None: it does if it holds no number and another line does.
    """

    body: bytes
    content_type: str
    header: bool | None = None

    @cached_property
    def kind(self) -> str:
        """Its media type, by its usual name."""
        return media_type(self.content_type)[0]

    @cached_property
    def head(self) -> list[bytes]:
        """The line of names, or none."""
        lines = self._lines
        if self.kind != "text/csv" or len(lines) < 2:
            return []
        given = {"present": True, "absent": False}.get(media_type(self.content_type)[1].get("header", ""), self.header)
        named = not _has_number(lines[0]) and any(map(_has_number, lines[1:])) if given is None else given
        return lines[:1] if named else []

    @cached_property
    def rows(self) -> list[Any]:
        """Its rows: lines, or the members of a JSON list; none if it cannot be divided."""
        if self.kind in BY_LINES:
            return self._lines[len(self.head) :]
        return self._members[1] if self.kind == JSON else []

    def of(self, rows: Sequence[Any]) -> bytes:
        """Return a body with these rows."""
        if self.kind in BY_LINES:
            return b"\n".join([*self.head, *rows]) + b"\n"
        key = self._members[0]
        return json.dumps({key: list(rows)} if key else list(rows)).encode()

    def several(self, count: int) -> list[Any]:
        """Return ``count`` rows: its own, again and again."""
        return list(islice(cycle(self.rows), count))

    def enlarged(self, size: int) -> tuple[bytes, int] | None:
        """Return a body of up to ``size`` bytes and its number of rows; None if it cannot be divided."""
        if not self.rows:
            return None
        # One row more is a line's end more, or in JSON a comma and a space.
        apart = 2 if self.kind == JSON else 1
        once = len(self.of(self.rows))
        each = once - len(self.of([])) + apart if self.kind == JSON else sum(len(row) + apart for row in self.rows)
        count = max((size - once) // each + 1, 1)
        rows = self.rows * count
        return self.of(rows), len(rows)

    @cached_property
    def _lines(self) -> list[bytes]:
        return [line for line in self.body.splitlines() if line.strip()]

    @cached_property
    def _members(self) -> tuple[str, list[Any]]:
        """The key under which a list is, and the list: the whole body, or the only member of an object."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return "", []
        if isinstance(value, dict) and len(value) == 1:
            key, value = next(iter(value.items()))
        else:
            key = ""
        divisible = isinstance(value, list) and all(isinstance(item, (list, dict)) for item in value)
        return (key, value) if divisible else ("", [])


def _has_number(line: bytes) -> bool:
    for cell in line.split(b","):
        try:
            float(cell)
        except ValueError:
            continue
        return True
    return False


@dataclass(frozen=True)
class ContainerCheck:
    """What is to be tested, and with what.

    Attributes
    ----------
    train, serve : list of str
        Commands; empty: that half is not tested.
    hyperparameters : dict of str to str
    channels : dict of str to Path
        Channel -> file or folder with its data.
    channel_type : str
        ContentType of the channels.
    model : Path or None
        What ``serve`` finds in ``/opt/ml/model``; None: what ``train`` made.
    payload : Payload or None
    environment : dict of str to str
        The image's own variables; of yours the programs see PATH and its like only.
    port : int
    isolate : bool
        Whether the programs find their tree at ``/opt/ml`` itself, which needs root on Linux.
    limits : Limits
    phases : sequence of str
        Which of the phases are tested; the others leave no finding.
    time_limit : float
        Seconds that all of it may take; the rules left out then are named.
    """

    train: list[str] = field(default_factory=list)
    serve: list[str] = field(default_factory=list)
    hyperparameters: dict[str, str] = field(default_factory=dict)
    channels: dict[str, Path] = field(default_factory=dict)
    channel_type: str = "text/csv"
    model: Path | None = None
    payload: Payload | None = None
    environment: dict[str, str] = field(default_factory=dict)
    port: int = DEFAULT_PORT
    isolate: bool = True
    limits: Limits = field(default_factory=Limits)
    phases: Sequence[Phase] = PHASES
    time_limit: float = 1_800.0
