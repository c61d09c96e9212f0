"""What was acknowledged is there after a restart or a kill; what could not be written was not acknowledged."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring.errors import SageMakerError
from sparring_local_sagemaker import LocalAws

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def benchmark() -> Any:
    """The benchmark of the same sequences, which draws more of them."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("local_durability", BENCHMARKS / "local_durability.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


MODEL = benchmark()


def calls(kind: str) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(kind), *(st.integers(0, limit - 1) for limit in MODEL.KINDS[kind][1]))


ENDINGS = ("restart", "kill")
CALLS = st.lists(st.one_of(*(calls(kind) for kind in MODEL.KINDS if kind not in ENDINGS)), min_size=15, max_size=30)
# Starts take most of the time.
PLAN = st.tuples(CALLS, st.sampled_from(ENDINGS), CALLS)
NASTY = [
    "a%20b", "a+b", "a b", "é/ü", "日本", "ts=2024-01-01 00%3A00%3A00/part-0", "data#1", "data?x", "data", "100%",
    "a//b", "a/", "/a", "../x", "./y", "..", "a%2Fb", "a/b", "a", "%41", "A", "x" * 1_000, "bucket.json", "a\tb",
]  # fmt: skip


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(plan=PLAN)
def test_any_sequence_of_calls_restarts_and_kills_ends_as_the_model_says(plan: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, MODEL.Driver(folder) as driver:
        before, ending, after = plan
        for step in [*before, (ending,), *after, ("kill",)]:
            driver.do(step)


def test_keys_of_every_kind_survive_a_kill_with_their_metadata_and_tags(tmp_path: Path) -> None:
    with LocalAws(str(tmp_path)) as aws:
        for key in NASTY:
            aws.client("s3").put_object(
                Bucket=aws.bucket, Key=key, Body=key.encode(), Metadata={"of": "mine"}, Tagging="team=a"
            )
        kill(aws)
        bucket = aws.bucket
    with LocalAws(str(tmp_path)) as aws:
        s3 = aws.client("s3")
        assert {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]} == set(NASTY)
        for key in NASTY:
            found = s3.get_object(Bucket=bucket, Key=key)
            assert (found["Body"].read(), found["Metadata"], found["TagCount"]) == (key.encode(), {"of": "mine"}, 1)


def test_a_bucket_of_a_name_that_s3_does_not_allow_leaves_nothing_on_disk(tmp_path: Path) -> None:
    with LocalAws(str(tmp_path)) as aws:
        before = sorted(tmp_path.rglob("*"))
        for name in ("..a", "a..b", ".hidden", "UPPER", "10.0.0.1"):
            with pytest.raises(ClientError, match="InvalidBucketName"):
                client(aws).create_bucket(Bucket=name)
        assert sorted(tmp_path.rglob("*")) == before


def test_a_bucket_that_is_missing_is_told_so_on_every_change(tmp_path: Path) -> None:
    with LocalAws(str(tmp_path)) as aws:
        s3 = aws.client("s3")
        for call in (
            lambda: s3.put_object(Bucket="missing", Key="k", Body=b""),
            lambda: s3.delete_object(Bucket="missing", Key="k"),
            lambda: s3.delete_objects(Bucket="missing", Delete={"Objects": [{"Key": "k"}]}),
            lambda: s3.delete_bucket(Bucket="missing"),
        ):
            with pytest.raises(ClientError, match="NoSuchBucket"):
                call()


# -- one server a folder, and what it finds there ---------------------------------------------------------


def test_a_state_folder_has_one_server_and_a_dead_one_is_no_obstacle(tmp_path: Path) -> None:
    with LocalAws(str(tmp_path)) as aws:
        with pytest.raises(SageMakerError, match=f"process {pid(aws)}"):
            LocalAws(str(tmp_path)).start()
        kill(aws)
    with LocalAws(str(tmp_path)):
        pass


