"""What is submitted is what the platforms take: checked against their models, and sent to an AWS of moto's."""

import fnmatch
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from databricks.bundles.jobs import Job as DatabricksJob
from moto.server import ThreadedMotoServer

from sparring.config import load_config
from sparring.errors import ConfigError
from sparring.submit.check import require_valid
from sparring.submit.databricks import bundle
from sparring.submit.emr import add_steps, policy, run_job_flow
from sparring.submit.emr_serverless import start_job_run
from sparring.submit.job import MOST_EXECUTORS, Job, executors_for
from sparring.submit.spark_submit import spark_submit

ROOT = Path(__file__).parents[3]
ROLE = "arn:aws:iam::123456789012:role/Job"
CONFIG = {
    "name": "late",
    "table": {"path": "s3://tables/flights.parquet", "label": "late", "features": {"numeric": ["x"]}},
    "contenders": [{"name": "mllib", "engine": "spark", "family": "logistic_regression"}],
}


@pytest.fixture
def job() -> Job:
    return Job("late", "s3://bucket/app/conf/late.yaml", "s3://bucket/app", "s3://bucket/runs/late", 3)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "late.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path / "late.yaml"


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
        for bucket in ("bucket", "tables"):
            boto3.client("s3").create_bucket(Bucket=bucket, **place)
        boto3.client("s3").put_object(Bucket="tables", Key="flights.parquet", Body=b"0" * 1_000)
        yield
    server.stop()


def test_files_of_the_repository_are_what_is_generated(script: Callable) -> None:
    module = script(ROOT / "docs" / "generate_submit.py")
    for name, text in module.files().items():
        assert (ROOT / "conf" / name).read_text() == text, f"run docs/generate_submit.py: {name}"


def requests(job: Job) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        "a step": ("emr", "AddJobFlowSteps", add_steps(job, "j-1")),
        "a cluster": ("emr", "RunJobFlow", run_job_flow(job, "service", "profile", "subnet-1")),
        "a job run": ("emr-serverless", "StartJobRun", start_job_run(job, "00app", ROLE, "token")),
    }


@pytest.mark.parametrize("kind", ["a step", "a cluster", "a job run"])
def test_requests_are_what_the_services_take_and_need_no_right_that_the_policy_lacks(job: Job, kind: str) -> None:
    service, operation, request = requests(job)[kind]
    require_valid(service, operation, request)
    allowed = policy(job, "s3://tables/flights.parquet")["Statement"]
    objects = [arn for one in allowed if one["Sid"] != "List" for arn in one["Resource"]]
    for place in re.findall(r"s3://[^\s\"'#]+", json.dumps(request)):
        arn = f"arn:aws:s3:::{place.removeprefix('s3://').rstrip('/')}"
        assert any(fnmatch.fnmatch(arn, one) for one in objects), place
    assert {one["Sid"]: one["Resource"] for one in allowed}["List"] == ["arn:aws:s3:::bucket", "arn:aws:s3:::tables"]


def test_a_request_that_a_service_does_not_take_is_refused_by_its_member(job: Job) -> None:
    request = start_job_run(job, "00app", ROLE, "token") | {"executionTimeoutMinutes": "soon"}
    with pytest.raises(ConfigError, match="executionTimeoutMinutes"):
        require_valid("emr-serverless", "StartJobRun", request)


def test_the_bundle_is_what_databricks_own_library_takes(job: Job) -> None:
    made = bundle(job, "/Volumes/a/b/c/late.yaml")
    for one in made["resources"]["jobs"].values():
        read = DatabricksJob.from_dict(one)
        assert read.tasks[0].job_cluster_key == read.job_clusters[0].job_cluster_key
        with pytest.raises(ValueError, match="Unexpected"):
            DatabricksJob.from_dict(one | {"no_such_field": 1})
    assert (ROOT / made["resources"]["jobs"]["notebook"]["tasks"][0]["notebook_task"]["notebook_path"]).exists()
    assert made["artifacts"]["wheel"]["dynamic_version"], "a wheel of a version that is there is not installed again"


