"""SageMaker's own service model: requests and answers are checked against what botocore says of them."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
}

# Newer models no longer require these, because a serverless job has none; the emulator runs none.
NEEDED = {"CreateTrainingJob": ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition")}


class AwsError(Exception):
    """An error in AWS's shape: its code, its message, the HTTP status, and members of the answer's body."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.members = members


@functools.cache
def service_model() -> ServiceModel:
    """Return botocore's model of the service ``sagemaker``."""
    # Not of a session: that reads the user's configuration, and fails at a profile that is not there.
    return ServiceModel(create_loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def operation(name: str) -> OperationModel:
    """Return the model of an operation.

    Raises
    ------
    AwsError
        ``UnknownOperationException`` if SageMaker has none of that name.
    """
    if name not in service_model().operation_names:
        raise AwsError("UnknownOperationException", f"SageMaker has no operation {name}")
    return service_model().operation_model(name)


def check_request(name: str, request: dict[str, Any]) -> None:
    """Raise ``ValidationException`` listing every fault of a request, in AWS's wording."""
    faults = request_faults(name, request)
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
        raise AwsError("ValidationException", f"{count}: {'; '.join(faults)}")


def request_faults(name: str, request: dict[str, Any]) -> list[str]:
    """Return every fault of a request, in AWS's wording."""
    shape = operation(name).input_shape
    faults = list(_faults(shape, request, "")) if shape is not None else []
    for member in NEEDED.get(name, ()):
        if request.get(member) is None and member not in shape.required_members:
            faults.append(_fault(None, _camel(member), "Member must not be null"))
    return faults


def check_answer(name: str, answer: dict[str, Any]) -> None:
    """Raise :class:`AssertionError` if an answer of ours is not what AWS's model promises."""
    shape = operation(name).output_shape
    faults = [] if shape is None else list(_faults(shape, answer, ""))
    if faults:
        raise AssertionError(f"the answer of {name} breaks botocore's model: {'; '.join(faults)}")


def _faults(shape: Shape, value: Any, place: str) -> Iterator[str]:
    """Yield what is wrong with ``value``, depth first, in the order of the shape's members."""
    if not _is_of_type(shape, value):
        yield _fault(value, place, f"Member must be of type {shape.type_name}")
    elif isinstance(shape, StructureShape):
        yield from _structure_faults(shape, value, place)
    elif isinstance(shape, ListShape):
        yield from _size_faults(shape, len(value), value, place, "length")
        for at, item in enumerate(value):
            yield from _faults(shape.member, item, f"{place}.{at + 1}.member")
    elif isinstance(shape, MapShape):
        yield from _size_faults(shape, len(value), value, place, "length")
        for key, item in value.items():
            yield from _faults(shape.key, key, f"{place}.{key}.key")
            yield from _faults(shape.value, item, f"{place}.{key}.value")
    else:
        yield from _scalar_faults(shape, value, place)


def _is_of_type(shape: Shape, value: Any) -> bool:
    """Return whether a JSON value is of the shape's type; True is no number, although Python says so."""
    of_type = isinstance(value, KINDS[shape.type_name])
    return of_type and (shape.type_name == "boolean" or not isinstance(value, bool))


def _structure_faults(shape: StructureShape, value: dict[str, Any], place: str) -> Iterator[str]:
    for name, member in shape.members.items():
        inner = f"{place}.{_camel(name)}" if place else _camel(name)
        if value.get(name) is not None:
            yield from _faults(member, value[name], inner)
        elif name in shape.required_members:
            yield _fault(None, inner, "Member must not be null")
    for name in value:
        if name not in shape.members:
            yield _fault(value[name], f"{place}.{name}" if place else name, "Member is unknown")


def _scalar_faults(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if shape.type_name == "string":
        yield from _size_faults(shape, len(value), value, place, "length")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(_python_pattern(pattern), value):
            yield _fault(value, place, f"Member must satisfy regular expression pattern: {pattern}")
        if shape.enum and value not in shape.enum:
            yield _fault(value, place, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _size_faults(shape, value, value, place, "value")


def _size_faults(shape: Shape, size: float, value: Any, place: str, what: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _fault(value, place, f"Member must have {what} greater than or equal to {low}")
    if high is not None and size > high:
        yield _fault(value, place, f"Member must have {what} less than or equal to {high}")


@functools.cache
def _python_pattern(pattern: str) -> str:
    """Return a Java pattern of AWS's models in Python's syntax; ``\\p{L}`` and its like become ranges."""
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    pattern = pattern.replace(r"\p{Alnum}", "a-zA-Z0-9")
    # An end that is repeated is an end; Python refuses to repeat it.
    pattern = re.sub(r"\$\{\d+,\d+\}", "$", pattern)
    return re.sub(r"\\p\{([LMNPSZ])\}", lambda found: _category(found.group(1)), pattern)


@functools.cache
def _category(letter: str) -> str:
    """Return a Unicode category as ranges for a character class, which Python's ``re`` has no name for."""
    codes = (code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == letter)
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


def _fault(value: Any, place: str, constraint: str) -> str:
    shown = "null" if value is None else repr(value)[:200]
    return f"Value {shown} at '{place}' failed to satisfy constraint: {constraint}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
