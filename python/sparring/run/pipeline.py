"""The run: stages in order, each a folder and an entry in the manifest, so that it can be resumed and audited.

::

    ingest -> deduplicate -> split -> audit -> prepare -> naive -> train x contenders -> evaluate -> compare -> report
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sparring.config.only import require_contenders, with_contenders
from sparring.config.schema import RunConfig
from sparring.errors import ConfigError, did_you_mean
from sparring.io import storage
from sparring.io.log import belongs_to
from sparring.run.context import RunContext
from sparring.run.dry_run import dry_run
from sparring.run.lock import locked
from sparring.run.preflight import check_before_work, check_task
from sparring.run.progress import Progress
from sparring.run.stage import Stage
from sparring.run.stages import Audit, Deduplicate, Ingest, NaiveSplit, Prepare, Split, Train, TrainNaive

# The data half: what it writes does not depend on the contenders.
DATA_STAGES: tuple[Stage, ...] = (Ingest(), Deduplicate(), Split(), Audit(), Prepare(), NaiveSplit())


@dataclass(frozen=True)
class Finished:
    """What a finished run leaves.

    Attributes
    ----------
    page : str
        Path of ``report.html``; empty where the run was to end before it.
    facts : dict
        Every figure of the page, as in ``report.json``; of a run that was to end before it, ``stage`` and its
        ``report``.
    """

    page: str
    facts: dict[str, Any]

    @property
    def failed(self) -> list[str]:
        """Names of the contenders that failed."""
        return [result["name"] for result in self.facts["results"] if result["status"] != "ok"]

    def document(self) -> dict[str, Any]:
        """Return the content of ``report.json`` with the page's path, or what the last stage reported."""
        if not self.page:
            return {"stage": self.facts["stage"], "report": self.facts["report"]}
        report: dict[str, Any] = storage.read_json(self.page.removesuffix("html") + "json")
        return {"page": storage.plain(self.page), **report}


class Run:
    """One configured run in one folder.

    Parameters
    ----------
    config : RunConfig
    folder : str
        The run's folder; stages done there that are still current are kept.
    progress : Progress, optional
    only : sequence of str, optional
        Names of contenders: no other one is trained, and those that an earlier run has trained on the same rows are
        kept.  The verdict is among these.
    until : str, optional
        The stage of the data half that is the last: nothing is trained, and there is no page.

    Examples
    --------
    >>> Run(load_config("conf/demo.yaml"), "runs/flights").execute().page      # doctest: +SKIP
    'runs/flights/report.html'
    """

    # The data half, in order; a subclass may add to it.
    stages: ClassVar[tuple[Stage, ...]] = DATA_STAGES

    def __init__(
        self,
        config: RunConfig,
        folder: str,
        progress: Progress | None = None,
        only: Sequence[str] = (),
        until: str | None = None,
    ) -> None:
        require_contenders(config, only)
        self.config, self.until = config, until
        self._require_stage()
        self.only = list(only) or [contender.name for contender in config.contenders]
        self.context = RunContext(config, folder, progress)

    def execute(self) -> Finished:
        """Run every stage that is not current and write the report.

        Raises
        ------
        SparringError
            From the stage that cannot go on; nothing half-written is left, finished stages are kept.
        """
        run = self.context
        self._check()
        existed = storage.exists(run.folder)
        belongs_to(run.folder)
        with locked(run.folder):
            try:
                with run.checkpoints():
                    self._data_stages(run)
                    return self._last_data_stage(run) if self.until else self._train_and_compare(run)
            except BaseException:
                if not existed and not any(s["status"] == "done" for s in run.manifest.stages.values()):
                    storage.delete(run.folder)
                raise
            finally:
                run.release_spark()

    def plan(self) -> list[tuple[str, str]]:
        """Check configuration and table, write nothing, and return each step and what it would do.

        Raises
        ------
        SparringError
            As :meth:`execute` would, for everything that can be known before training.
        """
        self._check()
        try:
            return dry_run(self.context, with_contenders(self.config, self.only))
        finally:
            self.context.release_spark()

    def _check(self) -> None:
        check_before_work(with_contenders(self.config, self.only), self.context.folder)
        self.context.check_shared()

    def _require_stage(self) -> None:
        names = [stage.name for stage in self.stages if stage.is_wanted(RunContext(self.config, "."))]
        if self.until is not None and self.until not in names:
            raise ConfigError(
                f"--until {self.until!r} is no stage of this run's data half, which has {', '.join(names)}",
                f"Name one of them.{did_you_mean(self.until, names)}",
            )

    def _data_stages(self, run: RunContext) -> None:
        for stage in self.stages:
            if stage.is_wanted(run):
                stage.do(run)
            if stage.name == "ingest":
                # What was ingested before may be of a task that this configuration's contenders do not know.
                check_task(run.config, run.task)
            if stage.name == self.until:
                break

    def _last_data_stage(self, run: RunContext) -> Finished:
        assert self.until is not None
        return Finished("", {"results": [], "stage": self.until, "report": run.report(self.until)})

    def _train_and_compare(self, run: RunContext) -> Finished:
        contenders = self._contenders(run)
        run.config = with_contenders(self.config, [stage.contender.name for stage in contenders])
        naive = TrainNaive(run.config.leak_contender)
        for stage in (*contenders, naive):
            if stage.is_wanted(run):
                stage.do(run)
        results = [stage.result(run) for stage in contenders]
        # Here, because it takes seconds to import: nobody waits for it who wants no page.
        from sparring.run.assemble_report import assemble_report

        with run.progress.stage("report", "metrics, equivalence, checks, verdict, page") as shown:
            left_out = [c.name for c in self.config.contenders if c not in run.config.contenders]
            on_naive = naive.result(run) if naive.is_wanted(run) else None
            page, facts = assemble_report(run.config, run.folder, run.manifest, results, on_naive, left_out)
            shown.say(facts["verdict"]["choice"] or facts["verdict"]["kind"].replace("_", " "))
        return Finished(page, facts)

    def _contenders(self, run: RunContext) -> list[Train]:
        """Return the stages of those that are to be trained, and of those that were on the same rows."""
        chosen = [c for c in self.config.contenders if c.name in self.only or Train(c).is_current(run)]
        return [
            Train(contender, f", {number} of {len(chosen)} contenders")
            for number, contender in enumerate(chosen, start=1)
        ]
