"""One port for all of AWS that a run needs: SageMaker by us, S3, STS and IAM by moto.

The server ends, with every process it started, when its standard input closes: its parent holds the other
end.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer
from werkzeug.wrappers import Request, Response

from sparring.sagemaker.local.control_plane import ControlPlane
from sparring.sagemaker.local.http_server import listen
from sparring.sagemaker.local.model import AwsError, service_model
from sparring.sagemaker.local.storage import client

HOST = "127.0.0.1"
INVOCATION = re.compile(r"^/endpoints/([^/]+)/invocations$")
READY = "sparring local-aws ready on"


class Application:
    """The WSGI application: SageMaker's requests to us, everything else to moto."""

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.plane: ControlPlane | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        invoked = INVOCATION.match(environ.get("PATH_INFO", ""))
        if target.startswith("SageMaker."):
            return self._control(Request(environ), target.partition(".")[2])(environ, start_response)
        if invoked:
            return self._invoke(Request(environ), invoked.group(1))(environ, start_response)
        answer: Iterable[bytes] = self.moto(environ, start_response)
        return answer

    def _control(self, request: Request, operation: str) -> Response:
        assert self.plane is not None
        try:
            body = json.loads(request.get_data() or b"{}")
            answer = json.dumps(self.plane.call(operation, body))
        except AwsError as error:
            return _error(error, json.dumps({"__type": error.code, "message": str(error)}))
        except Exception as error:
            traceback.print_exc()
            return _error(error, json.dumps({"__type": "InternalFailure", "message": repr(error)}))
        return Response(answer, 200, _headers(), content_type="application/x-amz-json-1.1")

    def _invoke(self, request: Request, name: str) -> Response:
        assert self.plane is not None
        headers = request.headers
        try:
            endpoint = self.plane.endpoint(name)
            body = request.get_data()
            answer, kind = endpoint.invoke(body, headers.get("Content-Type", ""), headers.get("Accept"))
        except AwsError as error:
            value = {"Message": str(error), "ErrorCode": error.code, "OriginalMessage": str(error)}
            return _error(error, json.dumps(value))
        variant = {"x-Amzn-Invoked-Production-Variant": endpoint.config["ProductionVariants"][0]["VariantName"]}
        return Response(answer, 200, _headers() | variant, content_type=kind)


def _headers() -> dict[str, str]:
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def _error(error: Exception, body: str) -> Response:
    code, status = (error.code, error.status) if isinstance(error, AwsError) else ("InternalFailure", 500)
    return Response(body, status, _headers() | {"x-amzn-ErrorType": code}, content_type="application/x-amz-json-1.1")


def start(port: int, state: Path) -> tuple[BaseWSGIServer, ControlPlane]:
    """Return a listening server, not yet serving, and its control plane."""
    # moto must not reach for real credentials or other services.
    os.environ.update(AWS_ACCESS_KEY_ID="sparring-local", AWS_SECRET_ACCESS_KEY="sparring-local")
    application = Application()
    server = listen(HOST, port, application)
    s3 = client("s3", f"http://{HOST}:{server.server_port}")
    plane = application.plane = ControlPlane(state, s3)
    service_model()
    return server, plane


def main(argv: list[str]) -> int:
    """Serve until standard input closes or a signal comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sparring.sagemaker.local.server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state")
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input closes")
    options = parser.parse_args(argv)
    with ExitStack() as resources:
        state = _state_folder(options.state, resources)
        server, plane = start(options.port, state)
        resources.callback(plane.shut_down)
        _shut_down_on_signal(server)
        if options.follow_stdin:
            threading.Thread(target=_follow_stdin, args=(server,), daemon=True).start()
        print(f"{READY} http://{HOST}:{server.server_port} (a local stand-in, not AWS)", flush=True)
        server.serve_forever(poll_interval=0.05)
    return 0


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