@pytest.mark.parametrize(("size", "executors"), [(None, 2), (0, 2), (14 << 30, 6), (1 << 50, MOST_EXECUTORS)])
def test_executors_grow_with_the_table_between_bounds(size: int | None, executors: int) -> None:
    assert executors_for(size) == executors


@pytest.mark.parametrize("wrong", ["shipped", "output", "table"])
def test_what_lies_on_this_machine_is_refused_by_its_owner(wrong: str, config: Path) -> None:
    places = {"shipped": "s3://bucket/app", "output": "s3://bucket/runs"} | (
        {wrong: "here"} if wrong != "table" else {}
    )
    loaded = load_config(str(config), ["table.path=/tmp/rows.csv"] if wrong == "table" else [])
    owner = "table.path" if wrong == "table" else f"--{wrong}"
    with pytest.raises(ConfigError, match=owner):
        Job.of(loaded, str(config), places["shipped"], places["output"], None)


def test_a_standalone_master_takes_the_line_in_client_mode_only(config: Path, sparring: Callable) -> None:
    places = ["--shipped", "s3://bucket/app", "--output", "s3://bucket/runs/late"]
    refused = sparring("submit", "spark", str(config), *places, "--master", "spark://host:7077")
    assert refused.returncode == ConfigError.exit_code
    assert "--deploy-mode client" in refused.stderr
    printed = sparring(
        "submit", "spark", str(config), *places, "--master", "spark://host:7077", "--deploy-mode", "client"
    )
    job = Job("late", "s3://bucket/app/conf/late.yaml", "s3://bucket/app", "s3://bucket/runs/late", 2)
    assert shlex.split(printed.stdout) == spark_submit(job, "spark://host:7077", "client")


@pytest.mark.usefixtures("aws")
def test_a_step_is_printed_and_sent(config: Path, sparring: Callable) -> None:
    emr, s3 = boto3.client("emr"), boto3.client("s3")
    places = ["--shipped", "s3://bucket/app", "--output", "s3://bucket/runs/late", "--set", "seed=7"]
    started = sparring("submit", "emr", str(config), *places, "--apply")
    assert started.returncode == 0, started.stderr
    cluster = json.loads(started.stdout)["answer"]["JobFlowId"]
    printed = sparring("submit", "emr", str(config), *places, "--cluster-id", cluster)
    assert "answer" not in json.loads(printed.stdout)
    assert len(emr.list_steps(ClusterId=cluster)["Steps"]) == 1
    sent = sparring("submit", "emr", str(config), *places, "--cluster-id", cluster, "--apply")
    assert sent.returncode == 0, sent.stderr
    steps = emr.list_steps(ClusterId=cluster)["Steps"]
    assert len(steps) == 2
    arguments = steps[0]["Config"]["Args"]
    assert arguments[-4:] == ["s3://bucket/app/jobs/compare.py", "late.yaml", "--output", "s3://bucket/runs/late"]
    shipped = s3.get_object(Bucket="bucket", Key="app/conf/late.yaml")["Body"].read().decode()
    assert yaml.safe_load(shipped)["seed"] == 7
    assert b"python3.11" in s3.get_object(Bucket="bucket", Key="app/bootstrap.sh")["Body"].read()


@pytest.mark.usefixtures("aws")
def test_what_a_service_refuses_is_told_in_its_words(config: Path, sparring: Callable) -> None:
    options = ["--application-id", "00none", "--role", ROLE, "--apply"]
    places = ["--shipped", "s3://bucket/app", "--output", "s3://bucket/runs/late"]
    done = sparring("submit", "emr-serverless", str(config), *places, *options)
    assert done.returncode == 5, done.stdout
    assert "Traceback" not in done.stderr
    assert "00none" in done.stderr