def test_what_a_kill_has_left_half_written_is_removed_at_start(tmp_path: Path) -> None:
    with LocalAws(str(tmp_path)) as aws:
        aws.client("s3").put_object(Bucket=aws.bucket, Key="k", Body=b"kept")
    places = (tmp_path / "s3" / aws.bucket, tmp_path / "records" / "models", tmp_path)
    for folder in places:
        (folder / "0.partial").write_bytes(b"half")
    (places[0] / "unnamed.bin").write_bytes(b"never answered")
    with LocalAws(str(tmp_path)) as again:
        assert again.client("s3").get_object(Bucket=aws.bucket, Key="k")["Body"].read() == b"kept"
        assert not [*tmp_path.rglob("*.partial"), *tmp_path.rglob("unnamed.bin")]


def test_a_file_of_the_state_that_is_broken_is_named(tmp_path: Path) -> None:
    with LocalAws(str(tmp_path)) as aws:
        aws.client("s3").put_object(Bucket=aws.bucket, Key="k", Body=b"kept")
    folder = tmp_path / "s3" / aws.bucket
    note = next(path for path in folder.glob("*.json") if path.name != "bucket.json")
    for broken in (note, tmp_path / "records" / "models" / "m.json", tmp_path / "tags.json"):
        whole = broken.read_bytes() if broken.exists() else None
        broken.write_text('{"half')
        with pytest.raises(SageMakerError, match=str(broken)):
            LocalAws(str(tmp_path)).start()
        broken.unlink() if whole is None else broken.write_bytes(whole)


# -- a full disk ------------------------------------------------------------------------------------------


