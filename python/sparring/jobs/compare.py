"""The comparison as a Spark job.

``spark-submit --py-files sparring.zip python/sparring/jobs/compare.py CONFIG [--output DIR] [--set key=value ...]``
"""

from __future__ import annotations

import argparse
import sys

from sparring.errors import SparringError


def main(argv: list[str]) -> int:
    """Run the comparison that the arguments describe; return the exit code."""
    parser = argparse.ArgumentParser(prog="compare.py", description="Run a Sparring comparison as a Spark job.")
    parser.add_argument("config", help="configuration file; 'demo' for the built-in one")
    parser.add_argument("--output", help="folder of the run; default runs/NAME")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE")
    options = parser.parse_args(argv)
    try:
        finished = _run(options.config, options.sets, options.output)
    except SparringError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"page: {finished.removeprefix('file:')}")
    return 0


def _run(config_path: str, sets: list[str], output: str | None) -> str:
    from sparring.config import load_config
    from sparring.pipeline import Run

    config = load_config(config_path, sets)
    return Run(config, output or f"runs/{config.name}").execute().page


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
