"""A Spark job for ``cluster_kill.py``: a run up to and with one stage, ``CONFIG FOLDER STAGE``."""

from __future__ import annotations

import sys
from typing import Any

from sparring.config import load_config
from sparring.run.exit_codes import ExitCode
from sparring.run.failure import told_failures
from sparring.run.interrupt import answered
from sparring.run.pipeline import Finished, Run


class Training(Run):
    """A run that ends with its contenders, and writes no page."""

    def _train_and_compare(self, run: Any) -> Finished:
        for stage in self._contenders(run):
            stage.do(run)
        return Finished("", {"results": []})


def main(config: str, folder: str, last: str) -> int:
    """Run the stages; return the exit code."""
    with answered(), told_failures():
        loaded = load_config(config, ["resources.shared_disk=true"])
        run = Training(loaded, folder) if last.startswith("train") else Run(loaded, folder, until=last)
        run.execute()
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
