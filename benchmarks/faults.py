"""Each fault of the catalogue, through the real clients: the right ending, nothing left, no row lost or doubled?

::

    uv run python benchmarks/faults.py                   # --only s3-put to run those whose name begins so

One local SageMaker with all faults at once: each strikes only what bears its number in its name, and has a bucket of
its own.  Training rows are summed by the image, so that a row lost or doubled in the upload shows in every score.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import tempfile
import tarfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pages import ROOT, save, table
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.config.schema import SageMakerConfig
from sparring.inference.asynchronous import AsyncEndpointModel
from sparring.inference.batch_transform import BatchTransformModel
from sparring.inference.deployment import AsyncOutput, Deployment, ServedModel, Variant, registered
from sparring.inference.realtime import EndpointModel
from sparring.spark.jars import sagemaker_jars
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.estimators.sagemaker_stage import train_and_keep
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import Source, TrainingJob
from sparring.spark.session import SessionSpec, get_session, stop_session
from sparring_local_sagemaker import LocalAws

CATALOGUE = ROOT / "conf" / "faults" / "catalogue.yaml"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/summing:1"
PROGRAM = [sys.executable, "-S", "-E", str(Path(__file__).with_name("fault_image.py"))]
IMAGES = {"images": [{"uri": "*/summing:*", "train": [*PROGRAM, "train"], "serve": [*PROGRAM, "serve"]}]}
CSV, ROWS = "text/csv", 60
AT_A_TIME = 8
# Faults that are also run with the library's own client.
WITH_LIBRARY = ("s3-put-500-once", "create-job-throttled-once", "algorithm-fails-midway")
# What the error is, by where it happens.
ERRORS = {"score": "EndpointError", "async": "EndpointError"}
SCORED_ONLY = ("deploy", "score", "async", "transform")


@dataclass(frozen=True)
class Case:
    """A fault of the catalogue on the way through one client."""

    tag: str
    fault: dict[str, Any]
    during: str
    ending: str
    says: str
    client: str

    @property
    def name(self) -> str:
        """Name of the fault in the catalogue."""
        return str(self.fault["name"])

    @property
    def rule(self) -> dict[str, Any]:
        """The fault, for resources of this case only."""
        match = self.fault["match"] | {"name": f"*{self.tag}-*"}
        return self.fault | {"name": f"{self.tag}-{self.name}", "match": match}

    @property
    def trains(self) -> bool:
        """Whether the fault needs a training job."""
        return self.during in ("upload", "train") or self.name.startswith("delete-objects")

    @property
    def path(self) -> str:
        """What is run."""
        scored = {"async": "AsyncEndpointModel", "transform": "BatchTransformModel"}
        scorer = scored.get(self.during, "EndpointModel")
        return f"{self.client} job, {scorer}" if self.trains else scorer


@dataclass
class Outcome:
    """What happened."""

    fault: str
    during: str
    path: str
    expected: str
    happened: str = ""
    struck: bool = False
    left: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    rows_in: int = ROWS
    rows_out: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """In a word, or what is wrong."""
        if self.wrong:
            return "**wrong**: " + "; ".join(self.wrong)
        return "error right, rest in the registry" if self.left else "correct"


def cases(names: Callable[[str], bool] = lambda _: True) -> list[Case]:
    """Return the catalogue's cases whose name is wanted, the slowest first."""
    found = []
    for number, entry in enumerate(yaml.safe_load(CATALOGUE.read_text())["faults"]):
        fault = entry["fault"]
        clients = ["boto3", *(["sagemaker-pyspark"] if fault["name"] in WITH_LIBRARY else [])]
        for client in clients if names(fault["name"]) else []:
            tag = f"fault-{number}{'jvm' if client != 'boto3' else ''}"
            says = entry.get("says", "")
            found.append(Case(tag, fault, entry["during"], entry["ending"], says, client))
    return sorted(found, key=lambda case: -case.fault["effect"].get("seconds", 0))


