"""What moto's IAM lacks: ``SimulatePrincipalPolicy``, by which the SageMaker SDK asks what a role may do."""

from __future__ import annotations

import io
import uuid
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker import answers
from sparring_local_sagemaker.clients import ACCOUNT

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def simulated(environ: dict[str, Any]) -> Response | None:
    """Return the answer of ``SimulatePrincipalPolicy``, None for another operation.

    A role that exists may do all: policies are kept here and enforced nowhere.
    """
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    asked = parse_qs(body.decode(errors="replace"))
    if asked.get("Action") != ["SimulatePrincipalPolicy"]:
        return None
    arn = asked.get("PolicySourceArn", [""])[0]
    if not _exists(arn):
        missing = f"The role with name {arn.rpartition('/')[2]} cannot be found."
        return answers.error("iam", AwsError("NoSuchEntity", missing, 404))
    actions = [value[0] for name, value in sorted(asked.items()) if name.startswith("ActionNames.")]
    resources = [value[0] for name, value in sorted(asked.items()) if name.startswith("ResourceArns.")] or ["*"]
    results = "".join(_allowed(action, resource) for action in actions for resource in resources)
    return Response(_answer(results), 200, answers.headers(), content_type="text/xml")


def _exists(arn: str) -> bool:
    from moto.iam.models import iam_backends

    backend = iam_backends[ACCOUNT]["aws"]
    return any(entry.arn == arn for kind in (backend.roles, backend.users) for entry in kind.values())


def _allowed(action: str, resource: str) -> str:
    said = f"<EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
    return f"<member>{said}<EvalDecision>allowed</EvalDecision><MatchedStatements/><MissingContextValues/></member>"


def _answer(results: str) -> str:
    result = f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
    about = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
    name = "SimulatePrincipalPolicy"
    return f'<{name}Response xmlns="{NAMESPACE}"><{name}Result>{result}</{name}Result>{about}</{name}Response>'
