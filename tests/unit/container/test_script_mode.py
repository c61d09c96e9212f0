"""Script mode: the user's source, arguments, variables, requirements, failures, stops and handlers."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sparring.container import script_mode
from sparring.container.check import ContainerCheck, Limits, Payload, check_container
from sparring.container.codecs import decode, encode
from sparring.container.handlers import ScriptPredictor
from sparring.container.isolation import can_isolate
from sparring.container.pipes import PipeFeeder
from sparring.container.source_code import install_source, unpack
from sparring.container.training import TrainingEnvironment
from sparring.container.tree import BASE_VARIABLE, Tree, lay_out
from sparring_local_sagemaker import LocalAws

SCRIPT = """
import argparse, json, os, shutil, sys
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
parser.add_argument("--mode", default="ok")
given = parser.parse_args()
if given.mode == "fail":
    sys.exit("the loss is NaN")
rows = open(os.environ["SM_CHANNEL_TRAIN"] + "/rows.csv").read().split()
seen = {"args": vars(given), "sum": sum(map(float, rows)), "cwd": os.getcwd()}
seen["sm"] = {k: v for k, v in os.environ.items() if k.startswith("SM_")}
model = os.environ["SM_MODEL_DIR"]
json.dump(seen, open(model + "/model.json", "w"))
shutil.copytree("serving", model + "/code")
"""
INFERENCE = """
import json
def model_fn(folder):
    total = json.load(open(folder + "/model.json"))["sum"]
    return lambda data: data.sum(axis=1) + total
"""
# Says that it runs once its handler is there, and ends with a checkpoint.
WAITS = """
import os, signal, sys
from pathlib import Path
def stop(*_):
    Path(os.environ["SM_MODEL_DIR"], "..", "checkpoints", "saved").write_text("step 7")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("waiting", flush=True)
