"""CloudWatch logs: what programs print, in the groups and streams that SageMaker uses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.durable import unreadable, write_whole
from sparring_local_sagemaker.secret import REGION

TRAINING_GROUP = "/aws/sagemaker/TrainingJobs"
TRANSFORM_GROUP = "/aws/sagemaker/TransformJobs"
LINE_LIMIT = 262_118
BATCH = 1_000


def endpoint_group(name: str) -> str:
    """Return the log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{name}"


@dataclass
class _Source:
    """A log file, how far it has been read, and whether its program has ended."""

    group: str
    stream: str
    path: Path
    offset: int = 0
    made: bool = False
    ended: bool = False


class Logs:
    """Log files on their way to CloudWatch.

    Lines are moved when somebody looks (:meth:`ship` runs before each call of the service ``logs``) and when
    a program ends; an event bears the time of that move.

    Parameters
    ----------
    index : Path
        File that remembers which log goes to which stream: a restart sends them again.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._lock = threading.Lock()
        lines = index.read_text().splitlines() if index.exists() else []
        try:
            self._known: list[list[str]] = [json.loads(line) for line in lines]
            self._sources = [_Source(group, stream, Path(path), ended=True) for group, stream, path in self._known]
        except (ValueError, TypeError) as error:
            raise unreadable(index, error) from error

    def follow(self, group: str, stream: str, path: Path) -> None:
        """Send what is in ``path`` now and what will be written there to a stream."""
        with self._lock:
            self._known.append([group, stream, str(path)])
            write_whole(self._index, "".join(json.dumps(entry) + "\n" for entry in self._known).encode())
            self._sources.append(_Source(group, stream, path))

    def streams(self, group: str, prefix: str = "") -> list[tuple[str, Path]]:
        """Return the streams of a group, and their files, in the order in which they began."""
        with self._lock:
            return [(s.stream, s.path) for s in self._sources if s.group == group and s.stream.startswith(prefix)]

    def ship(self, ended: Collection[Path] = ()) -> None:
        """Move every whole line that is new; of logs of programs that have ended, the last one too."""
        with self._lock:
            for source in self._sources:
                source.ended = source.ended or source.path in ended
                if source.path.exists():
                    self._move(source)

    def _move(self, source: _Source) -> None:
        from moto.core.exceptions import JsonRESTError
        from moto.logs.models import logs_backends

        backend = logs_backends[ACCOUNT][REGION]
        if not source.made:
            for make in (
                lambda: backend.create_log_group(source.group, {}),
                lambda: backend.create_log_stream(source.group, source.stream),
            ):
                try:
                    make()
                except JsonRESTError as error:
                    if error.error_type != "ResourceAlreadyExistsException":
                        raise
            source.made = True
        with source.path.open("rb") as file:
            file.seek(source.offset)
            text = file.read()
        whole = text if source.ended else text[: text.rfind(b"\n") + 1]
        source.offset += len(whole)
        lines = [line.decode(errors="replace")[:LINE_LIMIT] for line in whole.splitlines() if line.strip()]
        now = int(time.time() * 1_000)
        for start in range(0, len(lines), BATCH):
            events = [{"timestamp": now, "message": line} for line in lines[start : start + BATCH]]
            backend.put_log_events(source.group, source.stream, events)
