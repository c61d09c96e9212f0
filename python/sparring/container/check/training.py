"""Phase training: the program run well, without readable hyperparameters, without data, and stopped."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sparring.container.check.clock import Clock
from sparring.container.check.program import Program, exit_text, image_environment
from sparring.container.check.rules import (
    LOGS,
    TRAINING_END,
    TRAINING_IMAGE,
    TRAINING_INPUT,
    TRAINING_OUTPUT,
    Check,
    Verdict,
    rule,
)
from sparring.container.check.subject import ContainerCheck
from sparring.container.training import FAILURE_CHARACTERS
from sparring.container.tree import Tree, lay_out

PID_ONE = (
    "install a handler (signal.signal(signal.SIGTERM, ...)), exec the program from shell scripts, or use an init: as "
    "a container's first process (PID 1) it would not receive the signal at all"
)
# A helper process of the language's own may need a moment after the program's end.
LINGER_SECONDS = 1.0
# A small training is over soon after its handler is there.
HANDLER_POLL_SECONDS = 0.001
NOT_TRAINED = Verdict(None, "training itself did not work")


@dataclass(frozen=True)
class Run:
    """How a run of the training program ended."""

    tree: Tree
    code: int | None
    seconds: float
    said: str
    left: list[str]

    @property
    def failure(self) -> str:
        """Text of ``output/failure``: no more than tells its length apart from a permitted one."""
        if not self.tree.failure.is_file():
            return ""
        with self.tree.failure.open("rb") as file:
            return file.read(8 * FAILURE_CHARACTERS).decode("utf-8", errors="replace")

    @property
    def model(self) -> list[int]:
        """Sizes of the model's files."""
        return [path.stat().st_size for path in self.tree.model.rglob("*") if path.is_file()]

    @property
    def worked(self) -> bool:
        """Whether SageMaker would call it Completed."""
        return self.code == 0

    def __str__(self) -> str:
        return f"{exit_text(self.code)} after {self.seconds:.1f} s"


class Trainings:
    """The runs of a training program, each made when a rule asks for it first.

    Parameters
    ----------
    check : ContainerCheck
    folder : Path
        For the trees; empty.
    clock : Clock
    """

    def __init__(self, check: ContainerCheck, folder: Path, clock: Clock) -> None:
        self.check, self.folder, self.clock, self.limits = check, folder, clock, check.limits
        self.before: dict[str, str] = {}

    @cached_property
    def good(self) -> Run:
        """The run with everything in its place."""
        tree = self.tree("train")
        self.before = contents(tree.base / "input")
        return self._run(tree)

    @cached_property
    def without_hyperparameters(self) -> Run:
        """The run whose ``hyperparameters.json`` is no JSON."""
        tree = self.tree("unreadable")
        (tree.config / "hyperparameters.json").write_text("{ this is no JSON")
        return self._run(tree)

    @cached_property
    def without_data(self) -> Run:
        """The run whose channels are not there."""
        tree = self.tree("no-data")
        for channel in self.check.channels:
            shutil.rmtree(tree.data / channel)
        return self._run(tree)

    @cached_property
    def in_your_shell(self) -> Run:
        """The run that sees all variables of this process."""
        return self._run(self.tree("shell"), os.environ)

    @property
    def broken(self) -> Run | None:
        """A run that could not work and did not; None if it always works."""
        runs = [self.without_data] if self.check.channels else []
        for run in [*runs, self.without_hyperparameters]:
            if run.failure or not (run.worked and run.model):
                return run
        return None

    def tree(self, name: str) -> Tree:
        """Lay out a tree with the hyperparameters and the data."""
        entries = {channel: {"ContentType": self.check.channel_type} for channel in self.check.channels}
        tree = lay_out(self.folder / name, self.check.hyperparameters, entries)
        for channel, source in self.check.channels.items():
            if source.is_dir():
                shutil.copytree(source, tree.data / channel, dirs_exist_ok=True)
            else:
                shutil.copy(source, tree.data / channel)
        return tree

    def program(self, tree: Tree, variables: Mapping[str, str] | None = None) -> Program:
        """Start the program in ``tree``, with the image's variables or others."""
        given = image_environment() if variables is None else dict(variables)
        job = {"TRAINING_JOB_NAME": "container-check", "TRAINING_JOB_ARN": "arn:aws:sagemaker:container-check"}
        return Program(self.check.train, tree.base, {**given, **job, **self.check.environment}, self.check.isolate)

    def _run(self, tree: Tree, variables: Mapping[str, str] | None = None) -> Run:
        with self.program(tree, variables) as program:
            code = program.wait(self.clock.bounded(self.limits.train))
            seconds = program.seconds
            left = [] if code is None else program.left_behind(self.clock.bounded(LINGER_SECONDS))
            return Run(tree, code, seconds, program.last_words(), left)


@rule(
    "train.exit",
    TRAINING_END,
    "exit with 0 after a training that worked, and write output/failure only after one that did not",
)
def ends_well(trainings: Trainings) -> Verdict:
    """A training that works exits with 0 and writes no output/failure."""
    run = trainings.good
    if not run.worked:
        return Verdict(False, f"{run}; it said: {run.said}")
    return Verdict(not run.failure, f"{run}" + (", yet wrote output/failure" if run.failure else ""))


@rule(
    "train.environment",
    TRAINING_INPUT,
    "take it from a hyperparameter, or set it in the image or the job's Environment (here: --env NAME=VALUE): no "
    "other variable exists there",
)
def needs_no_shell(trainings: Trainings) -> Verdict:
    """Training needs no variable of your shell."""
    if trainings.good.worked:
        return Verdict(True, "it worked with the image's variables alone")
    if not trainings.in_your_shell.worked:
        return NOT_TRAINED
    return Verdict(False, f"it works with your shell's variables only; without: {trainings.good.said}")


