"""What the check of a container finds: every bad container of the catalogue with all checks, every good one too.

::

    python benchmarks/container_check.py [--only FAULT ...]

The containers are the tests' own (``tests/unit/container``); here each goes through all phases of its half, and the
good ones through all phases with the contract's own limits.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pages import ROOT, save, table

from sparring.container.check import ContainerCheck, Limits, Report, check_container

sys.path.insert(0, str(ROOT / "tests" / "unit" / "container"))

from contract_programs import FAULTS
from good_containers import GOOD, stdlib

# The bad programs are as late as these limits need, so that the whole catalogue takes minutes.
BAD = Limits(
    ping=0.5, invoke=2.5, start=4, train=4, stop_training=0.5, stop_serving=1.5,
    body=2**20, idle=1.0, load=1.0, requests=24,
)  # fmt: skip
SECRET = "SPARRING_TEST_SECRET"
HANGING, BOUND = "never-answers", 5.0


def checked(check: ContainerCheck) -> tuple[Report, float]:
    """Return what was found, and in how many seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.monotonic()
    return check_container(replace(check, port=port)), time.monotonic() - start


def bad(fault: str) -> dict[str, Any]:
    """Check a container of the catalogue, with all phases of the half that is wrong."""
    phase, rule, wrong = FAULTS[fault]
    with tempfile.TemporaryDirectory() as folder:
        whole = replace(stdlib(Path(folder), fault), limits=BAD)
        report, seconds = checked(replace(whole, serve=[]) if phase == "training" else replace(whole, train=[]))
    found = {one.rule: one.found for one in report.failed}
    return {
        "container": fault,
        "wrong": wrong,
        "phase": phase,
        "rule": rule,
        "found": found,
        "by_its_rule": rule in found,
        "seconds": round(seconds, 1),
    }


def good(name: str) -> dict[str, Any]:
    """Check a good container, with all phases and the contract's own limits."""
    with tempfile.TemporaryDirectory() as folder:
        report, seconds = checked(replace(GOOD[name](Path(folder)), limits=Limits()))
    return {
        "container": name,
        "held": len(report.of("pass")),
        "broken": {one.rule: one.found for one in report.failed},
        "not_tested": {one.rule: one.found for one in report.of("skip")},
        "seconds": round(seconds, 1),
    }


def bounded() -> dict[str, Any]:
    """Check a program that answers nothing, with the contract's own limits and a short time for everything."""
    with tempfile.TemporaryDirectory() as folder:
        report, seconds = checked(replace(stdlib(Path(folder), HANGING), train=[], time_limit=BOUND))
    return {"seconds": round(seconds, 2), "passed": len(report.of("pass")), "not_run": len(report.not_run)}


def page(results: dict[str, Any]) -> str:
    """Return the page."""
    found = [one for one in results["bad"] if one["by_its_rule"]]
    clean = [one for one in results["good"] if not one["broken"]]
    rows = [
        [f"`{one['container']}`", one["wrong"], f"`{one['rule']}`" if one["by_its_rule"] else "**not found**",
         ", ".join(f"`{rule}`" for rule in one["found"] if rule != one["rule"]) or "-", f"{one['seconds']:.1f}"]
        for one in results["bad"]
    ]  # fmt: skip
    goods = [
        [one["container"], str(one["held"]), ", ".join(f"`{rule}`" for rule in one["broken"]) or "none",
         ", ".join(f"`{rule}`" for rule in one["not_tested"]) or "none", f"{one['seconds']:.1f}"]
        for one in results["good"]
    ]  # fmt: skip
    bound = results["bounded"]
    return f"""# The check of a container against bad and good containers

Written by `benchmarks/container_check.py`; the containers are in `tests/unit/container` (`contract_programs.py`,
`good_containers.py`). {results["machine"]}.

**{len(found)} of {len(results["bad"])}** bad containers were found by the rule made for them;
**{len(clean)} of {len(results["good"])}** good ones passed without a finding.

## Bad containers

Each is one correct program with one fault, and went through all checks of its half (training, or serving), with
shorter limits than the contract's so that a program that is late need not be late for minutes
({results["limits"]}). Rules that the same fault breaks besides are listed too.

{table(["container", "what is wrong", "found by", "also broken", "seconds"], rows)}

## Good containers

All phases, training and serving, with the contract's own limits, a body of 6 MiB and a pause of ten seconds.

{table(["container", "rules held", "broken", "not tested", "seconds"], goods)}

## The check's own time

A program that accepts connections and answers nothing (`{HANGING}`), with the contract's limits (four minutes for a
first ping) and `--time-limit {BOUND:g}`: ended after {bound["seconds"]:.2f} s, {bound["passed"]} rules passed,
{bound["not_run"]} are named as not run.

A leak is told from {BAD.leak:,} bytes a request in every round (bodies of 32 KiB are sent); slower ones are not seen.
Faults that need hours, many machines or a GPU are not in the catalogue.
"""


def main() -> None:
    """Check every container and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="Check these bad containers, and write no page.")
    only = parser.parse_args().only
    os.environ[SECRET] = "only in this shell"
    if only:
        for fault in only:
            print(bad(fault))
        return
    results = {
        "machine": f"{platform.system()}, Python {platform.python_version()}, {os.cpu_count()} cores",
        "limits": ", ".join(f"{name} {value:,}" for name, value in asdict(BAD).items()),
        "bounded": bounded(),
        "good": [good(name) for name in GOOD],
        "bad": [bad(fault) for fault in FAULTS],
    }
    save("container_check", results, page(results))


if __name__ == "__main__":
    main()
