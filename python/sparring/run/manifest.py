"""The manifest of a run: which stages are done, under which cache key, so that a run can be resumed and audited."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sparring import __version__
from sparring.errors import PackageError
from sparring.io import storage

# What stages report; those of a run that another version recorded otherwise are done anew.
FORMAT = 4
# What `sparring verify` leaves beside it.
VERIFIED = "verify.json"


class Manifest:
    """``manifest.json`` in the run's folder, rewritten whole after every stage.

    A stage is *current* when it is done and its cache key - everything it depends on, as a hash - is the same.

    Parameters
    ----------
    folder : str
        The run's folder.

    Examples
    --------
    >>> manifest = Manifest("runs/flights")                 # doctest: +SKIP
    >>> with manifest.stage("split", key) as report:      # doctest: +SKIP
    ...     report["rows"] = 336_776
    """

    def __init__(self, folder: str) -> None:
        self.path = storage.join(folder, "manifest.json")
        known = self._read()
        same = known.get("format") == FORMAT
        self.stages: dict[str, dict[str, Any]] = known.get("stages", {}) if same else {}
        self.started: str = known.get("started", now())
        self.config: dict[str, Any] = known.get("config", {})

    def _read(self) -> dict[str, Any]:
        if not storage.exists(self.path):
            return {}
        try:
            found = storage.read_json(self.path)
        except ValueError as error:
            found = error
        if not isinstance(found, dict):
            raise PackageError(
                f"{storage.plain(self.path)!r} is damaged: what the run has done so far is not known from it",
                "Delete the file, and the stages are done again, or name another folder.",
            )
        return found

    def current(self, stage: str, key: str) -> bool:
        """Return whether ``stage`` is done under this cache key."""
        entry = self.stages.get(stage, {})
        return entry.get("status") == "done" and entry.get("cache_key") == key

    def cache_key(self, stage: str) -> str:
        """Return the cache key under which ``stage`` was done."""
        found: str = self.stages[stage]["cache_key"]
        return found

    def left(self, stage: str) -> dict[str, Any] | None:
        """Return what ``stage`` left in its folder, as it was then."""
        found: dict[str, Any] | None = self.stages[stage].get("left")
        return found

    def keep(self, stage: str, inventory: dict[str, Any], engine: str | None = None) -> None:
        """Record what ``stage`` left in its folder, and on which engine it was done."""
        self.stages[stage]["left"] = inventory
        if engine is not None:
            self.stages[stage]["engine"] = engine

    @property
    def engine(self) -> str | None:
        """The engine that did the first stage; None before that, or where an earlier version did it."""
        return next((about.get("engine") for about in self.stages.values() if about["status"] == "done"), None)

    def report(self, stage: str) -> dict[str, Any]:
        """Return what ``stage`` reported when it was done."""
        found: dict[str, Any] = self.stages[stage]["report"]
        return found

    @contextmanager
    def stage(self, name: str, key: str) -> Iterator[dict[str, Any]]:
        """Record the body of the ``with`` statement as stage ``name``; it fills the report it is given."""
        report: dict[str, Any] = {}
        entry: dict[str, Any] = {"status": "running", "cache_key": key, "started": now(), "report": report}
        self.stages[name] = entry
        self.write()
        start = time.perf_counter()
        try:
            yield report
        except BaseException as error:
            entry.update(status="failed", error=f"{type(error).__name__}: {error}"[:500])
            raise
        else:
            entry["status"] = "done"
        finally:
            entry["seconds"] = round(time.perf_counter() - start, 3)
            self.write()

    def write(self) -> None:
        """Write the manifest."""
        value = {
            "sparring": __version__,
            "format": FORMAT,
            "started": self.started,
            "config": self.config,
            "stages": self.stages,
        }
        storage.write_json(self.path, value)


def require_run(folder: str, finished: bool = True) -> None:
    """Raise unless ``folder`` is that of a run, and of one that came to its end.

    Parameters
    ----------
    folder : str
    finished : bool, default True
        Whether the run must have written its report.

    Raises
    ------
    PackageError
        Saying whether nothing is there, it is no run's folder, or the run has not ended.
    """
    name = storage.plain(folder)
    if not storage.exists(folder):
        raise PackageError(f"There is no folder {name!r}", "Name the folder of a run, such as runs/flights.")
    if not storage.exists(storage.join(folder, "manifest.json")):
        raise PackageError(f"{name!r} is no run: it has no manifest.json", "Give a folder that sparring run wrote.")
    if finished and not storage.exists(storage.join(folder, "report.json")):
        raise PackageError(
            f"The run in {name!r} has not come to its end: it has no report.json",
            "Type its command again: sparring run CONFIG --output FOLDER goes on where it stopped.",
        )


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def cache_key(*parts: Any) -> str:
    """Return a hash of plain values: all that a stage depends on.

    Examples
    --------
    >>> cache_key({"a": 1}) == cache_key({"a": 1}) != cache_key({"a": 2})
    True
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
