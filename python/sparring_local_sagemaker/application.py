"""The WSGI application: SageMaker's calls to us, a browser's to the page, all other calls to moto."""

from __future__ import annotations

import io
import json
import re
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.wrappers import Request, Response

from sparring.io.s3_uri import split_s3_uri
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker import answers, event_stream, iam
from sparring_local_sagemaker.bodies import parsed
from sparring_local_sagemaker.calls import Call, identify
from sparring_local_sagemaker.control_plane import ControlPlane
from sparring_local_sagemaker.credentials import secrets_of
from sparring_local_sagemaker.distortion import distorted
from sparring_local_sagemaker.faults import Effect
from sparring_local_sagemaker.guard import require_own_client
from sparring_local_sagemaker.http_server import CUT, REQUEST
from sparring_local_sagemaker.objects import Objects
from sparring_local_sagemaker.operations.members import require_honoured_headers
from sparring_local_sagemaker.page.site import Site
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime import replica
from sparring_local_sagemaker.runtime.asynchronous import DEFAULT_SECONDS, DEFAULT_TTL, LONGEST_SECONDS
from sparring_local_sagemaker.secret import page_token
from sparring_local_sagemaker.signatures import is_signed, verify

# The services that moto answers: the name that clients sign for, and moto's.
MOTO: dict[str, Any] = {"s3": "s3", "sts": "sts", "iam": "iam", "logs": "logs", "monitoring": "cloudwatch"}
PREFIX = "X-Amzn-SageMaker-"
INLINE_LIMIT = 128_000
StartResponse = Callable[..., Any]


