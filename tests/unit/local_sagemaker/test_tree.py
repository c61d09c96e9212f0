"""Trees that nothing leads out of, instances, calls, images and records on disk."""

import os
from pathlib import Path

import pytest

from sparring.errors import ConfigError
from sparring.io.archives import tarfile
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.calls import identify, s3_operation
from sparring_local_sagemaker.guard import guarded, require_own_client
from sparring_local_sagemaker.instances import instance
from sparring_local_sagemaker.programs import Images
from sparring_local_sagemaker.state import Store, Tags
from sparring_local_sagemaker.storage import S3Object, download, download_archive, merged, tree_files


class Storage:
    """An S3 that gives every file the same content, or a prepared archive."""

    def __init__(self, archive: Path | None = None) -> None:
        self.archive = archive

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.archive.read_bytes() if self.archive else key.encode())


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "link/x"])
def test_no_key_leads_out_of_its_channel(tmp_path: Path, name: str) -> None:
    channel, outside = tmp_path / "channel", tmp_path / "outside"
    channel.mkdir()
    outside.mkdir()
    (channel / "link").symlink_to(outside)
    with pytest.raises(ValueError, match="leads out of its folder"):
        download(Storage(), [S3Object("b", name, 1, name)], channel)
    assert list(outside.iterdir()) == []
    download(Storage(), [S3Object("b", "k", 1, "deep/er/file")], channel)
    assert (channel / "deep/er/file").read_text() == "k"


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside"])
@pytest.mark.parametrize("folder", [True, False])
def test_no_link_takes_what_is_outside_along(tmp_path: Path, target: str, folder: bool) -> None:
    tree = tmp_path / "model"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "own").write_text("1")
    (tree / "sub" / "inner").symlink_to("own")
    assert [name for _, name in tree_files(tree)] == ["sub/inner", "sub/own"]
    (tree / "sub" / "out").symlink_to("/etc" if folder else target)
    with pytest.raises(ValueError, match="sub/out is a link that leads out"):
        list(tree_files(tree))


def test_of_files_of_one_name_the_first_hosts_counts(tmp_path: Path) -> None:
    for host in ("a", "b"):
        (tmp_path / host).mkdir()
        (tmp_path / host / "same").write_text(host)
        (tmp_path / host / f"own-{host}").write_text(host)
    found = merged([tmp_path / "a", tmp_path / "b"])
    assert {name: path.read_text() for name, path in found.items()} == {"own-a": "a", "own-b": "b", "same": "a"}


@pytest.mark.parametrize("kind", ["dots", "absolute", "link"])
def test_no_member_of_an_archive_leads_out(tmp_path: Path, kind: str) -> None:
    names = {"dots": "../evil", "absolute": str(tmp_path / "evil"), "link": "l"}
    member = tarfile.TarInfo(names[kind])
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "../../evil"
    packed = tmp_path / "packed.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.addfile(member)
    with pytest.raises(RuntimeError, match=r"valid tar\.gz archive"):
        download_archive(Storage(packed), "s3://b/k", tmp_path / "opt-ml" / "model")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("kind", "cores", "memory"),
    [
        ("ml.m5.large", 2, 8),
        ("ml.m5.xlarge", 4, 16),
        ("ml.m5.24xlarge", 96, 384),
        ("ml.c5.2xlarge", 8, 16),
        ("ml.r5.4xlarge", 16, 128),
        ("ml.t3.medium", 2, 4),
        ("ml.p3.2xlarge", 8, 61),
        ("ml.g5.xlarge", 4, 16),
    ],
)
def test_instances_have_what_amazon_says(kind: str, cores: int, memory: float) -> None:
    found = instance(kind)
    assert found == (cores, memory)
    threads = int(found.variables()["OMP_NUM_THREADS"])  # type: ignore[union-attr]
    assert 1 <= threads <= min(cores, os.cpu_count() or 1)
    assert instance("ml.unheard.of") is None


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("GET", "/", "", "ListBuckets"),
        ("PUT", "/bkt", "", "CreateBucket"),
        ("GET", "/bkt", "list-type=2&prefix=x", "ListObjectsV2"),
        ("GET", "/bkt/", "", "ListObjects"),
        ("POST", "/bkt", "delete", "DeleteObjects"),
        ("PUT", "/bkt/k/x", "", "PutObject"),
        ("PUT", "/bkt/k", "partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/bkt/k", "uploads", "CreateMultipartUpload"),
        ("POST", "/bkt/k", "uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/bkt/k", "uploadId=u", "AbortMultipartUpload"),
        ("DELETE", "/bkt/k", "", "DeleteObject"),
        ("HEAD", "/bkt/k", "", "HeadObject"),
        ("PATCH", "/bkt/k", "", "Other"),
    ],
)
def test_s3_operations_are_told_apart(method: str, path: str, query: str, operation: str) -> None:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    assert s3_operation(environ)[0] == operation


