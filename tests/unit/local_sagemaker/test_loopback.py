"""A container of ours, which listens on all interfaces by itself, listens on loopback alone under the emulator."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil

from sparring_local_sagemaker.runtime.replica import Container

PROGRAM = Path(__file__).parents[1] / "container" / "toy_server.py"


def test_the_emulator_keeps_serving_containers_to_loopback(tmp_path: Path) -> None:
    started: list[subprocess.Popen] = []

    def run(**variables: str) -> Any:
        started.append(subprocess.Popen([sys.executable, str(PROGRAM)], env={**os.environ, **variables}))
        return SimpleNamespace(running=True)

    container = Container(cast(Any, SimpleNamespace(base=tmp_path / "ml", log=tmp_path / "log", run=run)), None, 60)
    try:
        container.start(None)
        sockets = psutil.Process(started[0].pid).net_connections("tcp")
        listening = {(one.laddr.ip, one.laddr.port) for one in sockets if one.status == psutil.CONN_LISTEN}
        assert listening == {("127.0.0.1", container.port)}
    finally:
        started[0].kill()
        started[0].wait()
