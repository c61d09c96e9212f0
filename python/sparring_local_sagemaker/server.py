"""The server's process: it ends, with every process it started, when its standard input closes.

Its parent holds the other end.  Should it be killed itself, its watchdog ends what it leaves behind.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from werkzeug.serving import BaseWSGIServer

from sparring.errors import SparringError
from sparring.wire.service_model import service_model
from sparring_local_sagemaker import LocalAws, watchdog
from sparring_local_sagemaker.application import Application
from sparring_local_sagemaker.clients import PLATFORM_AGENT, client
from sparring_local_sagemaker.control_plane import ControlPlane
from sparring_local_sagemaker.credentials import owner
from sparring_local_sagemaker.durable import only_server
from sparring_local_sagemaker.faults import Faults
from sparring_local_sagemaker.http_server import listen
from sparring_local_sagemaker.objects import Objects
from sparring_local_sagemaker.platform import Platform, create_role
from sparring_local_sagemaker.profile import handed_out
from sparring_local_sagemaker.programs import Images

HOST = "127.0.0.1"
READY = "sparring local-aws ready on"


def start(options: argparse.Namespace, state: Path) -> tuple[BaseWSGIServer, ControlPlane]:
    """Return a listening server, not yet serving, and its control plane."""
    own = owner()
    forget_the_users_aws()
    images, faults = Images.read(options.images), Faults.read(options.faults)
    applications: list[Application] = []
    server = listen(HOST, options.port, lambda *request: applications[0](*request))
    url = f"http://{HOST}:{server.server_port}"
    s3 = client("s3", url, own, PLATFORM_AGENT)
    platform = Platform(state, url, own, s3, images, faults, options.serverless_idle_seconds)
    create_role(LocalAws.role_arn)
    # A state that ends with the server need not be written down.
    objects = Objects(state / "s3" if options.state else None)
    objects.load()
    plane = ControlPlane(platform)
    applications.append(Application(platform, plane, objects))
    service_model()
    return server, plane


def forget_the_users_aws() -> None:
    """Let moto and botocore reach for none of the user's profiles, credentials, addresses and proxies."""
    for name in [name for name in os.environ if name.upper().startswith("AWS_") or name.upper().endswith("_PROXY")]:
        del os.environ[name]
    os.environ.update(AWS_ACCESS_KEY_ID="sparring-local", AWS_SECRET_ACCESS_KEY="sparring-local")
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


def main(argv: list[str]) -> int:
    """Serve until standard input closes or a signal comes; return the exit code."""
    options = _options(argv)
    with ExitStack() as resources:
        state = _state_folder(options.state, resources)
        try:
            resources.enter_context(only_server(state))
            resources.enter_context(_watchdog(None if options.state else state))
            server, plane = start(options, state)
        except SparringError as error:
            print(error, file=sys.stderr)
            return error.exit_code
        resources.callback(plane.shut_down)
        _shut_down_on_signal(server)
        if options.follow_stdin:
            threading.Thread(target=_follow_stdin, args=(server,), daemon=True).start()
        print(f"{READY} {plane.platform.url} (a local emulator, not AWS)", flush=True)
        if not options.follow_stdin:
            print(handed_out(plane.platform.url, plane.platform.credentials.secret_key, state), flush=True)
        # Endpoints fetch their models from this very server.
        plane.endpoints.resume()
        server.serve_forever(poll_interval=0.05)
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sparring_local_sagemaker.server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state")
    parser.add_argument("--faults")
    parser.add_argument("--images")
    parser.add_argument("--serverless-idle-seconds", type=float, default=300.0)
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input closes")
    return parser.parse_args(argv)


def _watchdog(temporary: Path | None) -> subprocess.Popen[bytes]:
    """Start the process that cleans up behind this one; it ends when its input closes."""
    token = uuid.uuid4().hex
    folder = [str(temporary)] if temporary is not None else []
    process = subprocess.Popen(
        [sys.executable, watchdog.__file__, token, *folder], stdin=subprocess.PIPE, start_new_session=True
    )
    # Every program that starts from now on bears the mark; this process and its watchdog do not.
    os.environ[watchdog.TOKEN_VARIABLE] = token
    return process


def _state_folder(given: str | None, resources: ExitStack) -> Path:
    """Return the folder that was asked for, or a temporary one that ends with ``resources``."""
    state = Path(given or tempfile.mkdtemp(prefix="sparring-local-aws-"))
    state.mkdir(parents=True, exist_ok=True)
    if given is None:
        resources.callback(shutil.rmtree, state, ignore_errors=True)
    return state


def _shut_down_on_signal(server: BaseWSGIServer) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _follow_stdin(server: BaseWSGIServer) -> None:
    # Not sys.stdin: its lock, held by this thread, would abort the interpreter's normal end.
    while os.read(0, 65_536):
        pass
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
