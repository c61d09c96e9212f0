"""Batch transform jobs: splitting, joining, filtering, failing."""

import gzip
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

LINES: dict[str, Any] = {"Input": {"SplitType": "Line"}, "Output": {"AssembleWith": "Line"}}


def test_one_output_an_input_in_the_order_of_its_records(cloud: Any) -> None:
    rows = [f"{number},1" for number in range(2_000)]
    uri = cloud.put(a="\n".join(rows[:1_500]), b_s_c="\n".join(rows[1_500:]) + "\n")
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    job = cloud.transform(uri, BatchStrategy="MultiRecord", MaxConcurrentTransforms=4, TransformResources=two, **LINES)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert cloud.keys(job["output"]) == ["a.out", "b/c.out"]
    found = cloud.read(f"{job['output']}a.out") + cloud.read(f"{job['output']}b/c.out")
    assert found.split() == [str(number + 1).encode() for number in range(2_000)]


def test_single_records_are_sent_many_at_once_and_written_in_order(cloud: Any) -> None:
    uri = cloud.put(a="\n".join(str(number) for number in range(200)))
    job = cloud.transform(uri, BatchStrategy="SingleRecord", MaxConcurrentTransforms=8, **LINES)
    assert cloud.read(f"{job['output']}a.out").split() == [str(number).encode() for number in range(200)]
    events = cloud.events("/aws/sagemaker/TransformJobs", job["TransformJobName"])
    assert sum("POST /invocations" in event for event in events) == 200


def test_inputs_are_filtered_and_outputs_joined(cloud: Any) -> None:
    uri = cloud.put(a="k1,1,2\nk2,3,4\n")
    job = cloud.transform(
        uri,
        Input={"SplitType": "Line"},
        Output={"AssembleWith": "Line"},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    assert cloud.read(f"{job['output']}a.out") == b"k1,3\nk2,7\n"
    lines = cloud.put(a='{"id": 1, "x": [1, 2]}\n{"id": 2, "x": [3]}\n')
    job = cloud.transform(
        lines,
        Input={"SplitType": "Line", "ContentType": "application/jsonlines"},
        Output={"AssembleWith": "Line", "Accept": "application/jsonlines"},
        DataProcessing={"JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert [json.loads(line) for line in cloud.read(f"{job['output']}a.out").splitlines()] == [
        {"id": 1, "SageMakerOutput": {"sum": 3}},
        {"id": 2, "SageMakerOutput": {"sum": 3}},
    ]


def test_a_compressed_whole_file_is_one_request(cloud: Any) -> None:
    job = cloud.transform(cloud.put(a__gz=gzip.compress(b"1,2\n3,4")), Input={"CompressionType": "Gzip"})
    assert cloud.read(f"{job['output']}a.gz.out") == b"3\n7"


def test_the_containers_own_parameters_count_where_the_request_gives_none(cloud: Any) -> None:
    told = json.dumps({"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 0})
    model = cloud.create_model(TOY_PARAMETERS=told)
    job = cloud.transform(cloud.put(a="1\n2"), model, Input={"SplitType": "Line"}, Output={"AssembleWith": "Line"})
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    posts = [e for e in cloud.events("/aws/sagemaker/TransformJobs", job["TransformJobName"]) if "POST" in e]
    assert len(posts) == 2


def test_failures_say_why_and_leave_no_output(cloud: Any) -> None:
    cases = [
        (cloud.transform(cloud.put(a="refuse")), "ClientError: Received client error (400)"),
        (cloud.transform(f"s3://{cloud.aws.bucket}/nothing/"), "No S3 objects found"),
        (cloud.transform(cloud.put(a="1"), name="doomed-1"), "ClientError: doomed"),
    ]
    for job, reason in cases:
        assert job["TransformJobStatus"] == "Failed"
        assert reason in job["FailureReason"]
        assert cloud.keys(job["output"]) == []


def test_server_errors_are_tried_again(cloud: Any) -> None:
    job = cloud.transform(cloud.put(a="1,2"), name="batch-1")
    assert cloud.read(f"{job['output']}a.out") == b"3"


def test_a_job_stops(cloud: Any) -> None:
    name = cloud.name()
    uri = cloud.put(a="wait 50")
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
    cloud.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=cloud.create_model(),
        TransformInput=source,
        TransformOutput={"S3OutputPath": f"s3://{cloud.aws.bucket}/stopped"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    cloud.sagemaker.stop_transform_job(TransformJobName=name)
    cloud.sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600}
    )
    assert cloud.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"] == "Stopped"
    shown = cloud.sagemaker.list_transform_jobs(StatusEquals="Stopped")["TransformJobSummaries"]
    assert name in [job["TransformJobName"] for job in shown]
    with pytest.raises(ClientError, match="is in status Stopped"):
        cloud.sagemaker.stop_transform_job(TransformJobName=name)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 6}, "must not exceed 100"),
        ({"DataProcessing": {"InputFilter": "[0]"}}, "must begin with"),
        ({"DataProcessing": {"InputFilter": "$[?(@.x)]"}}, "unsupported operator"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "needs SplitType Line"),
        ({"ModelName": "never"}, "Could not find model"),
    ],
)
def test_what_no_job_could_do_is_refused_at_once(cloud: Any, changes: dict, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        cloud.transform("s3://b/k", "any-model", **changes)
