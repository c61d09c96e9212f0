"""The server itself: what it refuses, what it survives, what it leaves behind, and its page."""

import http.client
import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from playwright.sync_api import Browser, sync_playwright

from sparring.errors import SageMakerError
from sparring_local_sagemaker import LocalAws


def ask(cloud: Any, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(cloud.aws.endpoint_url.removeprefix("http://"), timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


# -- what it refuses -----------------------------------------------------------------------------------------


def test_a_request_without_a_whole_signature_is_refused_as_aws_does(cloud: Any) -> None:
    status, body = ask(cloud, "POST", "/", b"{}", X_Amz_Target="SageMaker.ListModels")
    assert (status, json.loads(body)["__type"]) == (403, "MissingAuthenticationToken")
    half = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sagemaker/aws4_request"
    status, body = ask(cloud, "POST", "/", b"{}", X_Amz_Target="SageMaker.ListModels", Authorization=half)
    assert (status, json.loads(body)["__type"]) == (400, "IncompleteSignature")
    assert b"requires 'Signature'" in body
    anonymous = boto3.client("s3", endpoint_url=cloud.aws.endpoint_url, config=Config(signature_version=UNSIGNED))
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        anonymous.get_object(Bucket=cloud.aws.bucket, Key="any")
    status, _ = ask(cloud, "POST", "/moto-api/reset")
    assert status == 403


def test_a_presigned_address_needs_no_header(cloud: Any) -> None:
    uri = cloud.put(a="open")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    url = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": f"{prefix}a"})
    assert ask(cloud, "GET", url.removeprefix(cloud.aws.endpoint_url)) == (200, b"open")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "169.254.169.254", ""])
def test_a_foreign_host_name_is_refused(cloud: Any, host: str) -> None:
    token = cloud.aws.page_url.removeprefix(cloud.aws.endpoint_url)
    assert ask(cloud, "GET", token, Host=host)[0] == 403
    assert ask(cloud, "GET", token, Host="localhost:1")[0] == 303


def test_a_request_that_is_no_json_is_refused(cloud: Any) -> None:
    for body in (b"{", b"[]", b"\xff"):
        headers = {"X-Amz-Target": "SageMaker.ListEndpoints"}
        signed = cloud.aws.signed_headers("sagemaker", "POST", "/", body, headers)
        status, answer = ask(cloud, "POST", "/", body, **signed)
        assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


# -- what it survives ----------------------------------------------------------------------------------------


def test_half_an_object_is_not_stored_when_its_client_vanishes(cloud: Any) -> None:
    url = cloud.s3.generate_presigned_url("put_object", Params={"Bucket": cloud.aws.bucket, "Key": "half"})
    path = url.removeprefix(cloud.aws.endpoint_url)
    host, _, port = cloud.aws.endpoint_url.removeprefix("http://").partition(":")
    for head in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        with socket.create_connection((host, int(port))) as connection:
            begin = b"5\r\nhello" if "chunked" in head else b"hello"
            connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n\r\n".encode() + begin)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
    with pytest.raises(ClientError, match="404"):
        cloud.s3.head_object(Bucket=cloud.aws.bucket, Key="half")


def test_faults_of_the_way_there_are_survived_by_clients_that_try_again(cloud: Any) -> None:
    for key in ("slow-down", "dropped", "cut"):
        cloud.s3.put_object(Bucket=cloud.aws.bucket, Key=key, Body=b"whole")
    first = cloud.s3.get_object(Bucket=cloud.aws.bucket, Key="cut")["Body"]
    with pytest.raises(Exception, match=r"IncompleteRead|Connection broken|2 bytes"):
        first.read()
    for key in ("slow-down", "dropped", "cut"):
        assert cloud.s3.get_object(Bucket=cloud.aws.bucket, Key=key)["Body"].read() == b"whole"
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        cloud.sagemaker.list_models()
    cloud.sagemaker.list_models()


def test_access_that_is_denied_to_the_platform_fails_the_job(cloud: Any) -> None:
    cloud.s3.put_object(Bucket=cloud.aws.bucket, Key="denied/a", Body=b"1")
    job = cloud.train("listing", InputDataConfig=[cloud.channel(f"s3://{cloud.aws.bucket}/denied/")])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed: An error occurred (AccessDenied)")


def test_a_fault_file_that_is_wrong_is_refused_with_the_place(tmp_path: Path) -> None:
    wrong = {"faults": [{"name": "x", "match": {"operation": "s3:GetObject"}, "effect": {"kind": "interrupt"}}]}
    with pytest.raises(SageMakerError, match="interrupt does not happen at s3:GetObject"):
        LocalAws(faults=wrong).start()