signal.pause()
"""


def archived(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            packed.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sourcedir.tar.gz"
    path.write_bytes(archived({"train.py": SCRIPT, "wait.py": WAITS, "serving/inference.py": INFERENCE}))
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text("1\n2\n4\n")
    return tmp_path / "rows.csv"


def laid_out(folder: Path, rows: Path, source: Path, **hyperparameters: object) -> Tree:
    """A tree as the SDK has it laid out: every hyperparameter is JSON text."""
    own = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source), **hyperparameters}
    encoded = {name: json.dumps(value) for name, value in own.items()}
    tree = lay_out(folder, encoded, {"train": {"ContentType": "text/csv"}}, ["algo-2", "algo-1"], "algo-2")
    (tree.data / "train" / "rows.csv").write_text(rows.read_text())
    return tree


def run(program: str, tree: Tree, **variables: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "sparring.container.script_mode", program]
    environment = {**os.environ, BASE_VARIABLE: str(tree.base), **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_script_has_its_arguments_and_the_toolkits_variables(tmp_path: Path, rows: Path, source: Path) -> None:
    tree = laid_out(tmp_path / "ml", rows, source, lr=0.1, epochs=3)
    done = run("train", tree, TRAINING_JOB_NAME="job-1")
    assert done.returncode == 0, done.stderr
    seen = json.loads((tree.model / "model.json").read_text())
    assert seen["args"] == {"lr": 0.1, "epochs": 3, "mode": "ok"}
    assert (seen["sum"], seen["cwd"]) == (7.0, str(tree.code))
    sm = seen["sm"]
    assert sm["SM_HOSTS"] == '["algo-1","algo-2"]'
    assert sm["SM_CURRENT_HOST"] == "algo-2"
    assert sm["SM_CHANNELS"] == '["train"]'
    assert sm["SM_CHANNEL_TRAIN"] == str(tree.data / "train")
    assert json.loads(sm["SM_HPS"]) == {"lr": 0.1, "epochs": 3}
    assert (sm["SM_HP_LR"], sm["SM_NUM_CPUS"], sm["SM_USER_ENTRY_POINT"]) == ("0.1", str(os.cpu_count()), "train.py")
    assert sm["SM_USER_ARGS"] == '["--epochs","3","--lr","0.1"]'
    assert sm["SM_OUTPUT_DATA_DIR"] == str(tree.output_data)
    assert int(sm["SM_NUM_GPUS"]) >= 0
    training = json.loads(sm["SM_TRAINING_ENV"])
    assert (training["job_name"], training["is_master"]) == ("job-1", False)


def test_what_a_script_says_last_becomes_the_failure(tmp_path: Path, rows: Path, source: Path) -> None:
    tree = laid_out(tmp_path / "ml", rows, source, mode="fail")
    done = run("train", tree)
    assert done.returncode == 1
    failure = tree.failure.read_text()
    assert failure.startswith("ExecuteUserScriptError: ")
    assert "ended with code 1" in failure
    assert "the loss is NaN" in failure
    assert "the loss is NaN" in done.stderr


def test_a_stop_reaches_the_script_which_saves_its_checkpoint(tmp_path: Path, rows: Path, source: Path) -> None:
    tree = laid_out(tmp_path / "ml", rows, source, sagemaker_program="wait.py")
    command = [sys.executable, "-m", "sparring.container.script_mode", "train"]
    environment = {**os.environ, BASE_VARIABLE: str(tree.base), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "waiting\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert (tree.checkpoints / "saved").read_text() == "step 7"
    assert not tree.failure.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sagemaker_program": "absent.py"}, "sagemaker_program 'absent.py' is not in the source, which holds serving"),
        ({"sagemaker_program": ""}, "hyperparameter sagemaker_program is missing"),
        ({"sagemaker_submit_directory": "/absent.tar.gz"}, "'/absent.tar.gz' cannot be read"),
        ({"sagemaker_submit_directory": "ftp://x/y"}, "is neither s3:// nor a path"),
        ({"sagemaker_program": "no.such.module"}, "neither a .py, a .sh nor a module"),
    ],
)
def test_a_source_that_cannot_run_is_refused_with_the_reason(
    changes: dict[str, str], reason: str, tmp_path: Path, rows: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = laid_out(tmp_path / "ml", rows, source, **changes)
    monkeypatch.setenv(BASE_VARIABLE, str(tree.base))
    with pytest.raises(ValueError) as caught:
        script_mode.train(TrainingEnvironment.read())
    assert reason in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "absolute", "symlink", "hardlink"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(kind: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        entry = tarfile.TarInfo({"file": "../evil", "absolute": str(tmp_path / "evil")}.get(kind, "link"))
        if kind in ("symlink", "hardlink"):
            entry.type = tarfile.SYMTYPE if kind == "symlink" else tarfile.LNKTYPE
            entry.linkname = "../../secret"
        packed.addfile(entry, io.BytesIO())
    (tmp_path / "code").mkdir()
    with pytest.raises(ValueError, match="ClientError"):
        unpack(stream.getvalue(), tmp_path / "code", "sourcedir.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["code"]
    with pytest.raises(ValueError, match="it is no readable archive"):
        unpack(b"no archive", tmp_path / "code", "sourcedir.tar.gz")


def test_requirements_are_installed_into_a_folder_of_the_job(tmp_path: Path) -> None:
    code = tmp_path / "ml" / "code"
    code.mkdir(parents=True)
    with zipfile.ZipFile(code / "tinypack-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinypack.py", "VALUE = 42\n")
        wheel.writestr("tinypack-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinypack\nVersion: 1.0\n")
        wheel.writestr("tinypack-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tinypack-1.0.dist-info/RECORD", "tinypack.py,,\n")
    (code / "requirements.txt").write_text("./tinypack-1.0-py3-none-any.whl\n")
    install_source("", code)
    assert (tmp_path / "ml" / "packages" / "tinypack.py").exists()
    (code / "requirements.txt").write_text("./absent-1.0-py3-none-any.whl\n")
    with pytest.raises(ValueError, match="InstallRequirementsError"):
        install_source("", code)


def test_pipe_mode_gives_the_whole_channel_once_an_epoch(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file, text in zip(files, (b"x" * 200_000, b"end"), strict=True):
        file.write_bytes(text)
    whole = b"x" * 200_000 + b"end"
    channels = {"piped": {"TrainingInputMode": "Pipe"}, "filed": {}}
    tree = lay_out(tmp_path / "ml", {}, channels)
    (tree.data / "filed" / "a").write_bytes(files[0].read_bytes())
    (tree.data / "filed" / "b").write_bytes(files[1].read_bytes())
    environment = TrainingEnvironment(tree.base, {}, channels)
    with PipeFeeder(tree.data, "piped", files):
        for epoch in (0, 1):
            with environment.stream("piped", epoch) as stream:
                assert stream.read() == whole
        with environment.stream("piped", 2) as stream:
            assert stream.read(10) == b"x" * 10
        with environment.stream("piped", 3) as stream:
            assert stream.read() == whole
    for _ in (0, 1):
        with environment.stream("filed") as stream:
            assert stream.read(200_000) == b"x" * 200_000
            assert stream.read() == b"end"
    with (
        pytest.raises(ValueError, match=r"no channel 'absent', only piped, filed"),
        environment.stream("absent"),
    ):
        pass
    with PipeFeeder(tmp_path, "unread", files):
        pass


def test_the_handlers_have_defaults_and_a_script_may_replace_each(tmp_path: Path) -> None:
    tree = lay_out(tmp_path / "ml", {}, {})
    (tree.model / "model.json").write_text('{"sum": 10}')
    (tree.model / "code").mkdir()
    (tree.model / "code" / "inference.py").write_text(INFERENCE)
    predictor = ScriptPredictor(tree)
    assert predictor(b"1,2\n3,4\n", "text/csv", "*/*") == (b"[13.0, 17.0]", "application/json")
    assert predictor(b"[[1, 2]]", "application/json", "text/csv") == (b"13.0\n", "text/csv")
    npy = predictor(b"[[1, 2]]", "application/json", "application/x-npy")[0]
    assert decode(npy, "application/x-npy").tolist() == [13.0]
    custom = INFERENCE + (
        "def input_fn(body, content_type):\n    return body.decode()\n"
        "def predict_fn(data, model):\n    return data.upper()\n"
        "def output_fn(prediction, accept):\n    return prediction + accept\n"
    )
    (tree.model / "code" / "inference.py").write_text(custom)
    assert ScriptPredictor(tree)(b"hi ", "a/b", "c/d") == (b"HI c/d", "c/d")
    whole = INFERENCE + "def transform_fn(model, body, content_type, accept):\n    return body * 2, 'x/y'\n"
    (tree.model / "code" / "inference.py").write_text(whole)
    assert ScriptPredictor(tree)(b"ab", "a/b", "c/d") == (b"abab", "x/y")
    assert encode([[1, 2], [3, 4]], "text/csv") == (b"1,2\n3,4\n", "text/csv")


def test_a_source_on_s3_is_fetched(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalAws() as aws:
        aws.client("s3").upload_file(str(source), aws.bucket, "job/sourcedir.tar.gz")
        for name, value in {
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_ACCESS_KEY_ID": aws.access_key,
            "AWS_SECRET_ACCESS_KEY": aws.secret_key,
            "AWS_REGION": aws.region,
        }.items():
            monkeypatch.setenv(name, value)
        install_source(f"s3://{aws.bucket}/job/sourcedir.tar.gz", tmp_path / "code")
        with pytest.raises(ValueError, match=r"ClientError: .*absent"):
            install_source(f"s3://{aws.bucket}/absent.tar.gz", tmp_path / "code")
    assert (tmp_path / "code" / "train.py").read_text() == SCRIPT


def test_our_own_programs_keep_the_contract(tmp_path: Path, rows: Path, source: Path) -> None:
    image = [sys.executable, "-m", "sparring.serving.programs"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    report = check_container(
        ContainerCheck(
            train=[*image, "train"],
            serve=[*image, "serve"],
            hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source)},
            channels={"train": rows},
            payload=Payload(b"1,2\n3,4\n", "text/csv"),
            port=port,
            isolate=can_isolate(),
            limits=Limits(body=300_000, idle=0.3, load=0.5, requests=24),
        )
    )
    assert [finding for finding in report.findings if finding.status != "pass"] == []
    assert len(report.findings) == 40
