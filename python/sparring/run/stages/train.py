"""A contender, trained and measured apart from the others."""

from __future__ import annotations

from typing import Any

from sparring.comparison.isolated_run import choose_isolation, run_contender
from sparring.config.schema import ContenderConfig
from sparring.io import storage
from sparring.run.context import RunContext
from sparring.run.row_flow import check_predictions
from sparring.run.stage import Stage
from sparring.spark.session import available_cores
from sparring.training.registry import trainer_class
from sparring.training.spec import TrainingSpec


class Train(Stage):
    """Train a contender on the prepared matrix.  A failure is a result: the stage ends, and its report says so.

    Parameters
    ----------
    contender : ContenderConfig
    place : str, default ""
        For the terminal: which of the contenders it is.
    """

    matrix = "prepare"
    # Its folder may have gone with that of a matrix which was made anew in the meantime.
    leaves = ("predictions", "model", "result.json")
    of_data = False

    def __init__(self, contender: ContenderConfig, place: str = "") -> None:
        self.contender = contender
        self.name = f"train {contender.name}"
        self.title = contender.name
        self.what = f"{contender.family} on {contender.engine}{place}"
        self.reads = (self.matrix,)

    def folder(self, run: RunContext) -> str:
        """Return the contender's folder."""
        return run.path("train", self.contender.name)

    def spec(self, run: RunContext) -> TrainingSpec:
        """Return what the contender is asked to do."""
        matrix, folder = run.path(self.matrix), self.folder(run)
        cores = run.cores(self.contender.engine)
        return TrainingSpec.of(self.contender, run.config, matrix, folder, run.task.name, run.target.to_dict(), cores)

    def settings(self, run: RunContext) -> list[Any]:
        """Return trainer and its version, hyperparameters, resources and the conditions of its measurement."""
        config, one = run.config, self.contender
        sagemaker = config.sagemaker.model_dump() if one.engine == "sagemaker" else None
        made_by = trainer_class(one.engine, one.library, one.family).version
        which = [one.engine, one.library or "", one.family, made_by, run.task.name]
        which += [dict(one.hyperparameters), config.seed]
        # On a cluster the cores are what its settings make of them: executors come and go.
        cores = config.resources.cores or (available_cores() if run.cluster.is_local else None)
        return [*which, cores, config.resources.memory, sagemaker, isolation_of(run), run.conditions()]

    def is_current(self, run: RunContext) -> bool:
        """Return whether an earlier run has trained it, and it did not fail."""
        return super().is_current(run) and run.report(self.name)["status"] == "ok"

    def do(self, run: RunContext) -> None:
        """Train the contender unless it is current."""
        if self.is_current(run):
            run.progress.reused(self.title)
            return
        with (
            run.progress.stage(self.title, self.what) as shown,
            run.manifest.stage(self.name, self.cache_key(run)) as report,
        ):
            summary = self.work(run, report)
            (shown.say if report["status"] == "ok" else shown.fail)(summary)
            run.manifest.keep(self.name, self.inventory(run))

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Run the contender, and check that it scored every row."""
        spec = self.spec(run)
        isolation = isolation_of(run)
        if isolation == "process":
            # A contender in a process of its own needs no session of ours beside it.
            run.release_spark()
        result = run_contender(spec, isolation, run.conditions())
        if result["status"] == "ok":
            check_predictions(spec.name, spec.matrix, spec.predictions)
        report["status"] = result["status"]
        if result["status"] != "ok":
            return f"failed: {result['error']['message']}"
        return f"fit {result['phases'].get('fit', 0.0):.1f} s"

    def result(self, run: RunContext) -> dict[str, Any]:
        """Return the contender's ``result.json``."""
        found: dict[str, Any] = storage.read_json(storage.join(self.folder(run), "result.json"))
        return found


class TrainNaive(Train):
    """Train the leak check's contender once more, on the naive split."""

    matrix = "naive"

    def __init__(self, contender: ContenderConfig) -> None:
        super().__init__(contender)
        self.title = f"naive {contender.name}"
        self.name = f"train {self.title}"

    def is_wanted(self, run: RunContext) -> bool:
        """Return whether inflation is to be measured."""
        return run.config.leakage.enabled

    def folder(self, run: RunContext) -> str:
        """Return a folder below the naive matrix."""
        return run.path("naive", "train")


def isolation_of(run: RunContext) -> str:
    """Return how contenders are kept apart: the same whether this run has used Spark so far or kept all that was."""
    return choose_isolation(run.config.resources.isolation, run.cluster.master)