@pytest.mark.parametrize("path", ["/..", "/.", "/a", "/UPPER", "/a..b", "/b t", "/-ab", "/" + "a" * 64, "/\xff\xfe/k"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_what_names_no_bucket_gets_no_further(path: str, method: str) -> None:
    with pytest.raises(AwsError, match=r"not valid|Couldn't parse"):
        s3_operation({"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": ""})
    if method != "GET":
        with pytest.raises(AwsError, match="not allowed"):
            s3_operation({"REQUEST_METHOD": method, "PATH_INFO": "/", "QUERY_STRING": ""})


@pytest.mark.parametrize("key", ["a b", "ü/x", "%20", "%2e%2e", "../x", "a//b", "ts=2024-01-01 00%3A00%3A00/"])
def test_a_key_is_what_the_client_named(key: str) -> None:
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": f"/bucket/{key}".encode().decode("latin-1"), "QUERY_STRING": ""}
    assert s3_operation(environ) == ("PutObject", f"bucket/{key}")


def test_a_bucket_may_stand_in_the_hosts_name() -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/k", "QUERY_STRING": "", "HTTP_HOST": "bucket.localhost:1"}
    assert identify(environ, "s3").name == "bucket/k"
    assert environ["HTTP_HOST"] == "localhost:1"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "bucket.localhost:1", "[::1]:80"])
def test_loopback_names_are_served(host: str) -> None:
    require_own_client({"HTTP_HOST": host})
    for wrong in (f"{host}.evil.example", "localhost.evil.example", "evillocalhost", ""):
        with pytest.raises(AwsError, match="loopback only"):
            require_own_client({"HTTP_HOST": wrong})


@pytest.mark.parametrize(
    "told",
    [
        {"HTTP_ORIGIN": "http://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "http://127.0.0.1:2"},
        {"HTTP_ORIGIN": "https://127.0.0.1:1"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site", "HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "iframe"},
        {"REQUEST_METHOD": "OPTIONS"},
    ],
)
def test_other_origins_and_their_preflights_are_refused(told: dict[str, str]) -> None:
    environ = {"HTTP_HOST": "127.0.0.1:1", "REQUEST_METHOD": "GET"}
    require_own_client(environ | {"HTTP_ORIGIN": "http://127.0.0.1:1", "HTTP_SEC_FETCH_SITE": "same-origin"})
    with pytest.raises(AwsError) as refused:
        require_own_client(environ | told)
    assert refused.value.status == 403


def test_no_answer_is_shared_with_another_origin() -> None:
    shared = [("Access-Control-Allow-Origin", "*"), ("access-control-allow-headers", "x"), ("ETag", "1")]
    names = [name.lower() for name, _ in guarded(shared)]
    assert "etag" in names
    assert not [name for name in names if name.startswith("access-control")]


def test_images_are_found_by_registration_then_script_mode_then_algorithm() -> None:
    own = {"images": [{"uri": "*/xgboost:9", "train": ["mine"], "environment": {"A": "1"}}]}
    images = Images.read(str(own).replace("'", '"'))
    assert images.find("r/xgboost:9", "train", {}).command == ["mine"]
    with pytest.raises(RuntimeError, match="without a serve command"):
        images.find("r/xgboost:9", "serve", {})
    assert images.find("r/xgboost:1", "train", {}).command[-2:] == [
        "sparring_local_sagemaker.algorithms.xgboost_programs",
        "train",
    ]
    script = images.find("r/pytorch-training:2", "train", {"sagemaker_program": '"t.py"'})
    assert script.command[-2:] == ["sparring.container.script_mode", "train"]
    with pytest.raises(RuntimeError, match="does not run in the local emulator"):
        images.find("r/pytorch-training:2", "train", {})
    with pytest.raises(ConfigError, match="is not valid"):
        Images.read("/nowhere.yaml")


def test_records_and_tags_are_found_again(tmp_path: Path) -> None:
    store = Store("model", tmp_path)
    store.put("M", {"a": 1})
    store.put("gone", {})
    store.delete("gone")
    again = Store("model", tmp_path)
    assert again.found("M") == {"a": 1}
    with pytest.raises(AwsError, match=r'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/gone"'):
        again.found("gone")
    with pytest.raises(AwsError, match="already existing"):
        again.refuse_twice("M")
    tags = Tags(tmp_path)
    tags.add("arn", [{"Key": str(n), "Value": "v"} for n in range(50)])
    with pytest.raises(AwsError, match="Too many tags: 51"):
        tags.add("arn", [{"Key": "one more", "Value": "v"}])
    assert len(Tags(tmp_path).of("arn")) == 50
