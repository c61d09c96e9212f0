"""The registry: written before a resource is created, settled last first, and kept where a deletion is refused."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError

from sparring.errors import SageMakerError
from sparring.sagemaker import resources
from sparring.sagemaker.resource_registry import ResourceRegistry, clean_up_or_drop, registries_of, registry_path
from sparring.sagemaker.target import AwsTarget, Endpoint

AWS = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "eu-west-1")
GONE = replace(AWS, emulator=Endpoint("http://127.0.0.1:9", "key", "secret"))


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was deleted; a resource named 'kept' is refused."""
    found: list[tuple[str, str]] = []

    def delete(target: AwsTarget, kind: str, name: str) -> None:
        if name == "kept":
            raise SageMakerError("no", "Try again.")
        found.append((kind, name))

    monkeypatch.setattr("sparring.sagemaker.resource_registry.delete", delete)
    return found


def test_what_is_recorded_is_on_disk_at_once_and_survives(tmp_path: Path) -> None:
    path = str(tmp_path / "run.registry.json")
    registry = ResourceRegistry(AWS, path)
    for kind, name, digest in (
        ("s3-prefix", "a/", ""),
        ("training-job", "job-1", "d1"),
        ("training-job", "job-1", "x"),
    ):
        registry.record(kind, name, digest)
        again = ResourceRegistry.load(path)
        assert again is not None
        assert again.resources == registry.resources
    assert (again.target, again.digest("training-job", "job-1")) == (AWS, "d1")
    assert registry.resources == [("s3-prefix", "a/"), ("training-job", "job-1")]


def test_settling_deletes_last_first_and_leaves_no_file(tmp_path: Path, deleted: list[tuple[str, str]]) -> None:
    path = str(tmp_path / "run.registry.json")
    registry = ResourceRegistry(AWS, path)
    for kind in ("s3-prefix", "training-job", "model", "endpoint"):
        registry.record(kind, "x")
    assert registry.clean_up(("model", "endpoint")) == [("endpoint", "x"), ("model", "x")]
    assert registry.clean_up() == [("training-job", "x"), ("s3-prefix", "x")]
    assert [kind for kind, _ in deleted] == ["endpoint", "model", "training-job", "s3-prefix"]
    assert ResourceRegistry.load(path) is None


def test_a_refused_deletion_stops_no_other_and_stays_listed(tmp_path: Path, deleted: list[tuple[str, str]]) -> None:
    path = str(tmp_path / "run.registry.json")
    registry = ResourceRegistry(AWS, path)
    for name in ("a", "kept", "b"):
        registry.record("model", name)
    with pytest.raises(SageMakerError):
        registry.clean_up()
    assert deleted == [("model", "b"), ("model", "a")]
    again = ResourceRegistry.load(path)
    assert again is not None
    assert again.resources == [("model", "kept")]


def test_all_ledgers_of_a_run_are_found_below_and_beside_it(tmp_path: Path) -> None:
    for folder in ("run", "run/train/a", "run/naive/train", "other"):
        ResourceRegistry(AWS, registry_path(str(tmp_path / folder))).record("model", folder)
    (tmp_path / "run" / "manifest.json").write_text("{}")
    found = [registry.resources[0][1] for registry in registries_of(str(tmp_path / "run"))]
    assert sorted(found) == ["run", "run/naive/train", "run/train/a"]


def test_an_emulator_that_is_gone_took_everything_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    registry = ResourceRegistry(GONE)
    registry.record("training-job", "job-1")
    assert clean_up_or_drop(registry) == [("training-job", "job-1")]
    assert registry.resources == []


def test_every_kind_has_a_deletion() -> None:
    kinds = {resources.TRAINING_JOB, resources.TRANSFORM_JOB, resources.S3_PREFIX, resources.MODEL}
    assert set(resources.DELETIONS) == kinds | {resources.ENDPOINT_CONFIG, resources.ENDPOINT}


@pytest.mark.parametrize(("kind", "operation"), [("training-job", "training_job"), ("transform-job", "transform_job")])
def test_a_job_that_does_not_stop_stays_listed(monkeypatch: pytest.MonkeyPatch, kind: str, operation: str) -> None:
    client, member = MagicMock(), "".join(map(str.capitalize, operation.split("_")))
    client.exceptions.ClientError = ClientError
    getattr(client, f"describe_{operation}").return_value = {f"{member}Status": "Stopping"}
    monkeypatch.setattr(AwsTarget, "client", lambda self, service, **config: client)
    monkeypatch.setattr(resources, "PATIENCE_SECONDS", 0.0)
    registry = ResourceRegistry(AWS)
    registry.record(kind, "stubborn")
    with pytest.raises(SageMakerError, match=rf"{kind} stubborn is still Stopping 0 seconds after"):
        registry.clean_up()
    assert registry.resources == [(kind, "stubborn")]
