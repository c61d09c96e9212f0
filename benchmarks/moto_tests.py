"""moto's own SageMaker tests of the operations that the local SageMaker has, each against a fresh server.

::

    git clone https://github.com/getmoto/moto && git -C moto checkout 5.2.3
    uv run python benchmarks/moto_tests.py --checkout moto

Nothing of the checkout is copied here.  Each test runs twice: as it is, and with requests completed by what AWS
requires and moto does not (``moto_plugin.complete``).  A failure that no rule below explains fails the script.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pages import ROOT, save, table

FILES = ("endpoint", "integration", "models", "training", "transform")
# What a failure says, and the rule of AWS that the test breaks, or what of moto's own it relies on.
RULES = {
    r"Could not assume role|executionRoleArn|roleArn": "a role must exist and trust SageMaker",
    r"exactly one of PrimaryContainer and Containers": "a model needs a container",
    r"'transformInput\.dataSource\.s3DataSource\.s3Uri' failed": "the model asks for addresses in S3",
    r"InitialVariantWeight|'Initial": "moto shows a configuration as given; here the default weight is shown beside it",
    r"refuses AsyncInferenceConfig\.OutputConfig\.NotificationConfig": "ours: no SNS topics, refused by name",
    r"'InvalidInstanceType' at 'productionVariants": "the fault's place is told in full, with today's instance types",
    r"MemorySizeInMB must be one of": "refused, in other words than moto's",
    r"'Creating' == 'InService'|Cannot updat": "an endpoint is Creating until its container answers",
    r"Could not find resource arn:aws:sagemaker:[^:]*:\d{12}:\S*/[a-zA-Z]": "an ARN must be the one that was answered",
    r"AddTags operation: 1 validation error.*50|'Key': '": "a resource has 50 tags at most",
    r"Could not fi[\s\S]*ndpointname|arn:aws:sage": "ARNs bear names in lower case here",
    r"at 'sortBy' failed": "the model's SortBy is `Name`, not `name`",
    r"\+ MyEndpoint(Config)?2|'xgboost-4' == 'xgboost-0'": "the documented default order is Descending",
    r"^AssertionError: assert 0 == 1\n": "ours: the tagging API (not SageMaker's) does not see these resources",
    r"cancer-prediction//'": "slashes at the end of an S3OutputPath count once here",
    r"1 validation[\s\S]*'statusEquals'": "today's values, and the fault worded otherwise",
    r"^AssertionError: assert (1 == 0|None is not None)": "moto pages before it filters; here a page is what was asked for",
    r"Requested resource not found|Could not find requested job": "AWS's texts, as clients report them; moto has one of its own",
}
Result = dict[str, Any]


def run(checkout: Path, completed: bool) -> list[Result]:
    """Return a result a test."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        environment = {
            **os.environ,
            "MOTO_RESULTS": str(results),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT / "benchmarks")]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **({"MOTO_COMPLETED": "1"} if completed else {}),
        }
        files = [f"tests/test_sagemaker/test_sagemaker_{name}.py" for name in FILES]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "moto_plugin", "-p", "no:cacheprovider", *files]
        subprocess.run([*command, "-c", os.devnull, "--rootdir", "."], cwd=checkout, env=environment, check=False)
        return [json.loads(line) for line in results.read_text().splitlines()]


def why(result: Result) -> str:
    """Return why a test failed: the rule that explains it, or an empty string."""
    return next((reason for pattern, reason in RULES.items() if re.search(pattern, result["said"])), "")


def explained(result: Result) -> str:
    """Return a cell of the page."""
    if result["passed"]:
        return "passed"
    return why(result) or f"**not explained**: {result['said'].splitlines()[0][:200]}"


def page(results: dict[str, list[Result]], version: str) -> str:
    """Return the results as Markdown."""
    plain, completed = results["as they are"], {r["test"]: r for r in results["completed"]}
    rows = [[f"`{r['test']}`", explained(r), explained(completed[r["test"]])] for r in plain]
    passed = {name: sum(r["passed"] for r in found) for name, found in results.items()}
    return f"""# moto's SageMaker tests against the local SageMaker

Made by `benchmarks/moto_tests.py` from a checkout of moto {version}: the files
{", ".join(f"`test_sagemaker_{name}.py`" for name in FILES)}, each test against a fresh server.

moto answers what AWS's model refuses, and its tests ask for that: so each test runs twice. *As it is*:
{passed["as they are"]} of {len(plain)} passed. *Completed*, with a role that exists, a container in each model,
addresses in S3, names as the model allows them, and ARNs compared without their case: {passed["completed"]} of {len(plain)}. A cell
says "passed", or the first thing in which the test differs from AWS's model and documents; "ours" marks what the local
SageMaker lacks. No test ran on an account of AWS.

{table(["test", "as it is", "completed"], rows)}
"""


def main() -> int:
    """Run the tests twice and write the page; return 1 if a failure is not explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--version", default="5.2.3", help="of the checkout, for the page")
    options = parser.parse_args()
    results = {"as they are": run(options.checkout, False), "completed": run(options.checkout, True)}
    save("moto_tests", results, page(results, options.version))
    return int(any(not r["passed"] and not why(r) for found in results.values() for r in found))


if __name__ == "__main__":
    sys.exit(main())
