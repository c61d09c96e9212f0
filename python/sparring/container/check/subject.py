"""What a check of a container tests, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sparring.container.check.report import Limits
from sparring.container.serving import DEFAULT_PORT

# Types whose bodies are lines, and so can be made as large as one likes.
BY_LINES = ("text/csv", "text/libsvm", "text/x-libsvm", "application/jsonlines", "text/plain")


@dataclass(frozen=True)
class Payload:
    """A request that the program must answer."""

    body: bytes
    content_type: str

    def enlarged(self, size: int) -> bytes | None:
        """Return the body with its lines, but the first, again and again up to ``size`` bytes; None if not by lines."""
        if self.content_type.split(";")[0].strip().lower() not in BY_LINES:
            return None
        lines = self.body.splitlines(keepends=True)
        # The first may be a header.
        head, rest = (lines[0], b"".join(lines[1:])) if len(lines) > 1 else (b"", self.body)
        rest = rest.rstrip(b"\r\n") + b"\n"
        return head + rest * max((size - len(head)) // len(rest), 1)


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
    port : int
    isolate : bool
        Whether the programs find their tree at ``/opt/ml`` itself, which needs root on Linux.
    limits : Limits
    """

    train: list[str] = field(default_factory=list)
    serve: list[str] = field(default_factory=list)
    hyperparameters: dict[str, str] = field(default_factory=dict)
    channels: dict[str, Path] = field(default_factory=dict)
    channel_type: str = "text/csv"
    model: Path | None = None
    payload: Payload | None = None
    port: int = DEFAULT_PORT
    isolate: bool = True
    limits: Limits = field(default_factory=Limits)
