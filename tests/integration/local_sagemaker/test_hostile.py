"""A web page, a neighbour or a typo changes nothing: unsigned requests, and the attack of a real browser."""

from __future__ import annotations

import http.client
import importlib.util
import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from playwright.sync_api import Page, sync_playwright

from sparring_local_sagemaker import LocalAws


def fuzz_module() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "local_fuzz.py"
    spec = importlib.util.spec_from_file_location("local_fuzz", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz = fuzz_module()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def server(folder: Path, images: Any) -> Iterator[LocalAws]:
    with LocalAws(str(folder), images=images) as aws:
        fuzz.prepared(aws)
        yield aws


def test_what_nobody_signed_changes_nothing(server: LocalAws, folder: Path) -> None:
    before = fuzz.state_of(server, folder)
    statuses = fuzz.storm(server, 4_000, seed=1)
    assert fuzz.state_of(server, folder) == before
    # Nothing is answered but what is open to all, the closed page, and that not at all.
    assert {status for status in statuses if status < 400} <= {0}


@pytest.mark.parametrize(
    "path", ["/moto-api/reset", "/moto-api/state-manager/unset-transition", "/..", "/%2e%2e", "//"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_even_the_owner_reaches_neither_motos_controls_nor_what_is_no_bucket(
    server: LocalAws, folder: Path, method: str, path: str
) -> None:
    before = fuzz.state_of(server, folder)
    address = server.endpoint_url.removeprefix("http://")
    headers = {**server.signed_headers("s3", method, path), "Host": address}
    with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        status, _ = fuzz.asked(connection, (method, path, b"", headers))
    assert status >= 400
    assert fuzz.state_of(server, folder) == before


def test_old_signatures_of_queries_are_refused_with_the_way_out(server: LocalAws) -> None:
    old = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(signature_version="s3"),
    )
    with pytest.raises(ClientError, match="s3v4"):
        old.list_buckets()


def test_keys_that_iam_and_sts_handed_out_are_good_until_they_are_taken_back(server: LocalAws) -> None:
    def buckets(key: str, secret: str, token: str | None = None) -> list[Any]:
        keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
        client = boto3.client("s3", endpoint_url=server.endpoint_url, region_name=server.region, **keys)
        return client.list_buckets()["Buckets"]

    iam, sts = server.client("iam"), server.client("sts")
    iam.create_user(UserName="someone")
    key = iam.create_access_key(UserName="someone")["AccessKey"]
    assert buckets(key["AccessKeyId"], key["SecretAccessKey"])
    iam.delete_access_key(UserName="someone", AccessKeyId=key["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        buckets(key["AccessKeyId"], key["SecretAccessKey"])
    role = sts.assume_role(RoleArn=server.role_arn, RoleSessionName="session")["Credentials"]
    assert buckets(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        buckets(role["AccessKeyId"], role["SecretAccessKey"], "another")
    # moto's STS gives everybody the same secret here.
    session = sts.get_session_token()["Credentials"]
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        buckets(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    iam.delete_user(UserName="someone")


def test_two_servers_do_not_know_each_others_secrets(server: LocalAws) -> None:
    with LocalAws() as other:
        assert other.secret_key != server.secret_key
        other.endpoint_url = server.endpoint_url
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            other.client("s3").list_buckets()


# -- a browser -----------------------------------------------------------------------------------------------

ATTACK = """async ([url, bucket, stamp]) => {
  const scope = service => `sparring-local/${stamp.slice(0, 8)}/us-east-1/${service}/aws4_request`;
  const made = (service, signed) => ({'Authorization':
    `AWS4-HMAC-SHA256 Credential=${scope(service)}, SignedHeaders=${signed}, Signature=${'0'.repeat(64)}`,
    'X-Amz-Date': stamp});
  const job = JSON.stringify({TrainingJobName: 'owned', AlgorithmSpecification: {TrainingImage: 'x/xgboost:1',
    TrainingInputMode: 'File'}});
  const tries = {
    'read by an old query': [`${url}/${bucket}/kept?AWSAccessKeyId=x&Signature=y`, {}],
    'read by a query of Version 4': [`${url}/${bucket}/kept?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=` +
      encodeURIComponent(scope('s3')) + `&X-Amz-Date=${stamp}&X-Amz-Expires=600&X-Amz-SignedHeaders=host` +
      `&X-Amz-Signature=${'0'.repeat(64)}`, {}],
    'upload without a preflight': [`${url}/${bucket}/owned?AWSAccessKeyId=x&Signature=y`, {method: 'POST', body: 'x'}],
    'upload with a preflight': [`${url}/${bucket}/owned?AWSAccessKeyId=x&Signature=y`, {method: 'PUT', body: 'x'}],
    'start a job': [url, {method: 'POST', body: job,
      headers: {...made('sagemaker', 'host'), 'X-Amz-Target': 'SageMaker.CreateTrainingJob'}}],
    'start a job as a simple request': [url, {method: 'POST', body: job, headers: {'Content-Type': 'text/plain'}}],
    'reset moto': [`${url}/moto-api/reset`, {method: 'POST'}],
    'empty the state': [`${url}/..%2f`, {method: 'DELETE'}],
    'read the page': [url, {credentials: 'include'}],
    'read logs': [`${url}/page/buckets/${bucket}`, {credentials: 'include'}],
  };
  const read = {};
  for (const mode of ['cors', 'no-cors'])
    for (const [name, [address, options]] of Object.entries(tries)) {
      try {
        const answer = await fetch(address, {...options, mode});
        read[`${name} (${mode})`] = answer.type === 'opaque' ? null : `${answer.status} ${await answer.text()}`;
      } catch (error) { read[`${name} (${mode})`] = null; }
    }
  return read;
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """Another site's page: of another port, so of another origin, and of the same site, which is worse."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>cats</title><iframe name='frame'></iframe>")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}/"
        other.shutdown()


@pytest.fixture(scope="module")
def page(elsewhere: str) -> Iterator[Page]:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("No Chromium was found. Run: apt-get install -y chromium (or set CHROMIUM to its path).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("known", [False, True], ids=["a stranger", "somebody who has the page open"])
def test_a_web_page_of_another_origin_reads_and_does_nothing(
    server: LocalAws, folder: Path, elsewhere: str, page: Page, host: str, known: bool
) -> None:
    before = fuzz.state_of(server, folder)
    if known:
        assert page.goto(server.page_url).status == 200  # type: ignore[union-attr]
    page.goto(elsewhere)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    read = page.evaluate(ATTACK, [server.endpoint_url.replace("127.0.0.1", host), server.bucket, stamp])
    assert len(read) == 20
    assert {name: text for name, text in read.items() if text is not None} == {}
    assert fuzz.state_of(server, folder) == before


def test_a_form_and_a_frame_of_another_origin_do_nothing(
    server: LocalAws, folder: Path, elsewhere: str, page: Page
) -> None:
    before = fuzz.state_of(server, folder)
    page.goto(server.page_url)
    page.goto(elsewhere)
    page.evaluate(
        """url => { const form = document.createElement('form'); form.method = 'POST'; form.target = 'frame';
        form.action = url; document.body.append(form); form.submit(); }""",
        f"{server.endpoint_url}/{server.bucket}/owned?AWSAccessKeyId=x&Signature=y",
    )
    framing = """url => new Promise(done => { const frame = document.querySelector('iframe');
        frame.onload = done; frame.src = url; })"""
    page.evaluate(framing, server.endpoint_url)
    framed = page.frames[1]
    assert "Local SageMaker" not in framed.content()
    assert fuzz.state_of(server, folder) == before


def test_the_page_opens_by_its_token_and_not_without(server: LocalAws, page: Page) -> None:
    page.context.clear_cookies()
    assert page.goto(server.endpoint_url).status == 403  # type: ignore[union-attr]
    assert server.bucket not in page.content()
    assert page.goto(server.page_url).status == 200  # type: ignore[union-attr]
    assert "token" not in page.url
    assert server.bucket in page.content()
    assert page.goto(f"{server.endpoint_url}/page/buckets/{server.bucket}").status == 200  # type: ignore[union-attr]


def test_an_object_that_is_a_web_page_runs_nothing(server: LocalAws, page: Page) -> None:
    s3 = server.client("s3")
    script = b"<script>document.title = 'ran'</script><title>still</title>"
    s3.put_object(Bucket=server.bucket, Key="page.html", Body=script, ContentType="text/html")
    page.goto(s3.generate_presigned_url("get_object", Params={"Bucket": server.bucket, "Key": "page.html"}))
    assert page.title() == "still"


# -- what programs see ---------------------------------------------------------------------------------------


def test_programs_see_nothing_of_the_users_shell(cloud_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "MY_PASSWORD", "AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONSTARTUP", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "the user's")
    image = [
        {
            "uri": "*/env:*",
            "train": ["sh", "-c", 'env > "$SAGEMAKER_BASE_DIR/model/env"; ls -a ~ > ~/../opt-ml/model/home'],
        }
    ]
    with LocalAws(images={"images": image}) as aws:
        cloud = cloud_of(aws)
        algorithm = {"TrainingImage": "x/env:1", "TrainingInputMode": "File"}
        job = cloud.train("", AlgorithmSpecification=algorithm, HyperParameters={}, Environment={"MINE": "1"})
        files = cloud.model(job)
        seen = dict(line.split("=", 1) for line in files["env"].decode().splitlines() if "=" in line)
        assert "the user's" not in seen.values()
        assert seen["MINE"] == "1"
        assert seen["AWS_SECRET_ACCESS_KEY"] == aws.secret_key
        of_aws = {name for name in seen if name.startswith("AWS_")}
        assert of_aws == {
            f"AWS_{n}" for n in ("ENDPOINT_URL", "REGION", "DEFAULT_REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
        }
        assert seen["HOME"] != os.environ.get("HOME")
        assert files["home"].split() == [b".", b".."]


def test_what_programs_leave_on_the_disk_goes_with_them(cloud_of: Any, images: Any, tmp_path: Path) -> None:
    with LocalAws(str(tmp_path), images=images) as aws:
        cloud = cloud_of(aws)
        uri = cloud.put(a="1,2")
        cloud.train("listing", InputDataConfig=[cloud.channel(uri)])
        endpoint = cloud.deploy(cloud.variant())
        cloud.transform(uri)
        assert [path for path in tmp_path.rglob("opt-ml") if "endpoints" in path.parts]
        cloud.sagemaker.delete_endpoint(EndpointName=endpoint)
        cloud.wait_for(lambda: not cloud.sagemaker.list_endpoints()["Endpoints"], "no endpoint")
        left = {path.name for path in tmp_path.rglob("*") if path.is_file() and not {"s3", "records"} & set(path.parts)}
    assert left <= {"log.txt", "logs.jsonl", "tags.json", "lock"}


def test_a_model_that_unfolds_without_end_is_refused(cloud_of: Any, images: Any, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        bomb = tarfile.TarInfo("bomb")
        bomb.size = 100 * 2**20
        archive.addfile(bomb, io.BytesIO(bytes(bomb.size)))
    with LocalAws(str(tmp_path), images=images) as aws:
        cloud = cloud_of(aws)
        cloud.s3.put_object(Bucket=aws.bucket, Key="model.tar.gz", Body=packed.getvalue())
        container = {"Image": "x/toy:1", "ModelDataUrl": f"s3://{aws.bucket}/model.tar.gz"}
        cloud.sagemaker.create_model(ModelName="bomb", ExecutionRoleArn=aws.role_arn, PrimaryContainer=container)
        name = cloud.name()
        config = cloud.config(cloud.variant(model="bomb"))
        cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        failed = cloud.endpoint_settled(name)
        assert failed["EndpointStatus"] == "Failed"
        assert "more than 500 times" in failed["FailureReason"]
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 2**20
