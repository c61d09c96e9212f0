"""A Spark job for ``cluster_kill.py``: a run up to and with one stage, ``CONFIG FOLDER STAGE``."""

from __future__ import annotations

import sys
from typing import Any

from sparring.config import load_config
from sparring.run.exit_codes import ExitCode
from sparring.run.failure import told_failures
from sparring.run.interrupt import answered
from sparring.run.pipeline import DATA_STAGES, Finished, Run
from sparring.run.stages import Train


class Until(Run):
    """A run that ends with a stage, and writes no page."""

    def __init__(self, config: Any, folder: str, last: str) -> None:
        super().__init__(config, folder)
        self.last = last

    def _stages(self, run: Any) -> Finished:
        for stage in (*DATA_STAGES, *map(Train, run.config.contenders)):
            if stage.is_wanted(run):
                stage.do(run)
            if stage.name == self.last:
                break
        return Finished("", {"results": []})


def main(config: str, folder: str, last: str) -> int:
    """Run the stages; return the exit code."""
    with answered(), told_failures():
        Until(load_config(config, ["resources.shared_disk=true"]), folder, last).execute()
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
