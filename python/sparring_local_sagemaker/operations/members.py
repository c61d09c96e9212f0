"""What becomes of each member of a request: honoured, shown only, or refused by name; ``members.yaml`` says which."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from botocore.loaders import create_loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape

from sparring.wire.service_model import AwsError

UNKNOWN = "unknown"


class Fate(NamedTuple):
    """What becomes of a member.

    Attributes
    ----------
    kind : {"honoured", "shown", "refused", "unknown"}
    reason : str
        Why it is only shown, or refused.
    only : tuple
        The values that are honoured; empty stands for all.
    """

    kind: str
    reason: str = ""
    only: tuple[Any, ...] = ()


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "members.yaml").read_text())
    return table


def _fate(node: Any) -> Fate:
    """Return what one entry of the table says; a structure that is looked into is honoured."""
    reasons = _table()["reasons"]
    if node is None:
        return Fate(UNKNOWN)
    if isinstance(node, dict):
        only = tuple(node.get("only", ()))
        return Fate("honoured", reasons[node.get("reason", "none")] if only else "", only)
    kind, _, reason = node.partition(" ")
    return Fate(kind, "" if kind == "honoured" else reasons[reason or "none"])


def fates(service: str, operation: str) -> Iterator[tuple[str, Shape, Fate]]:
    """Yield each member of an operation's input as botocore has it: its path, its shape and what becomes of it.

    Members of what is shown or refused as a whole are not looked at.
    """
    model = _model(service).operation_model(operation)
    yield from _walk(model.input_shape, _table()[service].get(operation, {}), "")


@functools.cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(create_loader().load_service_model(service, "service-2"), service)


def _walk(shape: Shape | None, node: Any, place: str) -> Iterator[tuple[str, Shape, Fate]]:
    if isinstance(shape, ListShape):
        yield from _walk(shape.member, node, f"{place}[]")
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            inner = node.get(name) if isinstance(node, dict) else None
            fate, path = _fate(inner), f"{place}.{name}".lstrip(".")
            yield path, member, fate
            if fate.kind == "honoured":
                yield from _walk(member, inner, path)


def stale(service: str, operation: str) -> list[str]:
    """Return the paths of the table that botocore's model does not have."""
    shape = _model(service).operation_model(operation).input_shape
    return list(_unknown_to(shape, _table()[service][operation], ""))


def _unknown_to(shape: Shape | None, node: Any, place: str) -> Iterator[str]:
    while isinstance(shape, ListShape):
        shape = shape.member
    for name, inner in node.items() if isinstance(node, dict) and "only" not in node else ():
        path = f"{place}.{name}".lstrip(".")
        if not isinstance(shape, StructureShape) or name not in shape.members:
            yield path
        else:
            yield from _unknown_to(shape.members[name], inner, path)


def operations(service: str) -> list[str]:
    """Return the operations of a service that the table has."""
    return sorted(_table()[service])


def require_honoured(operation: str, request: dict[str, Any]) -> None:
    """Refuse a request that asks for what is not here.

    Raises
    ------
    AwsError
        ``ValidationException`` that names each such member.
    """
    refused = list(_refused(_table()["sagemaker"].get(operation, {}), request, ""))
    if refused:
        raise AwsError("ValidationException", f"The local emulator of SageMaker refuses {'; '.join(refused)}")


def _refused(node: Any, value: Any, place: str) -> Iterator[str]:
    fate = _fate(node)
    if value is None:
        return
    if fate.kind in ("refused", UNKNOWN):
        yield f"{place}: {fate.reason or _table()['reasons']['none']}"
    elif fate.only and value not in fate.only:
        allowed = ", ".join(str(entry).lower() if isinstance(entry, bool) else str(entry) for entry in fate.only)
        yield f"{place} {value!r}, it takes {allowed}: {fate.reason}"
    elif isinstance(node, dict):
        for entry in value if isinstance(value, list) else [value]:
            for name, inner in entry.items() if isinstance(entry, dict) else ():
                yield from _refused(node.get(name), inner, f"{place}.{name}".lstrip("."))


def require_honoured_headers(operation: str, headers: Iterable[str]) -> None:
    """Refuse an invocation whose headers ask for what is not here.

    Raises
    ------
    AwsError
        ``ValidationError`` that names each such member.
    """
    given = {name.lower() for name in headers}
    refused = [
        f"{path}: {fate.reason}"
        for path, shape, fate in fates("sagemaker-runtime", operation)
        if fate.kind in ("refused", UNKNOWN) and shape.serialization.get("name", path).lower() in given
    ]
    if refused:
        raise AwsError("ValidationError", f"The local emulator of SageMaker refuses {'; '.join(refused)}")