@rule(
    "train.model",
    TRAINING_OUTPUT,
    "write the model below /opt/ml/model, and close its files: only that is kept",
)
def writes_a_model(trainings: Trainings) -> Verdict:
    """A model is written to /opt/ml/model, and it is not empty."""
    sizes = trainings.good.model
    return Verdict(sum(sizes) > 0, f"{len(sizes)} files of {sum(sizes):,} bytes in model/")


@rule(
    "train.log",
    LOGS,
    "print progress and metrics to standard output (flushed: python -u): the log and the metric definitions see "
    "nothing else",
)
def prints(trainings: Trainings) -> Verdict:
    """Training prints what it does."""
    return Verdict(trainings.good.said != "it printed nothing", f"last line: {trainings.good.said}")


@rule(
    "train.tree",
    TRAINING_INPUT,
    "leave /opt/ml/input alone: it may be read-only, and FastFile mode has no local copy; write to /tmp",
)
def leaves_input_alone(trainings: Trainings) -> Verdict:
    """Input/ is as it was."""
    before, after = trainings.before, contents(trainings.good.tree.base / "input")
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return Verdict(not changed, f"input/ changed: {', '.join(changed[:5])}" if changed else "input/ is as it was")


@rule(
    "train.processes",
    TRAINING_IMAGE,
    "wait for child processes before the end: with the container's first process all others are killed, in the "
    "middle of what they write",
)
def leaves_no_process(trainings: Trainings) -> Verdict:
    """No process outlives the program."""
    left = trainings.good.left
    return Verdict(not left, f"{len(left)} left behind: {'; '.join(left[:3])}" if left else "none left behind")


@rule(
    "train.hyperparameters",
    TRAINING_INPUT,
    "read /opt/ml/input/config/hyperparameters.json (all values are text), and fail if that does not work",
)
def reads_hyperparameters(trainings: Trainings) -> Verdict:
    """Hyperparameters are read."""
    if not trainings.good.worked:
        return NOT_TRAINED
    if not trainings.check.hyperparameters:
        return Verdict(None, "none were given: --hyperparameter NAME=VALUE")
    run = trainings.without_hyperparameters
    ignored = run.worked and bool(run.model) and not run.failure
    return Verdict(not ignored, f"with a hyperparameters.json that is no JSON: {run}, {len(run.model)} model files")


@rule(
    "train.data",
    TRAINING_END,
    "read the channels below /opt/ml/input/data, and fail if there is nothing to read",
)
def reads_data(trainings: Trainings) -> Verdict:
    """A training without its data fails."""
    if not trainings.good.worked:
        return NOT_TRAINED
    if not trainings.check.channels:
        return Verdict(None, "no channel was given: --channel NAME=PATH")
    run = trainings.without_data
    ignored = run.worked and bool(run.model) and not run.failure
    return Verdict(not ignored, f"without data in its channels: {run}, {len(run.model)} model files")


@rule(
    "train.failure",
    TRAINING_END,
    "catch the error, write its message to /opt/ml/output/failure and exit with a code other than 0",
)
def tells_failure(trainings: Trainings) -> Verdict:
    """A training that fails exits with another code than 0 and says why in output/failure."""
    if not trainings.good.worked:
        return NOT_TRAINED
    run = trainings.broken
    if run is None:
        return Verdict(None, "it trains without hyperparameters and data: no failure could be provoked")
    text = run.failure.strip()
    held = run.code not in (0, None) and bool(text)
    return Verdict(held, f"made to fail it {exit_text(run.code)}; output/failure: {text[:80] or 'none'}")


@rule(
    "train.failure_length",
    TRAINING_END,
    f"write the error's own message first, in no more than {FAILURE_CHARACTERS:,} characters: no more is shown",
)
def tells_failure_shortly(trainings: Trainings) -> Verdict:
    """The file output/failure is no longer than the 1,024 characters that are shown."""
    run = trainings.broken if trainings.good.worked else None
    if run is None or not run.failure:
        return Verdict(None, "no failure was written")
    lost = run.failure[FAILURE_CHARACTERS:].strip()
    shown = f"{len(run.failure):,} characters" + (f"; not shown: ...{lost[-80:]}" if lost else "")
    return Verdict(not lost, shown)


@rule("train.sigterm", TRAINING_IMAGE, PID_ONE)
def stops(trainings: Trainings) -> Verdict:
    """SIGTERM ends the training in time."""
    # Send SIGTERM once a handler for it is there; a program that ends without one never had any.
    if not trainings.good.worked:
        return NOT_TRAINED
    limits, clock = trainings.limits, trainings.clock
    with trainings.program(trainings.tree("stopped")) as program:
        patience = clock.bounded(limits.train)
        while not (caught := program.catches_sigterm) and program.running and program.seconds < patience:
            program.wait(HANDLER_POLL_SECONDS)
        if not caught:
            return Verdict(False, "while it ran it had no handler for SIGTERM")
        program.ask_to_end()
        asked = program.seconds
        code = program.wait(clock.bounded(limits.stop_training))
        took = program.seconds - asked
    return Verdict(code is not None, f"{exit_text(code)} {took:.1f} s after SIGTERM")


CHECKS: tuple[Check[Trainings], ...] = (
    ends_well,
    needs_no_shell,
    writes_a_model,
    prints,
    leaves_input_alone,
    leaves_no_process,
    reads_hyperparameters,
    reads_data,
    tells_failure,
    tells_failure_shortly,
    stops,
)


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below ``folder`` by its path there."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
