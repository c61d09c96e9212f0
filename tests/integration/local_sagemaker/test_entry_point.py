"""ContainerEntrypoint and ContainerArguments: run in place of the image's train, or refused before anything starts."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sparring.container.isolation import can_isolate
from sparring_local_sagemaker import LocalAws

PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6-cpu-py312"
NAMED = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
# What SDK 3's ModelTrainer sends, word for word.
DRIVERS = "/opt/ml/input/data/sm_drivers"
MODEL_TRAINER = ["-c", f"chmod +x {DRIVERS}/sm_train.sh && {DRIVERS}/sm_train.sh"]
SCRIPT = """
#!/bin/bash
set -e
cd /opt/ml/input/data/code
python3 train.py "$@" > /opt/ml/model/said
"""
TRAIN = """
import json, os, sys
config = json.load(open("/opt/ml/input/config/hyperparameters.json"))
print(json.dumps([sys.argv[1:], config, os.getcwd(), os.environ["TRAINING_JOB_NAME"], sys.executable]))
"""
SCRIPT_OF_VARIABLES = b"import os, pathlib; pathlib.Path(os.environ['SM_MODEL_DIR'], 'weights').touch()"
isolating = pytest.mark.skipif(not can_isolate(), reason="needs a mount namespace of its own: Linux, as root")


def archived(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        packed.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def asked(cloud: Any, entry: list[str], arguments: list[str] | None = None, image: str = PYTORCH) -> dict[str, Any]:
    given = {"TrainingImage": image, "TrainingInputMode": "File", "ContainerEntrypoint": entry}
    return given | ({"ContainerArguments": arguments} if arguments else {})


@isolating
@pytest.mark.parametrize("image", [PYTORCH, NAMED])
@pytest.mark.parametrize(
    ("entry", "arguments", "words"),
    [
        (["/bin/bash"], MODEL_TRAINER, []),
        (["/bin/bash", f"{DRIVERS}/sm_train.sh"], ["--a", "b c"], ["--a", "b c"]),
        (["/bin/bash", f"{DRIVERS}/sm_train.sh", "--only"], None, ["--only"]),
        (["python3", "/opt/ml/input/data/code/train.py"], ["> no shell"], ["> no shell"]),
    ],
    ids=["model-trainer", "script-and-arguments", "entry-alone", "no-shell"],
)
def test_an_entry_point_and_its_arguments_run_at_the_paths_of_aws(
    cloud: Any, image: str, entry: list[str], arguments: list[str] | None, words: list[str]
) -> None:
    channels = [
        cloud.channel(cloud.put(sm_train__sh=SCRIPT), "sm_drivers"),
        cloud.channel(cloud.put(train__py=TRAIN), "code"),
    ]
    specification = asked(cloud, entry, arguments, image)
    job = cloud.train(
        "nothing", AlgorithmSpecification=specification, InputDataConfig=channels, HyperParameters={"lr": "0.1"}
    )
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert {name: job["AlgorithmSpecification"].get(name) for name in specification} == specification
    told = cloud.events("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    said = cloud.model(job).get("said", "\n".join(told).encode()).decode()
    for word in [*words, '"lr": "0.1"', job["TrainingJobName"]]:
        assert word in said


@isolating
def test_each_host_has_an_opt_ml_of_its_own(cloud: Any) -> None:
    where = "/opt/ml/input/config/resourceconfig.json"
    copy = f"""import json; open("/opt/ml/model/" + json.load(open("{where}"))["current_host"], "w")"""
    job = cloud.train("nothing", hosts=3, AlgorithmSpecification=asked(cloud, ["python3", "-c"], [copy]))
    assert sorted(cloud.model(job)) == ["algo-1", "algo-2", "algo-3"]


@isolating
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("echo no loss > /opt/ml/output/failure; exit 3", "AlgorithmError: no loss\n, exit code: 3"),
        ("echo last words; exit 1", "AlgorithmError: last words, exit code: 1"),
    ],
)
def test_an_entry_points_failure_is_the_jobs(cloud: Any, code: str, reason: str) -> None:
    job = cloud.train("nothing", AlgorithmSpecification=asked(cloud, ["/bin/bash"], ["-c", code]))
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", reason)


def test_arguments_alone_are_refused_by_name(cloud: Any) -> None:
    specification = {"TrainingImage": PYTORCH, "TrainingInputMode": "File", "ContainerArguments": ["--a"]}
    with pytest.raises(ClientError, match="ContainerArguments without ContainerEntrypoint"):
        cloud.start("nothing", name="arguments-alone", AlgorithmSpecification=specification)
    names = cloud.sagemaker.list_training_jobs(NameContains="arguments-alone")["TrainingJobSummaries"]
    assert names == []


def test_where_nothing_can_be_mounted_an_entry_point_is_refused_unless_its_image_needs_no_opt_ml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud_of: Any
) -> None:
    # No unshare on the path: what a machine without mount namespaces looks like to the server.
    monkeypatch.setenv("PATH", str(tmp_path))
    images = {"images": [{"uri": "*/toy:*", "train": ["true"], "isolate": False}]}
    entry = ["/bin/bash", "-c", 'echo 1 > "$SAGEMAKER_BASE_DIR/model/weights"']
    with LocalAws(images=images) as aws:
        cloud = cloud_of(aws)
        with pytest.raises(ClientError, match=r"ContainerEntrypoint cannot run here\. .*/opt/ml.*isolate: false"):
            cloud.start("nothing", AlgorithmSpecification=asked(cloud, entry))
        assert cloud.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
        job = cloud.train("nothing", AlgorithmSpecification=asked(cloud, entry, image=NAMED))
        assert cloud.model(job) == {"weights": b"1\n"}
        # A script of the user's needs none: its variables lead it to its tree, wherever that lies.
        source = cloud.put(source__tar__gz=archived("train.py", SCRIPT_OF_VARIABLES)) + "source.tar.gz"
        named = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source}
        specification = {"TrainingImage": PYTORCH, "TrainingInputMode": "File"}
        job = cloud.train("nothing", AlgorithmSpecification=specification, HyperParameters=named)
        assert cloud.model(job) == {"weights": b""}