class Ring:
    """A local SageMaker with the faults of all cases, and what a fault-free run answers."""

    def __init__(self, spark: SparkSession, aws: LocalAws) -> None:
        self.spark, self.aws = spark, aws
        frame = pd.DataFrame({"key": range(ROWS), "x": [n + 0.25 for n in range(ROWS)]})
        self.rows = spark.createDataFrame(frame).repartition(2, "key").cache()
        self.truth = dict(zip(frame.key, frame.x + float(frame.key.sum()), strict=True))
        self.data = self._archive(float(frame.key.sum()))

    def _archive(self, total: float) -> str:
        stream, body = io.BytesIO(), json.dumps(total).encode()
        with tarfile.open(fileobj=stream, mode="w:gz") as packed:
            entry = tarfile.TarInfo("model.json")
            entry.size = len(body)
            packed.addfile(entry, io.BytesIO(body))
        self.aws.client("s3").put_object(Bucket=self.aws.bucket, Key="model.tar.gz", Body=stream.getvalue())
        return f"s3://{self.aws.bucket}/model.tar.gz"

    def target(self, case: Case) -> AwsTarget:
        """Return an account with a bucket of the case's own; Spark's S3 client gives up early there."""
        bucket = f"{case.tag}-{self.aws.bucket}"
        self.aws.client("s3").create_bucket(Bucket=bucket)
        hadoop = self.spark.sparkContext._jsc.hadoopConfiguration()
        settings = {"attempts.maximum": "3", "retry.limit": "2", "retry.interval": "100ms", "multipart.size": "5M"}
        for name, value in settings.items():
            hadoop.set(f"fs.s3a.bucket.{bucket}.{name}", value)
        on = AwsTarget.on(self.aws)
        return AwsTarget(on.role, bucket, "", on.region, on.emulator)

    def run(self, case: Case) -> Outcome:
        """Run a case and judge its ending."""
        expected = case.ending if case.ending == "recovered" else f"{_error(case)}: {case.says}"
        outcome = Outcome(case.name, case.during, case.path, expected)
        target, begun, scored = self.target(case), time.monotonic(), None
        registry = ResourceRegistry(target)
        try:
            scored = hand_off(self, case, target, registry)
            outcome.happened = "recovered"
        except Exception as error:
            kind, said = _kind(error), str(error)
            outcome.happened = f"{kind}: {_short(said.replace(tempfile.gettempdir(), 'TMP'), case.says)}"
            outcome.wrong += _wrong_error(case, kind, said)
        if scored is not None:
            outcome.rows_out = len(scored)
            outcome.wrong += ["an error was due"] if case.ending == "failed" else []
            same = dict(zip(scored.key, scored.probability, strict=True)) == self.truth and len(scored) == ROWS
            outcome.wrong += [] if same else ["rows or scores differ"]
        outcome.seconds = round(time.monotonic() - begun, 1)
        outcome.struck = self.struck(case)
        outcome.wrong += [] if outcome.struck else ["the fault did not strike"]
        outcome.left = self.left(target, case)
        outcome.recorded = [name for name in outcome.left if _known(registry, name)]
        unknown = [name for name in outcome.left if name not in outcome.recorded]
        outcome.wrong += [f"{len(unknown)} left"] if unknown else []
        print(
            f"{outcome.seconds:6.1f} s  {case.path}  {case.name}: {outcome.verdict}",
            file=sys.stderr,
            flush=True,
        )
        return outcome

    def struck(self, case: Case) -> bool:
        """Whether the server says that the fault was injected."""
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(self.aws.page_url) as page:
            return str(case.rule["name"]) in page.read().decode()

    def left(self, target: AwsTarget, case: Case) -> list[str]:
        """Return all that bears the case's mark: running jobs, models, configurations, endpoints, objects."""
        client, s3 = self.aws.client("sagemaker"), self.aws.client("s3")
        jobs = {"StatusEquals": "InProgress", "NameContains": f"{case.tag}-"}
        mine = {"NameContains": f"{case.tag}-"}
        found = [e["TrainingJobName"] for e in client.list_training_jobs(**jobs)["TrainingJobSummaries"]]
        found += [e["TransformJobName"] for e in client.list_transform_jobs(**jobs)["TransformJobSummaries"]]
        found += [e["ModelName"] for e in client.list_models(**mine)["Models"]]
        found += [e["EndpointConfigName"] for e in client.list_endpoint_configs(**mine)["EndpointConfigs"]]
        found += [e["EndpointName"] for e in client.list_endpoints(**mine)["Endpoints"]]
        return found + [e["Key"] for e in s3_objects(s3, target.bucket)]


