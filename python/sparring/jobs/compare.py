"""The comparison as a Spark job.

``spark-submit --py-files sparring.zip python/sparring/jobs/compare.py CONFIG [--output DIR] [--checkpoint DIR]
[--set key=value ...]``
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sparring.run.exit_codes import ExitCode
from sparring.run.failure import told_failures
from sparring.run.interrupt import answered

if TYPE_CHECKING:
    from sparring.run.pipeline import Finished


def main(argv: list[str]) -> int:
    """Run the comparison that the arguments describe; return the exit code."""
    parser = argparse.ArgumentParser(prog="compare.py", description="Run a Sparring comparison as a Spark job.")
    parser.add_argument("config", help="configuration file; 'demo' for the built-in one")
    parser.add_argument("--output", help="folder of the run; default runs/NAME")
    parser.add_argument("--checkpoint", help="folder that all nodes share, for results on the way; default: the run's")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    with answered(), told_failures():
        finished = _run(options.config, options.sets, options.output, options.checkpoint)
        print(f"page: {finished.page.removeprefix('file:')}")
        for name in finished.failed:
            print(f"failed: {name}", file=sys.stderr)
    return ExitCode.CONTENDER_FAILED if finished.failed else ExitCode.OK


def _run(config_path: str, sets: list[str], output: str | None, checkpoint: str | None) -> Finished:
    from sparring.config import load_config
    from sparring.run.pipeline import Run
    from sparring.spark.session import get_session

    config = load_config(config_path, sets)
    if checkpoint:
        get_session().sparkContext.setCheckpointDir(checkpoint)
    return Run(config, output or f"runs/{config.name}").execute()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
