"""A small standalone cluster of Spark on this machine's loopback: a master and workers, processes of their own.

What runs on it goes through everything that a cluster has and a local Spark has not: executors that are other
processes, tasks sent over the network, nodes that die.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from sparring.errors import PlatformError
from sparring.spark.jars import package_folder
from sparring.spark.session import GATEWAY_VARIABLES, require_java

MASTER = re.compile(r"Starting Spark master at (spark://\S+)")
REGISTERED = "Successfully registered with master"
START_SECONDS, END_SECONDS, POLL_SECONDS = 60.0, 20.0, 0.1


class StandaloneCluster:
    """A master and workers that run while the body of a ``with`` statement does.

    Parameters
    ----------
    workers : int, default 2
    cores : int, default 1
        Of each worker.
    memory : str, default "1g"
        Of each worker, such as ``"1g"``; an executor's heap is to fit into it.
    folder : Path, optional
        For logs, and for the workers' own disks, ``worker0`` and so on; a temporary one by default.

    Attributes
    ----------
    master : str
        URL, once started.
    workers : list of subprocess.Popen
        Their processes, once started.

    Raises
    ------
    PlatformError
        If Spark or Java are absent, or a process does not start.

    Examples
    --------
    >>> with StandaloneCluster(workers=2) as cluster:                       # doctest: +SKIP
    ...     cluster.submit(["job.py", "argument"], {"spark.executor.memory": "512m"}).wait()
    0
    """

    def __init__(self, workers: int = 2, cores: int = 1, memory: str = "1g", folder: Path | None = None) -> None:
        self._count, self._cores, self._memory, self._folder = workers, cores, memory, folder
        self.master, self.workers = "", list[subprocess.Popen[bytes]]()
        self._ending = ExitStack()

    def __enter__(self) -> StandaloneCluster:
        """Start master and workers, and wait until all know each other."""
        home = package_folder("pyspark")
        if home is None:
            raise PlatformError("A cluster of Spark needs the package pyspark", "Run: pip install 'sparring[spark]'")
        self._home, self._java = home, require_java()
        with ExitStack() as ending:
            made = ending.enter_context(tempfile.TemporaryDirectory(prefix="sparring-cluster-"))
            self._place = self._folder or Path(made)
            master = self._start(ending, "master", "master.Master", "--port", "0")
            self.master = self._told(master, "master", MASTER)
            for number in range(self._count):
                self.workers.append(self._start_worker(ending, number))
            for number, worker in enumerate(self.workers):
                self._told(worker, f"worker{number}", re.compile(f"({REGISTERED})"))
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes, those of executors too, and delete what is temporary."""
        self._ending.close()

    def environment(self) -> dict[str, str]:
        """Return the variables with which a program finds this Spark, its Java and this Python."""
        kept = {name: value for name, value in os.environ.items() if name not in GATEWAY_VARIABLES}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        own = {"SPARK_HOME": str(self._home), "JAVA_HOME": str(self._java.home), "PATH": path}
        return {**kept, **own, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}

    def submit(self, command: Sequence[str], conf: dict[str, str] | None = None, **popen: Any) -> subprocess.Popen[Any]:
        """Start ``spark-submit`` with a Python file and its arguments, the driver in a process of this machine.

        Parameters
        ----------
        command : sequence of str
        conf : dict of str to str, optional
            Spark's settings.
        **popen
            For :class:`subprocess.Popen`, such as ``stdout``.
        """
        settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", **(conf or {})}
        options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        submit = [str(self._home / "bin" / "spark-submit"), "--master", self.master, *options, *command]
        return subprocess.Popen(submit, env=self.environment(), **popen)

    def executors(self) -> list[psutil.Process]:
        """Return the processes of the executors that run at the moment."""
        found = []
        for worker in self.workers:
            with suppress(psutil.Error):
                children = psutil.Process(worker.pid).children(recursive=True)
                found += [child for child in children if _runs_tasks(child)]
        return found

    def kill_worker(self, number: int) -> None:
        """Kill a worker and its executors, as when a node goes down."""
        _kill_tree(self.workers[number])

    def replace_worker(self, number: int) -> None:
        """Start another worker in the place of one that was killed."""
        self.workers[number] = self._start_worker(self._ending, number)
        self._told(self.workers[number], f"worker{number}", re.compile(f"({REGISTERED})"))

    def _start_worker(self, ending: ExitStack, number: int) -> subprocess.Popen[bytes]:
        own = self._place / f"worker{number}"
        options = ["--cores", str(self._cores), "--memory", self._memory, "--work-dir", str(own), self.master]
        return self._start(ending, own.name, "worker.Worker", *options)

    def _start(self, ending: ExitStack, name: str, kind: str, *options: str) -> subprocess.Popen[bytes]:
        own = self._place / name
        own.mkdir(parents=True, exist_ok=True)
        environment = {**self.environment(), "SPARK_LOCAL_DIRS": str(own / "local"), "SPARK_DAEMON_MEMORY": "256m"}
        command = [str(self._home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}"]
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--webui-port", "0", *options],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=own,
                # Ctrl-C is for the program that uses the cluster, and ends it in order.
                start_new_session=True,
            )
        ending.callback(_end, process)
        return process

    def _log(self, name: str) -> Path:
        return self._place / f"{name}.log"

    def _told(self, process: subprocess.Popen[bytes], name: str, line: re.Pattern[str]) -> str:
        """Return what a process writes into its log once it is ready."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            text = self._log(name).read_text(errors="replace")
            if found := line.search(text):
                return found.group(1)
            if process.poll() is not None:
                break
            time.sleep(POLL_SECONDS)
        last = (self._log(name).read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise PlatformError(
            f"The {name} of the cluster on this machine did not start; the last line of its log: {last[:300]}",
            "Check JAVA_HOME and that the machine has memory to spare.",
        )


def _runs_tasks(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("CoarseGrainedExecutorBackend" in word for word in process.cmdline())
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and make it: a worker ends its executors itself."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    _kill_tree(process)


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
    process.kill()
    process.wait()