def s3_objects(s3: Any, bucket: str) -> list[dict[str, Any]]:
    """Return what lies in a bucket; asked as no fault strikes: version by version."""
    found: list[dict[str, Any]] = s3.list_object_versions(Bucket=bucket).get("Versions", [])
    return found


def _known(registry: ResourceRegistry, name: str) -> bool:
    """Whether the registry lists a resource, or the prefix that an object is below."""
    return any(name == known or (known.endswith("/") and name.startswith(known)) for _, known in registry.resources)


# -- the path that is struck ---------------------------------------------------------------------------------------


def hand_off(ring: Ring, case: Case, target: AwsTarget, registry: ResourceRegistry) -> pd.DataFrame:
    """Train if the case does, then score all rows, and clean up; return keys and scores."""
    if not case.trains:
        return score(ring, case, target, registry, ServedModel(IMAGE, ring.data))
    job = training_job(case, target, registry)
    trained = train_and_keep(job, channel(ring, case), {"rounds": 1})
    try:
        return score(ring, case, target, registry, ServedModel(IMAGE, trained.model_data))
    finally:
        job.delete_data()


def training_job(case: Case, target: AwsTarget, registry: ResourceRegistry) -> TrainingJob:
    """Return the job, with short limits and, for a fault that takes capacity back, on spot capacity."""
    spot = {"spot": {"enabled": True}} if case.fault["effect"]["kind"] == "interrupt" else {}
    limits: dict[str, Any] = {"max_runtime_seconds": 120, "deadline_seconds": 120}
    if case.fault["effect"]["kind"] == "hang":
        limits["deadline_seconds"] = 3
    config = SageMakerConfig(client=case.client, instance_type="ml.m5.large", **limits, **spot)
    source = Source(image=IMAGE, content_type=CSV)
    return TrainingJob(target, config, case.tag, source, registry, on_progress=lambda _: None)


def channel(ring: Ring, case: Case) -> DataFrame:
    """Return the training rows; in one wide file where an upload in parts is to be struck."""
    if "multipart" not in case.name:
        return ring.rows.select("key", "x")
    return ring.rows.select("key", F.expr("repeat('1', 200000)").alias("x")).coalesce(1)


def score(ring: Ring, case: Case, target: AwsTarget, registry: ResourceRegistry, model: ServedModel) -> pd.DataFrame:
    """Return keys and scores, by the way of scoring that the case strikes."""
    if case.during == "transform":
        with registered(target, case.tag, model, registry) as name:
            batch = BatchTransformModel(modelName=name, waitSeconds=60.0, **_sent(target))
            return _collected(batch, ring.rows)
    # Answers stay where the user wants them: not in the bucket that must be empty at the end.
    kept = f"s3://{ring.aws.bucket}/{case.tag}-async"
    output = AsyncOutput(f"{kept}/out", f"{kept}/failed")
    later = output if case.during == "async" else None
    wait = 4.0 if case.fault["effect"]["kind"] == "hang" else 60.0
    with Deployment(target, case.tag, [Variant(model)], later, registry=registry, wait_seconds=wait) as endpoint:
        if later is not None:
            waiting = AsyncEndpointModel(endpointName=endpoint.name, waitSeconds=20.0, **_sent(target))
            return _collected(waiting, ring.rows)
        slow = case.fault["effect"].get("seconds", 0) > 60
        limits = {"attempts": 1 if slow else 5, "deadlineSeconds": 30.0, "concurrency": 2}
        scorer = EndpointModel(endpointName=endpoint.name, **limits, **_sent(target))
        return scorer.transform(ring.rows).select("key", "probability").toPandas()


def _sent(target: AwsTarget) -> dict[str, Any]:
    return {"target": target, "inputCols": ["x"], "contentType": CSV, "maxRows": 15}


