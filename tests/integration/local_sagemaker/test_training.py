"""Training jobs of every kind, seen by plain boto3."""

import gzip
import json
import struct
from typing import Any

import pytest
from botocore.exceptions import ClientError

LOGS = "/aws/sagemaker/TrainingJobs"


def statuses(job: dict[str, Any]) -> list[str]:
    return [entry["Status"] for entry in job["SecondaryStatusTransitions"]]


def test_each_host_sees_its_shard_and_the_whole_of_what_is_replicated(cloud: Any) -> None:
    sharded, whole = cloud.put(a="0", b="1", c="2", d_s_e="3"), cloud.put(x="all")
    channels = [cloud.channel(sharded, "train", "ShardedByS3Key"), cloud.channel(whole, "validation")]
    channels[0]["ContentType"] = "text/csv"
    job = cloud.train("listing", hosts=3, InputDataConfig=channels, Environment={"MINE": "yes"})
    model = cloud.model(job)
    seen = {host: json.loads(model[f"{host}.json"]) for host in ("algo-1", "algo-2", "algo-3")}
    hosts = sorted(seen)
    assert [seen[host]["files"] for host in hosts] == [
        {"train/a": "0", "train/d/e": "3", "validation/x": "all"},
        {"train/b": "1", "validation/x": "all"},
        {"train/c": "2", "validation/x": "all"},
    ]
    for number, host in enumerate(hosts, start=1):
        about, environment = seen[host]["host"], seen[host]["environment"]
        assert (about["current_host"], about["hosts"]) == (host, hosts)
        addresses = json.loads(environment["SPARRING_HOST_ADDRESSES"])
        assert sorted(addresses) == hosts
        assert addresses[host].startswith("127.")
        assert addresses[host].endswith(f".{number}")
        assert (environment["MINE"], environment["TRAINING_JOB_NAME"]) == ("yes", job["TrainingJobName"])
        assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
        assert environment["OMP_NUM_THREADS"] == "1"
    assert seen["algo-1"]["channels"]["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "ShardedByS3Key",
        "RecordWrapperType": "None",
    }
    # One archive of all hosts; of a file that several wrote, the first host's.
    assert model["same.txt"] == b"algo-1"
    assert len(cloud.keys(f"s3://{cloud.aws.bucket}/out/{job['TrainingJobName']}/output/")) == 2


def test_a_pipe_gives_the_same_bytes_each_epoch_decompressed_and_in_records(cloud: Any) -> None:
    uri = cloud.put(a=gzip.compress(b"first\n"), b=gzip.compress(b"second\n"))
    cases = {
        "None": b"first\nsecond\n",
        "RecordIO": b"".join(
            struct.pack("<II", 0xCED7230A, len(text)) + text + b"\0" * (-len(text) % 4)
            for text in (b"first\n", b"second\n")
        ),
    }
    for wrapper, expected in cases.items():
        channel = cloud.channel(uri, InputMode="Pipe", CompressionType="Gzip", RecordWrapperType=wrapper)
        model = cloud.model(cloud.train("piped", InputDataConfig=[channel]))
        assert model == {"epoch-0": expected, "epoch-1": expected}


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint_to_the_same_result(cloud: Any) -> None:
    spot: dict[str, Any] = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    }
    undisturbed = cloud.train("stepwise")
    checkpoints = f"s3://{cloud.aws.bucket}/checkpoints/spot"
    job = cloud.train("stepwise", name="spot-1", CheckpointConfig={"S3Uri": checkpoints}, **spot)
    assert cloud.model(job) == cloud.model(undisturbed)
    half = ["Starting", "Downloading", "Training"]
    assert statuses(job) == [*half, "Interrupted", *half, "Uploading", "Completed"]
    lines = cloud.events(LOGS, "spot-1/algo-1-")
    begins = [int(line.rpartition(" ")[2]) for line in lines if line.startswith("begins")]
    assert begins[0] == 0
    assert 0 < begins[1] < 20
    assert cloud.read(f"{checkpoints}/at") == b"20"
    assert 1 <= job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]


