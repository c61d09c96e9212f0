"""A stage of a run: what it reads and writes, when its work is still current, and how it is done or kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from sparring.io import storage
from sparring.run.context import RunContext
from sparring.run.inventory import inventory
from sparring.run.manifest import cache_key
from sparring.run.row_flow import rows_checked


class Stage(ABC):
    """One step of a run: a folder, and an entry in the manifest.

    Attributes
    ----------
    name : str
        Of the entry, and of the folder below the run's.
    what : str
        For the terminal while it works.
    version : int
        Raised whenever the stage makes something else of the same input: what an earlier Sparring made is then made
        anew, and so is all that was made of it.
    reads : tuple of str
        Stages whose output it takes.
    takes_rows_of : str or None
        The stage whose ``rows``, as reported, this one has to leave; None where rows are not handed on.
    rows_folder : str
        Where below its folder it writes them.
    leaves : tuple of str
        Files and folders below its folder that later stages read: it is done anew unless all are as it left them.
    of_data : bool
        Whether it is of the data half, which Spark and one machine do alike.
    """

    name: str
    what: str
    version: ClassVar[int] = 1
    reads: tuple[str, ...] = ()
    takes_rows_of: str | None = None
    rows_folder: str = ""
    leaves: tuple[str, ...] = ("",)
    of_data: ClassVar[bool] = True

    @abstractmethod
    def settings(self, run: RunContext) -> list[Any]:
        """Return all that its outcome depends on besides the stages that it reads, as plain values."""

    @abstractmethod
    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Do the work, fill the report, and return the outcome in words."""

    def is_wanted(self, run: RunContext) -> bool:
        """Return whether the configuration asks for it."""
        return True

    def folder(self, run: RunContext) -> str:
        """Return the folder that it writes."""
        return run.path(self.name)

    def cache_key(self, run: RunContext) -> str:
        """Return a hash of all that its outcome depends on; the stages that it reads must be done."""
        read = [run.manifest.cache_key(stage) for stage in self.reads]
        return cache_key(type(self).__name__, self.version, self.settings(run), read)

    def is_current(self, run: RunContext) -> bool:
        """Return whether an earlier run has done it, on the same input and by the same version, and all is there."""
        known = run.manifest.current(self.name, self.cache_key(run))
        return known and run.manifest.left(self.name) == self.inventory(run)

    def inventory(self, run: RunContext) -> dict[str, Any]:
        """Return which files are in its folder, see :mod:`sparring.run.inventory`."""
        return inventory(self.folder(run), self.leaves)

    def do(self, run: RunContext) -> None:
        """Do the stage unless it is current; a failed one leaves no folder behind."""
        if self.is_current(run):
            run.progress.reused(self.name)
            return
        folder = self.folder(run)
        storage.delete(folder)
        try:
            with (
                run.progress.stage(self.name, self.what) as shown,
                run.manifest.stage(self.name, self.cache_key(run)) as report,
            ):
                with rows_checked(self.name, self._expected_rows(run), storage.join(folder, self.rows_folder)):
                    shown.say(self.work(run, report))
                run.manifest.keep(self.name, self.inventory(run), run.engine.name if self.of_data else None)
        except BaseException as error:
            if not isinstance(error, Exception):
                run.end_spark()
            storage.delete(folder)
            raise

    def _expected_rows(self, run: RunContext) -> int | None:
        return None if self.takes_rows_of is None else int(run.report(self.takes_rows_of)["rows"])
