"""CloudWatch logs: what programs print, in the groups and streams that SageMaker uses."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sparring.sagemaker.local.storage import ACCOUNT, REGION

TRAINING_GROUP = "/aws/sagemaker/TrainingJobs"
TRANSFORM_GROUP = "/aws/sagemaker/TransformJobs"
LINE_LIMIT = 262_118
BATCH = 1_000


def endpoint_group(name: str) -> str:
    """Return the log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{name}"


@dataclass
class _Source:
    """A log file and how far it has been read."""

    group: str
    stream: str
    path: Path
    offset: int = 0
    made: bool = False


class Logs:
    """Log files on their way to CloudWatch.

    Lines are moved when somebody looks (:meth:`ship` runs before each call of the service ``logs``) and when
    a program ends; an event bears the time of that move.
    """

    def __init__(self) -> None:
        self._sources: list[_Source] = []
        self._lock = threading.Lock()

    def follow(self, group: str, stream: str, path: Path) -> None:
        """Send what is in ``path`` now and what will be written there to a stream."""
        with self._lock:
            if not any(known.path == path for known in self._sources):
                self._sources.append(_Source(group, stream, path))

    def streams(self, group: str, prefix: str = "") -> list[tuple[str, Path]]:
        """Return the streams of a group, and their files, in the order in which they began."""
        with self._lock:
            return [(s.stream, s.path) for s in self._sources if s.group == group and s.stream.startswith(prefix)]

    def ship(self) -> None:
        """Move every whole line that is new."""
        with self._lock:
            for source in self._sources:
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
        whole = text[: text.rfind(b"\n") + 1]
        source.offset += len(whole)
        lines = [line.decode(errors="replace")[:LINE_LIMIT] for line in whole.splitlines() if line.strip()]
        now = int(time.time() * 1_000)
        for start in range(0, len(lines), BATCH):
            events = [{"timestamp": now, "message": line} for line in lines[start : start + BATCH]]
            backend.put_log_events(source.group, source.stream, events)