def test_metrics_are_the_last_printed_and_logs_are_in_cloudwatch(cloud: Any) -> None:
    definitions = [{"Name": "loss", "Regex": r"loss=([0-9.]+);"}, {"Name": "absent", "Regex": "never=(.*)"}]
    algorithm = cloud.job_request("stepwise")["AlgorithmSpecification"] | {"MetricDefinitions": definitions}
    job = cloud.train("stepwise", AlgorithmSpecification=algorithm)
    assert [(m["MetricName"], round(m["Value"], 4)) for m in job["FinalMetricDataList"]] == [("loss", 0.05)]
    lines = cloud.events(LOGS, f"{job['TrainingJobName']}/algo-1-")
    assert [line for line in lines if line.startswith("step=")][-1] == "step=20 loss=0.0500;"


def test_a_failure_is_cut_to_its_length_and_keeps_its_exit_code(cloud: Any) -> None:
    job = cloud.train("fails")
    assert (job["TrainingJobStatus"], len(job["FailureReason"])) == ("Failed", 1_024 - 64 + 16 + len(", exit code: 3"))
    assert job["FailureReason"].endswith("xx, exit code: 3")


def test_one_host_that_fails_ends_the_others(cloud: Any) -> None:
    job = cloud.train("fails_on_one_host", hosts=2)
    assert job["FailureReason"] == "AlgorithmError: algo-2: the second host has enough, exit code: 1"
    assert job["TrainingTimeInSeconds"] < 30


def test_an_internal_error_is_tried_again_as_often_as_asked(cloud: Any) -> None:
    once = cloud.train("listing", name="flaky-1", RetryStrategy={"MaximumRetryAttempts": 1})
    assert once["TrainingJobStatus"] == "Completed"
    assert statuses(once).count("Restarting") == 1


def test_phases_fail_as_injected(cloud: Any) -> None:
    uri = cloud.put(a="12345")
    given: dict[str, Any] = {"InputDataConfig": [cloud.channel(uri)]}
    reasons = {
        "capacity-1": ("Starting", "CapacityError: no ml.m5.large"),
        "full-1": ("Downloading", "No space left on device"),
        "lost-1": ("Uploading", "InternalServerError: upload"),
    }
    for name, (last, reason) in reasons.items():
        job = cloud.train("listing", name=name, **given)
        assert reason in job["FailureReason"]
        assert statuses(job)[-2:] == [last, "Failed"]
    assert cloud.keys(f"s3://{cloud.aws.bucket}/out/lost-1/") == []


def test_a_link_out_of_the_tree_takes_nothing_with_it(cloud: Any) -> None:
    job = cloud.train("escapes")
    assert job["FailureReason"] == "AlgorithmError: secret is a link that leads out of its folder"
    assert cloud.keys(f"s3://{cloud.aws.bucket}/out/{job['TrainingJobName']}/") == []


def test_a_program_gets_no_more_memory_than_its_instance_has(cloud: Any) -> None:
    job = cloud.train("greedy")
    assert "Cannot allocate memory" in job["FailureReason"]
    assert "had 6" in cloud.events(LOGS, job["TrainingJobName"])


def test_the_model_comes_as_files_when_asked(cloud: Any) -> None:
    output = {"S3OutputPath": f"s3://{cloud.aws.bucket}/out", "CompressionType": "NONE"}
    job = cloud.train("stepwise", OutputDataConfig=output)
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model/")
    assert cloud.read(f"{job['ModelArtifacts']['S3ModelArtifacts']}sum") == b"20"


