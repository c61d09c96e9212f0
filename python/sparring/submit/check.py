"""Requests checked against botocore's models of the services, before anything is sent."""

from __future__ import annotations

from typing import Any

from sparring.errors import ConfigError, MissingDependencyError, PlatformError
from sparring.io import storage


def require_valid(service: str, operation: str, request: dict[str, Any]) -> None:
    """Raise unless ``request`` is one that the service's model allows.

    Raises
    ------
    MissingDependencyError
        If botocore is not installed.
    ConfigError
        Naming the member that is wrong.
    """
    try:
        import botocore.session
        from botocore.exceptions import ParamValidationError
        from botocore.validate import validate_parameters
    except ImportError as error:
        raise MissingDependencyError(
            "Requests to AWS are checked by botocore, which is not installed", "Run: pip install 'sparring[sagemaker]'"
        ) from error
    shape = botocore.session.Session().get_service_model(service).operation_model(operation).input_shape
    try:
        validate_parameters(request, shape)
    except ParamValidationError as error:
        told = str(error).partition(":")[2].strip().replace("\n", "; ")
        raise ConfigError(f"{service} {operation}: {told}", "Correct the option that holds it.") from error


def send(service: str, operation: str, request: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    """Write the texts that a job needs where it looks for them, send its request, and return the answer.

    Parameters
    ----------
    service, operation : str
        As botocore names them.
    request : dict
    files : dict of str to str
        Path -> text.

    Raises
    ------
    PlatformError
        With the service's own words, if it refuses.
    """
    import boto3
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    for path, text in files.items():
        storage.write_text(path, text)
    client = boto3.client(service)
    try:
        answer = getattr(client, xform_name(operation))(**request)
    except (BotoCoreError, ClientError) as error:
        raise PlatformError(
            f"{service} {operation} was refused: {error}", "Check your rights and the names."
        ) from error
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