class Application:
    """One port for all of AWS that a run needs."""

    def __init__(self, platform: Platform, plane: ControlPlane, objects: Objects) -> None:
        self.platform, self.plane, self.objects = platform, plane, objects
        self.site = Site(plane, page_token(platform.credentials.secret_key))
        self.secret_of = secrets_of(platform.credentials)
        # One application a service: moto's dispatcher would answer its own control calls on any path.
        self.moto = {service: create_backend_app(backend) for service, backend in MOTO.items()}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request: guard, fault, operation."""
        service = _likely_service(environ)
        try:
            require_own_client(environ)
            if self.site.has(environ) and not is_signed(environ[REQUEST]):
                return self.site.answer(environ)(environ, start_response)
            service = verify(environ[REQUEST], self.secret_of).service
            call = identify(environ, service)
        except AwsError as refusal:
            return answers.error(service, refusal)(environ, start_response)
        effect = self.platform.faults.strike(call.operation, call.name, call.caller)
        if effect is not None:
            found = self._suffer(call, effect, environ)
            if found is not None:
                return answers.error(call.service, found)(environ, start_response)
        return self._route(call, effect, environ, start_response)

    def _suffer(self, call: Call, effect: Effect, environ: dict[str, Any]) -> AwsError | None:
        """Let a fault happen before its call; return the error that the client gets instead of an answer."""
        if effect.kind == "delay":
            time.sleep(effect.seconds)
        if effect.kind == "drop":
            raise ConnectionAbortedError
        if effect.kind == "cut":
            environ[CUT].append(effect.size)
        return answers.injected(call, effect)

    def _route(
        self, call: Call, effect: Effect | None, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        if call.service == "sagemaker":
            return self._control(call)(environ, start_response)
        if call.service == "sagemaker-runtime":
            return self._runtime(call, effect, Request(environ))(environ, start_response)
        if call.service == "iam" and (simulated := iam.simulated(environ)) is not None:
            return simulated(environ, start_response)
        if call.service == "logs":
            self.platform.logs.ship()
        if call.service not in self.moto:
            refusal = AwsError("UnknownOperationException", f"The local emulator of AWS has no service {call.service}")
            return answers.error(call.service, refusal)(environ, start_response)
        if call.service == "s3":
            return self._s3(call, environ)(environ, start_response)
        return [b"".join(self.moto[call.service](environ, start_response))]

    def _s3(self, call: Call, environ: dict[str, Any]) -> Response:
        """Return moto's answer once what it tells is on disk, or an error."""
        changes = environ["REQUEST_METHOD"] not in ("GET", "HEAD")
        # The parts of one upload, by far the longest calls, go in side by side.
        ordered = changes and call.operation != "s3:UploadPart"
        moto = self.moto["s3"]
        try:
            return self.objects.answer(changes, ordered, lambda: Response.from_app(moto, environ, buffered=True))
        except AwsError as refusal:
            return answers.error(call.service, refusal)

    def _control(self, call: Call) -> Response:
        try:
            answer = json.dumps(self.plane.call(call.operation, parsed(call.body)))
        except AwsError as refusal:
            return answers.error(call.service, refusal)
        except Exception as failure:
            traceback.print_exc()
            return answers.error(call.service, AwsError("InternalFailure", repr(failure), 500))
        return Response(answer, 200, answers.headers(), content_type=answers.JSON)

    # -- invocations ---------------------------------------------------------------------------------

    def _runtime(self, call: Call, effect: Effect | None, request: Request) -> Response:
        try:
            require_honoured_headers(call.operation, request.headers.keys())
            if call.operation == "InvokeEndpointAsync":
                return self._invoke_later(call.name, request)
            answer = self._invoke(call.name, request, effect)
            return _streamed(answer) if call.operation == "InvokeEndpointWithResponseStream" else answer
        except AwsError as refusal:
            return answers.error(call.service, refusal)
        except Exception as failure:
            traceback.print_exc()
            return answers.error(call.service, AwsError("InternalFailure", repr(failure), 500))

    def _invoke(self, name: str, request: Request, effect: Effect | None) -> Response:
        given = request.headers
        endpoint = self.plane.endpoints.invoked(name)
        asked = replica.Request.of(
            request.get_data(),
            given.get("Content-Type", ""),
            given.get("Accept"),
            given.get(f"{PREFIX}Custom-Attributes"),
        )
        found = endpoint.invoke(asked, given.get(f"{PREFIX}Target-Variant"), given.get(f"{PREFIX}Inference-Id"))
        shown = answers.headers() | {"x-Amzn-Invoked-Production-Variant": found.variant}
        if found.answer.attributes:
            shown[f"{PREFIX}Custom-Attributes"] = found.answer.attributes
        body = distorted(found.answer.body, effect)
        return Response(body, 200, shown, content_type=found.answer.content_type)

    def _invoke_later(self, name: str, request: Request) -> Response:
        given = {
            key.lower().removeprefix(PREFIX.lower()): value
            for key, value in request.headers.items()
            if key.lower().startswith(PREFIX.lower())
        }
        seconds = _number(given, "invocationtimeoutseconds", DEFAULT_SECONDS, 1, LONGEST_SECONDS)
        ttl = _number(given, "requestttlseconds", DEFAULT_TTL, 60, DEFAULT_TTL)
        endpoint = self.plane.endpoints.invoked(name)
        location = given.get("inputlocation") or self._inline(name, request)
        ticket = endpoint.invoke_later(given, location, seconds, ttl)
        shown = answers.headers() | {f"{PREFIX}OutputLocation": ticket.output}
        if ticket.failure is not None:
            shown[f"{PREFIX}FailureLocation"] = ticket.failure
        return Response(json.dumps({"InferenceId": ticket.inference_id}), 202, shown, content_type=answers.JSON)

    def _inline(self, name: str, request: Request) -> str:
        """Put a body that came with the request in S3, where the endpoint's answers go."""
        body = request.get_data()
        config = self.plane.endpoints.invoked(name).describe().get("AsyncInferenceConfig")
        if not body or config is None:
            raise AwsError("ValidationError", "InputLocation is missing")
        if len(body) > INLINE_LIMIT:
            raise AwsError("ValidationError", f"Body of {len(body)} bytes is larger than {INLINE_LIMIT}", 413)
        uri = f"{config['OutputConfig']['S3OutputPath'].rstrip('/')}/input/{uuid.uuid4()}"
        bucket, key = split_s3_uri(uri)
        self.platform.s3.upload_fileobj(io.BytesIO(body), bucket, key)
        return uri


def _streamed(answer: Response) -> Response:
    """Return an answer as an event stream; all of it is here before its first part is sent."""
    shown = {**answer.headers, f"{PREFIX}Content-Type": answer.content_type or ""}
    del shown["Content-Type"], shown["Content-Length"]
    parts = b"".join(event_stream.payload_parts(answer.get_data()))
    return Response(parts, answer.status_code, shown, content_type=event_stream.CONTENT_TYPE)


def _likely_service(environ: dict[str, Any]) -> str:
    """Return the service in whose shape a request is refused before its signature is known to be good."""
    claimed = re.search(r"/([\w-]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    path = environ.get("PATH_INFO", "")
    if path.startswith("/endpoints/"):
        return "sagemaker-runtime"
    if environ.get("HTTP_X_AMZ_TARGET"):
        return "sagemaker"
    return claimed[1] if claimed else "s3"


def _number(given: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name, str(default))
    if not text.isdigit() or not low <= int(text) <= high:
        raise AwsError("ValidationError", f"{name} must be in [{low}, {high}], got {text!r}")
    return int(text)