def test_a_restart_finds_objects_jobs_and_endpoints_again(images: Any, cloud_of: Any, tmp_path: Path) -> None:
    with LocalAws(str(tmp_path / "state"), images=images) as aws:
        cloud = cloud_of(aws)
        cloud.put(a="kept", gone="x")
        cloud.s3.delete_object(Bucket=aws.bucket, Key="data/n1/gone")
        cloud.s3.put_object(Bucket=aws.bucket, Key="typed", Body=b"t", ContentType="text/csv", Metadata={"m": "v"})
        job = cloud.train("listing", Tags=[{"Key": "a", "Value": "b"}])
        endpoint = cloud.deploy(cloud.variant(model=cloud.create_model(TOY_MARK="same")))
        running = cloud.start("sleeps")
        server = aws._process.pid
        programs = psutil.Process(server).children(recursive=True)
        os.kill(server, signal.SIGKILL)
        _, alive = psutil.wait_procs(programs, timeout=30)
        assert alive == [], "a killed server leaves no process"
    with LocalAws(str(tmp_path / "state"), images=images) as again:
        later = cloud_of(again)
        assert later.read(f"s3://{aws.bucket}/data/n1/a") == b"kept"
        assert later.keys(f"s3://{aws.bucket}/data/n1/") == ["a"]
        typed = later.s3.get_object(Bucket=aws.bucket, Key="typed")
        assert (typed["ContentType"], typed["Metadata"]) == ("text/csv", {"m": "v"})
        found = later.settled(job["TrainingJobName"])
        assert {k: v for k, v in found.items() if k != "ResponseMetadata"} == {
            k: v for k, v in job.items() if k != "ResponseMetadata"
        }
        assert later.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
        lines = later.events("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
        assert lines == ["no line end"]
        assert later.endpoint_settled(endpoint)["EndpointStatus"] == "InService"
        assert later.invoke(endpoint) == "same"
        lost = later.settled(running)
        assert lost["TrainingJobStatus"] == "Failed"
        assert "went down while the job ran" in lost["FailureReason"]
        with pytest.raises(ClientError, match="must be unique"):
            later.start("listing", name=job["TrainingJobName"])


def test_a_killed_server_leaves_no_temporary_folder(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path))
        aws = LocalAws()
        aws.start()
    assert len(list(tmp_path.iterdir())) == 1
    watchdog = psutil.Process(aws._process.pid).children()
    os.kill(aws._process.pid, signal.SIGKILL)
    psutil.wait_procs(watchdog, timeout=30)
    assert list(tmp_path.iterdir()) == []
    aws.stop()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a real /opt/ml needs root")
def test_an_image_can_have_a_real_opt_ml(images: Any, cloud_of: Any) -> None:
    pytest.importorskip("sparring.container.isolation", reason="this build cannot isolate /opt/ml")
    program = ["sh", "-c", "cp /opt/ml/input/config/hyperparameters.json /opt/ml/model/seen"]
    with LocalAws(images={"images": [{"uri": "*/toy:*", "train": program, "isolate": True}]}) as aws:
        cloud = cloud_of(aws)
        assert json.loads(cloud.model(cloud.train("anything"))["seen"]) == {"do": "anything"}


# -- the page ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("No Chromium was found. Run: apt-get install -y chromium (or set CHROMIUM to its path).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def test_the_page_shows_jobs_endpoints_logs_and_buckets_and_asks_nobody_else(cloud: Any, browser: Browser) -> None:
    endpoint = cloud.deploy(cloud.variant())
    job = cloud.train("stepwise")["TrainingJobName"]
    failed = cloud.train("fails")["TrainingJobName"]
    cloud.put(**{"x<script>alert(1)<_s_script>": "1"})
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(cloud.aws.page_url)
    rows = {
        row.locator("td").first.inner_text(): row.inner_text() for row in page.locator("#training-jobs tbody tr").all()
    }
    assert "Completed" in rows[job]
    assert "exit code: 3" in rows[failed]
    assert "InService" in page.locator("#endpoints").inner_text()
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "5"
    if folder := os.environ.get("SPARRING_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/local-aws.png", full_page=True)
    page.get_by_role("link", name=job, exact=True).click()
    assert "step=20 loss=0.0500;" in page.locator(".log pre").inner_text()
    assert "Uploading" in page.locator("table").first.inner_text()
    if folder:
        page.screenshot(path=f"{folder}/local-aws-job.png", full_page=True)
    page.goto(cloud.aws.endpoint_url)
    page.get_by_role("link", name=endpoint, exact=True).click()
    assert "serving starts" in page.locator(".log pre").inner_text()
    page.goto(cloud.aws.endpoint_url)
    page.get_by_role("link", name=cloud.aws.bucket, exact=True).click()
    assert "x<script>alert(1)</script>" in page.locator("table").inner_text()
    for nowhere in ("/page/training-jobs/never", "/page/secrets/x", "/page/buckets/never"):
        assert page.goto(cloud.aws.endpoint_url + nowhere).status == 404  # type: ignore[union-attr]
    assert {url.startswith((cloud.aws.endpoint_url, "data:")) for url in asked} == {True}
    assert [text for text in said if "404" not in text] == []
    page.close()
    cloud.sagemaker.delete_endpoint(EndpointName=endpoint)
