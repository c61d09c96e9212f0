"""The table of members against botocore's shapes and against the code that is to honour them."""

import re
from pathlib import Path

import pytest
from botocore.credentials import Credentials

import sparring_local_sagemaker
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.control_plane import ControlPlane
from sparring_local_sagemaker.operations.members import fates, operations, require_honoured, stale
from sparring_local_sagemaker.platform import Platform

SERVICES = ("sagemaker", "sagemaker-runtime")
ALL = [(service, operation) for service in SERVICES for operation in operations(service)]
SOURCES = "\n".join(p.read_text() for p in Path(sparring_local_sagemaker.__file__).parent.rglob("*.py"))
# Names that the code composes: `f"{noun}Name"`, `f"{time}After"`; and the headers of invocations, by their own names.
COMPOSED = re.compile(r"(Algorithm|Model|EndpointConfig)Name|(Creation|LastModified)Time(After|Before)")


def test_the_table_has_the_operations_that_the_server_has(tmp_path: Path) -> None:
    assert operations("sagemaker") == sorted(
        ControlPlane(Platform(tmp_path, "", Credentials("k", "s"), None)).operations
    )


@pytest.mark.parametrize(("service", "operation"), ALL)
def test_every_member_of_botocores_shape_has_its_place_and_no_other_has(service: str, operation: str) -> None:
    assert [path for path, _, fate in fates(service, operation) if fate.kind == "unknown"] == []
    assert stale(service, operation) == []
    assert all(fate.reason for _, _, fate in fates(service, operation) if fate.kind != "honoured")


@pytest.mark.parametrize("operation", operations("sagemaker"))
def test_what_is_said_to_be_honoured_is_read_somewhere(operation: str) -> None:
    """A member that no line of code names cannot be honoured."""
    said = {p.rpartition(".")[2] for p, shape, fate in fates("sagemaker", operation) if fate.kind == "honoured"}
    unread = {name for name in said if f'"{name}"' not in SOURCES and not COMPOSED.fullmatch(name)}
    # Looked into for what it may hold only: a value that changes nothing is all that is taken.
    for path, _, fate in fates("sagemaker", operation):
        if fate.only or any(path in inner for inner, _, other in fates("sagemaker", operation) if other.only):
            unread -= set(path.split("."))
    assert unread == set()


def test_a_member_that_a_newer_botocore_brings_is_refused() -> None:
    with pytest.raises(AwsError, match="FromTheFuture: it is not in the local emulator"):
        require_honoured("CreateModel", {"ModelName": "m", "PrimaryContainer": {"FromTheFuture": 1}})
