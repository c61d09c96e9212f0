"""The image: linted, its two programs, and built and checked where a Docker daemon runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "conf" / "docker" / "Dockerfile"


def docker_runs() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True).returncode == 0


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), "--no-color", str(DOCKERFILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN pip install numpy\n")
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(tmp_path / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "DL3006" in done.stdout


def test_the_wrappers_become_the_programs_that_the_package_installs(tmp_path: Path) -> None:
    """Write the two wrappers as the Dockerfile does, and find what they run."""
    (loop,) = re.findall(r"RUN (for program .*?done)$", DOCKERFILE.read_text(), re.S | re.M)
    subprocess.run(["sh", "-c", loop.replace("/usr/local/bin", str(tmp_path))], check=True)
    for name in ("train", "serve"):
        wrapper = tmp_path / name
        assert wrapper.read_text() == f'#!/bin/sh\nexec sparring-{name} "$@"\n'
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"),
        }
        done = subprocess.run([str(wrapper)], env=environment, capture_output=True, text=True)
        assert done.returncode != 0
        assert {"train": "hyperparameters.json", "serve": "There is no script"}[name] in done.stderr


@pytest.mark.skipif(not docker_runs(), reason="no Docker daemon answers here: the image is linted, not built")
def test_the_image_builds_and_keeps_the_contract(tmp_path: Path) -> None:
    subprocess.run(["docker", "build", "-f", str(DOCKERFILE), "-t", "sparring-test", str(ROOT)], check=True)
    done = subprocess.run(["docker", "run", "--rm", "sparring-test", "train"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "/opt/ml/input/config/hyperparameters.json does not exist" in done.stderr
