"""The training program's half of the contract, tested by running it three times: well, with broken input, stopped."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sparring.container.check.program import POLL_SECONDS, Program, exit_text
from sparring.container.check.report import Report
from sparring.container.check.subject import ContainerCheck
from sparring.container.training import FAILURE_CHARACTERS
from sparring.container.tree import Tree, lay_out

PID_ONE = (
    "install a handler (signal.signal(signal.SIGTERM, ...)), exec the program from shell scripts, or use an init: as "
    "a container's first process (PID 1) it would not receive the signal at all"
)


class TrainingCheck:
    """Runs a training program and judges it.

    Parameters
    ----------
    check : ContainerCheck
    folder : Path
        For the trees; empty.
    report : Report
        Receives the findings.
    """

    def __init__(self, check: ContainerCheck, folder: Path, report: Report) -> None:
        self.check, self.folder, self.report, self.limits = check, folder, report, check.limits

    def run(self) -> Path | None:
        """Judge all rules and return the folder of the trained model, or None if there is none."""
        tree = self._tree("train")
        before = contents(tree.base / "input")
        with self._program(tree) as program:
            code = program.wait(self.limits.train)
            seconds = program.seconds
            trained = self._judge_end(program, code, tree, seconds)
        self._judge_tree(tree, before)
        if trained:
            self._judge_failure()
            self._judge_stop()
        else:
            for rule in ("train.failure", "train.sigterm"):
                self.report.skip(rule, "training itself did not work")
        return tree.model if trained and any(tree.model.iterdir()) else None

    def _tree(self, name: str) -> Tree:
        entries = {channel: {"ContentType": self.check.channel_type} for channel in self.check.channels}
        tree = lay_out(self.folder / name, self.check.hyperparameters, entries)
        for channel, source in self.check.channels.items():
            if source.is_dir():
                shutil.copytree(source, tree.data / channel, dirs_exist_ok=True)
            else:
                shutil.copy(source, tree.data / channel)
        return tree

    def _program(self, tree: Tree) -> Program:
        job = {"TRAINING_JOB_NAME": "container-check", "TRAINING_JOB_ARN": "arn:aws:sagemaker:container-check"}
        return Program(self.check.train, tree.base, job, self.check.isolate)

    def _judge_end(self, program: Program, code: int | None, tree: Tree, seconds: float) -> bool:
        ended = "still running" if code is None else exit_text(code)
        held = self.report.judge(
            "train.exit",
            code == 0 and not tree.failure.exists(),
            f"{ended} after {seconds:.1f} s" + (", yet wrote output/failure" if tree.failure.exists() else ""),
            f"exit with 0 after a training that worked, and write output/failure only after one that did not; "
            f"it said: {program.last_words()}",
        )
        files = sum(path.is_file() for path in tree.model.rglob("*"))
        self.report.judge(
            "train.model",
            files > 0,
            f"{files} files in model/",
            "write the model below /opt/ml/model: only that is kept",
        )
        return held

    def _judge_tree(self, tree: Tree, before: dict[str, str]) -> None:
        after = contents(tree.base / "input")
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        self.report.judge(
            "train.tree",
            not changed,
            f"input/ changed: {', '.join(changed[:5])}" if changed else "input/ is as it was",
            "leave /opt/ml/input alone: it may be read-only, and FastFile mode has no local copy; write to /tmp",
        )

    def _judge_failure(self) -> None:
        """Break the hyperparameters and empty the channels: who still succeeds with a model needs neither."""
        tree = self._tree("broken")
        (tree.config / "hyperparameters.json").write_text("{ this is no JSON")
        for channel in self.check.channels:
            shutil.rmtree(tree.data / channel)
        fix = "catch the error, write its message to /opt/ml/output/failure and exit with a code other than 0"
        with self._program(tree) as program:
            code = program.wait(self.limits.train)
        if code == 0 and not tree.failure.exists() and any(tree.model.iterdir()):
            self.report.skip(
                "train.failure", "it trains without hyperparameters and data: no failure could be provoked"
            )
            return
        text = tree.failure.read_bytes().decode("utf-8", errors="replace") if tree.failure.exists() else ""
        found = "still running" if code is None else exit_text(code)
        shown = (
            text.strip()[:80] if len(text) <= FAILURE_CHARACTERS else f"{text[:60]}... (cut at {FAILURE_CHARACTERS:,})"
        )
        self.report.judge(
            "train.failure",
            code not in (0, None) and bool(text.strip()),
            f"without readable hyperparameters and data it {found}; output/failure: {shown or 'none'}",
            fix,
        )

    def _judge_stop(self) -> None:
        """Send SIGTERM once a handler for it is there; a program that ends without one never had any."""
        with self._program(self._tree("stopped")) as program:
            while not (caught := program.catches_sigterm) and program.running and program.seconds < self.limits.train:
                program.wait(POLL_SECONDS)
            if not caught:
                self.report.judge("train.sigterm", False, "while it ran it had no handler for SIGTERM", PID_ONE)
                return
            program.ask_to_end()
            asked = program.seconds
            code = program.wait(self.limits.stop_training)
            took = program.seconds - asked
        found = f"still running {took:.1f} s" if code is None else f"{exit_text(code)} {took:.1f} s"
        fix = f"save what is there and end within {self.limits.stop_training:.0f} s"
        self.report.judge("train.sigterm", code is not None, f"{found} after SIGTERM", fix)


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below ``folder`` by its path there."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