def _collected(stage: Any, rows: DataFrame) -> pd.DataFrame:
    try:
        found: pd.DataFrame = stage.transform(rows).select("key", "probability").toPandas()
        return found
    finally:
        stage.delete()


# -- judging -------------------------------------------------------------------------------------------------------


def _error(case: Case) -> str:
    return ERRORS.get(case.during, "SageMakerError")


def _kind(error: Exception) -> str:
    """Return the error's class; of one that ended a Spark task, the class that was raised there."""
    inner = re.search(r"sparring\.errors\.(\w+):", str(error)) if isinstance(error, PythonException) else None
    return inner.group(1) if inner else type(error).__name__


def _wrong_error(case: Case, kind: str, said: str) -> list[str]:
    if case.ending == "recovered":
        return ["it should have recovered"]
    wrong = [] if kind == _error(case) else [f"{kind} instead of {_error(case)}"]
    return wrong + ([] if case.says in said else [f"does not say {case.says!r}"])


def _short(said: str, wanted: str) -> str:
    """Return about what an error says around the wanted words, on one line of a table."""
    lines = [line for line in said.splitlines() if wanted and wanted in line] or said.splitlines() or [""]
    text = re.sub(r"^.*sparring\.errors\.\w+: ", "", lines[0]).replace("|", "/")
    return text[:160]


# -- page ----------------------------------------------------------------------------------------------------------


def page(outcomes: list[Outcome]) -> str:
    """Return the results as Markdown."""
    correct = sum(outcome.verdict == "correct" for outcome in outcomes)
    struck = len({outcome.fault for outcome in outcomes if outcome.struck})
    head = ["fault", "during", "path", "expected ending", "what happened", "left", "rows in/out", "s", "verdict"]
    lines = [
        [
            outcome.fault, outcome.during, outcome.path, outcome.expected, outcome.happened, _left(outcome),
            f"{outcome.rows_in}/{outcome.rows_out}", f"{outcome.seconds:.1f}", outcome.verdict,
        ]
        for outcome in outcomes
    ]  # fmt: skip
    kept = [outcome.fault for outcome in outcomes if outcome.recorded]
    note = (
        f"After {', '.join(kept)} something stays, recorded in the registry: not counted as correct.\n\n"
        if kept
        else ""
    )
    return f"""# Faults: the ending of each

{struck} faults were injected in the **local emulator** of SageMaker, in {len(outcomes)} runs of the real clients;
**{correct} of {len(outcomes)} endings are correct**. Written by `benchmarks/faults.py` from
`conf/faults/catalogue.yaml`.

An ending is correct when the fault struck (the server says so), the run recovered with every row scored once and as
without a fault, or ended with the error expected, naming the cause, and no job, model, configuration, endpoint or
object is left. A run that fails returns no rows: 0 out.

{note}{table(head, lines)}
"""


def _left(outcome: Outcome) -> str:
    if not outcome.left:
        return "nothing"
    recorded = f", {len(outcome.recorded)} in the registry" if outcome.recorded else ""
    return f"{len(outcome.left)}: {outcome.left[0]}{recorded}"


def run_all(spark: SparkSession, chosen: list[Case]) -> list[Outcome]:
    """Run the cases, a few at a time, on one server."""
    with LocalAws(images=IMAGES, faults={"faults": [case.rule for case in chosen]}) as aws:
        ring = Ring(spark, aws)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(pool.map(ring.run, chosen))


def main() -> None:
    """Run all and write both files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="run only faults whose name begins so, and write nothing")
    options = parser.parse_args()
    spark = get_session(SessionSpec("faults", 8, "2g", sagemaker_jars(), {"spark.sql.shuffle.partitions": "2"}))
    spark.sparkContext.setLogLevel("OFF")
    chosen = cases(lambda name: name.startswith(options.only or ""))
    try:
        outcomes = run_all(spark, chosen)
    finally:
        stop_session(spark)
    if options.only:
        print(page(outcomes))
    else:
        save("faults", [asdict(outcome) | {"verdict": outcome.verdict} for outcome in outcomes], page(outcomes))


if __name__ == "__main__":
    main()
