"""Answers and errors in the shapes of AWS's protocols."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.calls import Call
from sparring_local_sagemaker.faults import Effect

JSON = "application/x-amz-json-1.1"
# Code, status and message by kind of fault: in JSON protocols, and in S3's.
IN_JSON = {
    "throttling": ("ThrottlingException", 400, "Rate exceeded"),
    "slow_down": ("ThrottlingException", 400, "Rate exceeded"),
    "expired_credentials": ("ExpiredTokenException", 403, "The security token included in the request is expired"),
    "access_denied": ("AccessDeniedException", 403, "User is not authorized to perform this operation"),
    "internal_error": ("InternalFailure", 500, "The request processing has failed because of an unknown error"),
    "unavailable": ("ServiceUnavailable", 503, "The request has failed due to a temporary failure of the server"),
}
IN_S3 = {
    "throttling": ("SlowDown", 503, "Please reduce your request rate."),
    "slow_down": ("SlowDown", 503, "Please reduce your request rate."),
    "expired_credentials": ("ExpiredToken", 400, "The provided token has expired."),
    "access_denied": ("AccessDenied", 403, "Access Denied"),
    "internal_error": ("InternalError", 500, "We encountered an internal error. Please try again."),
    "unavailable": ("ServiceUnavailable", 503, "Service is unable to handle request."),
}


def headers() -> dict[str, str]:
    """Return the headers of every answer."""
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def error(service: str, found: AwsError) -> Response:
    """Return an error as clients of ``service`` expect it."""
    message = str(found)
    if service in ("s3", "sts", "iam"):
        inner = f"<Code>{escape(found.code)}</Code><Message>{escape(message)}</Message>"
        body = (
            f"<Error>{inner}</Error>" if service == "s3" else f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
        )
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?>{body}', found.status, headers(), content_type="application/xml"
        )
    members = {"__type": found.code, "message": message}
    if service == "sagemaker-runtime":
        members = {"Message": message, "ErrorCode": found.code, "OriginalMessage": message, **found.members}
    shown = headers() | {"x-amzn-ErrorType": found.code}
    return Response(json.dumps(members), found.status, shown, content_type=JSON)


def injected(call: Call, effect: Effect) -> AwsError | None:
    """Return the error that a fault answers with; None if it is no error."""
    if effect.kind == "error":
        return AwsError(effect.code, effect.message, effect.status)
    if effect.kind == "model_error":
        from sparring_local_sagemaker.runtime.replica import model_error

        return model_error(effect.status, effect.message)
    found = (IN_S3 if call.service == "s3" else IN_JSON).get(effect.kind)
    return AwsError(found[0], found[2], found[1]) if found else None
