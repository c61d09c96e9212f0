"""Tables and runs on ``s3a://``: the real client of Hadoop against a server that speaks S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sparring.errors import FolderInUseError
from sparring.io import storage
from sparring.run.lock import NAME, locked
from sparring_local_sagemaker import LocalAws


def test_a_table_on_s3_is_compared_and_the_run_is_written_there(small_run: Path, tmp_path: Path) -> None:
    with LocalAws() as aws:
        s3 = aws.client("s3")
        s3.upload_file(str(small_run.parent / "table.parquet"), aws.bucket, "data/table.parquet")
        config = yaml.safe_load(small_run.read_text())
        config["table"]["path"] = f"s3a://{aws.bucket}/data/table.parquet"
        config["resources"]["isolation"] = "session"
        config["leakage"] = {"enabled": False, "audit": False}
        (tmp_path / "s3.yaml").write_text(yaml.safe_dump(config))
        credentials = {
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ACCESS_KEY_ID": aws.access_key,
            "AWS_SECRET_ACCESS_KEY": aws.secret_key,
            "AWS_REGION": aws.region,
        }
        sparring = [sys.executable, "-c", "from sparring.cli import main; main()"]
        done = subprocess.run(
            [*sparring, "run", str(tmp_path / "s3.yaml"), "--output", f"s3a://{aws.bucket}/runs/one"],
            env={**os.environ, **credentials},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        again = subprocess.run(
            done.args, env={**os.environ, **credentials}, capture_output=True, text=True, timeout=300
        )
        assert again.stderr.count("kept from the run before") == 6, again.stderr[-2_000:]
        facts = json.loads(s3.get_object(Bucket=aws.bucket, Key="runs/one/report.json")["Body"].read())
        page = s3.get_object(Bucket=aws.bucket, Key="runs/one/report.html")["Body"].read()
    assert facts["rows"]["input"] == 4_000
    assert [c["status"] for c in facts["contenders"]] == ["ok", "ok"]
    assert page.startswith(b"<!doctype html>")


def test_a_folder_on_s3_has_one_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalAws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.secret_key)
        monkeypatch.setenv("AWS_DEFAULT_REGION", aws.region)
        folder = f"s3a://{aws.bucket}/runs/two"
        with locked(folder), pytest.raises(FolderInUseError, match=f"process {os.getpid()}"), locked(folder):
            pass
        assert not storage.exists(storage.join(folder, NAME))
        storage.write_json(storage.join(folder, NAME), {"host": "gone", "machine": "another", "beat": 0.0})
        with locked(folder):
            assert storage.read_json(storage.join(folder, NAME))["pid"] == os.getpid()
        path = storage.join(folder, "once")
        assert [storage.create_bytes(path, text) for text in (b"1", b"2")] == [True, False]
        assert storage.read_bytes(path) == b"1"