@contextmanager
def small_disk(mebibytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder], check=False)
        if made.returncode:
            pytest.skip("a small volume can be mounted by root only")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, leave: int = 0, name: str = "filler") -> Path:
    """Fill a volume, but for some bytes."""
    filler = folder / name
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"0" * 4_096)
        except OSError:
            pass
        file.truncate(max(0, file.tell() // 4_096 * 4_096 - leave))
    return filler


@pytest.mark.parametrize("versioned", [False, True])
def test_on_a_full_disk_a_put_is_an_error_and_memory_is_as_the_disk(versioned: bool) -> None:
    with small_disk(8) as disk, LocalAws(str(disk)) as aws:
        s3, bucket = client(aws), aws.bucket
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=bucket, Key="old", Body=b"before", Tagging="a=1")
        filler = fill(disk, leave=65_536)
        for key in ("old", "new"):
            with pytest.raises(ClientError, match=r"InternalError.*No space left"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"1" * 1_000_000)
        rest = fill(disk, name="rest")
        with pytest.raises(ClientError, match="InternalError"):
            s3.put_object_tagging(Bucket=bucket, Key="old", Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
        with pytest.raises(ClientError, match="InternalError"):
            s3.create_bucket(Bucket="another")
        seen = what_is_in(s3, bucket)
        assert seen == {"old": b"before"}
        assert s3.get_object_tagging(Bucket=bucket, Key="old")["TagSet"] == [{"Key": "a", "Value": "1"}]
        assert [entry["Name"] for entry in s3.list_buckets()["Buckets"]] == [bucket]
        assert not list(disk.rglob("*.partial"))
        kill(aws)
        filler.unlink()
        rest.unlink()
        with LocalAws(str(disk)) as again:
            assert what_is_in(again.client("s3"), bucket) == seen
            assert len(list((disk / "s3" / bucket).glob("*.bin"))) == 1


def test_on_a_full_disk_what_could_not_be_created_does_not_exist(cloud_of: Any, images: Any) -> None:
    with small_disk(8) as disk, LocalAws(str(disk), images=images) as aws:
        cloud = cloud_of(aws)
        cloud.sagemaker = client(aws, "sagemaker")
        filler = fill(disk)
        with pytest.raises(ClientError, match="No space left"):
            cloud.create_model()
        with pytest.raises(ClientError, match="No space left"):
            cloud.start("listing")
        assert cloud.sagemaker.list_models()["Models"] == []
        assert cloud.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
        filler.unlink()
        cloud.create_model()
        assert len(cloud.sagemaker.list_models()["Models"]) == 1


def test_a_job_whose_record_the_disk_no_longer_takes_ends_and_says_why(
    cloud_of: Any, images: Any, living: Callable
) -> None:
    with small_disk(8) as disk, LocalAws(str(disk), images=images) as aws:
        cloud = cloud_of(aws)
        name = cloud.start("sleeps")
        training = cloud.sagemaker.describe_training_job
        cloud.wait_for(lambda: training(TrainingJobName=name)["SecondaryStatus"] == "Training", "training")
        filler = fill(disk)
        with pytest.raises(ClientError, match="No space left"):
            client(aws, "sagemaker").stop_training_job(TrainingJobName=name)
        assert training(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
        # The program ends, and there is no room for the record of it.
        os.kill(only_program(aws, living), 9)
        found = cloud.settled(name)
        assert found["TrainingJobStatus"] == "Failed"
        assert "exit code: 137" in found["FailureReason"] or "No space left" in found["FailureReason"]
        filler.unlink()


def only_program(aws: LocalAws, living: Callable) -> int:
    """Return the process of the one job that a server runs."""
    programs = [number for number, command in living(pid(aws)).items() if "toy.py" in command]
    assert len(programs) == 1
    return programs[0]


# -- keys as files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["a", "a/b"], "needs a folder of that name"),
        (["a//b", "a/b"], "a file of the same name"),
        (["x" * 256], "at most 255"),
        (["d/" + "é" * 200], "at most 255"),
        (["/".join(["y" * 100] * 10)], None),
        (["data#1", "data?2", "50%3F"], None),
    ],
)
def test_keys_that_cannot_be_files_fail_the_job_and_say_so(cloud: Any, keys: list[str], said: str | None) -> None:
    prefix = f"keys/{cloud.name()}#x?/"
    for key in keys:
        cloud.s3.put_object(Bucket=cloud.aws.bucket, Key=prefix + key, Body=b"1")
    uri = f"s3://{cloud.aws.bucket}/{prefix}"
    found = cloud.train("listing", InputDataConfig=[cloud.channel(uri)])
    if said is None:
        assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    else:
        assert found["FailureReason"].startswith("ClientError: ")
        assert said in found["FailureReason"]


def test_a_models_address_is_not_cut_at_a_letter_that_urls_know(cloud: Any) -> None:
    """The object beside it, named by what comes before the ``#``, stays as it was."""
    beside = f"out/{cloud.name()}"
    cloud.s3.put_object(Bucket=cloud.aws.bucket, Key=beside, Body=b"unrelated")
    output = {"S3OutputPath": f"s3://{cloud.aws.bucket}/{beside}#1?v"}
    job = cloud.train("listing", OutputDataConfig=output)
    artifacts = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifacts.startswith(output["S3OutputPath"])
    assert cloud.read(artifacts)
    assert cloud.read(f"s3://{cloud.aws.bucket}/{beside}") == b"unrelated"


# -- helpers ------------------------------------------------------------------------------------------------


def pid(aws: LocalAws) -> int:
    assert aws._process is not None
    return aws._process.pid


def kill(aws: LocalAws) -> None:
    """End the server with SIGKILL."""
    os.kill(pid(aws), 9)
    assert aws._process is not None
    aws._process.wait()


def client(aws: LocalAws, service: str = "s3") -> Any:
    """A client that does not try again, so that a test of errors is quick."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=aws.access_key,
        aws_secret_access_key=aws.secret_key,
        config=config,
    )


def what_is_in(s3: Any, bucket: str) -> dict[str, bytes]:
    return {
        entry["Key"]: s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    }