def test_a_manifest_names_the_objects_of_a_channel(cloud: Any) -> None:
    uri = cloud.put(a="0", b="1", c="2")
    manifest = cloud.put(m=json.dumps([{"prefix": uri}, "c", "a"])) + "m"
    channel = cloud.channel(manifest)
    channel["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    seen = json.loads(cloud.model(cloud.train("listing", InputDataConfig=[channel]))["algo-1.json"])
    assert seen["files"] == {"train/a": "0", "train/c": "2"}


def test_an_algorithm_resource_trains_by_its_name(cloud: Any) -> None:
    name, client = cloud.name(), cloud.sagemaker
    specification = {
        "TrainingImage": cloud.job_request("listing")["AlgorithmSpecification"]["TrainingImage"],
        "SupportedTrainingInstanceTypes": ["ml.m5.large"],
        "TrainingChannels": [{"Name": "train", "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}],
    }
    client.create_algorithm(AlgorithmName=name, TrainingSpecification=specification)
    found = client.describe_algorithm(AlgorithmName=name)
    assert found["AlgorithmStatus"] == "Completed"
    for reference in (name, found["AlgorithmArn"]):
        job = cloud.train("listing", AlgorithmSpecification={"AlgorithmName": reference, "TrainingInputMode": "File"})
        assert job["TrainingJobStatus"] == "Completed"
    client.delete_algorithm(AlgorithmName=name)
    with pytest.raises(ClientError, match="Could not find algorithm"):
        client.describe_algorithm(AlgorithmName=name)


def refused(cloud: Any, **changes: Any) -> str:
    with pytest.raises(ClientError) as caught:
        cloud.sagemaker.create_training_job(**cloud.job_request("listing") | changes)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_what_no_job_could_do_is_refused_at_once(cloud: Any) -> None:
    request = cloud.job_request("listing")
    algorithm, resources = request["AlgorithmSpecification"], request["ResourceConfig"]
    stranger = "arn:aws:iam::123456789012:role/stranger"
    augmented = cloud.channel("s3://b/k")
    augmented["DataSource"]["S3DataSource"]["S3DataType"] = "AugmentedManifestFile"
    metric = [{"Name": "m", "Regex": "("}]
    cases = [
        ({"RoleArn": stranger}, f"ValidationException: Could not assume role {stranger}"),
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds must be present"),
        (
            {"ResourceConfig": resources | {"InstanceCount": 21}},
            "ResourceLimitExceeded: The account-level service limit",
        ),
        (
            {"AlgorithmSpecification": algorithm | {"AlgorithmName": "a"}},
            "exactly one of TrainingImage and AlgorithmName",
        ),
        ({"AlgorithmSpecification": algorithm | {"MetricDefinitions": metric}}, "is no regex"),
        ({"InputDataConfig": [augmented]}, "S3DataType 'AugmentedManifestFile', it takes S3Prefix, ManifestFile"),
        ({"InputDataConfig": [cloud.channel("s3://b/k")] * 2}, "Channel names must be unique"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/k", "LocalPath": "/opt/ml/../x"}}, "must lie below /opt/ml"),
    ]
    for changes, reason in cases:
        assert reason in refused(cloud, **changes)


def test_pages_follow_one_another_while_jobs_come(cloud: Any) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names[:4]:
        cloud.start("listing", name=name)
    client = cloud.sagemaker
    first = client.list_training_jobs(NameContains="page-", SortBy="Name", MaxResults=2)
    cloud.start("listing", name=names[4])
    second = client.list_training_jobs(NameContains="page-", SortBy="Name", MaxResults=2, NextToken=first["NextToken"])
    pages = client.get_paginator("list_training_jobs").paginate(
        NameContains="page-", SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}
    )
    shown = [job["TrainingJobName"] for page in (first, second) for job in page["TrainingJobSummaries"]]
    assert shown == names[:4]
    assert [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]] == names[::-1]
    for name in names:
        assert cloud.settled(name)["TrainingJobStatus"] == "Completed"
    with pytest.raises(ClientError, match="Invalid NextToken"):
        client.list_training_jobs(NextToken="x")


def test_tags_belong_to_what_exists(cloud: Any) -> None:
    client = cloud.sagemaker
    job = cloud.train("listing", Tags=[{"Key": "team", "Value": "churn"}])
    arn = job["TrainingJobArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "sales"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "stage", "Value": "test"},
        {"Key": "team", "Value": "sales"},
    ]
    client.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert [tag["Key"] for tag in client.list_tags(ResourceArn=arn)["Tags"]] == ["stage"]
    with pytest.raises(ClientError, match="Could not find resource"):
        client.add_tags(ResourceArn=f"{arn}-not", Tags=[])
    with pytest.raises(ClientError, match="nothing to update"):
        client.update_training_job(TrainingJobName=job["TrainingJobName"])
