"""The part of JSONPath that batch transform's filters take.

Source: Amazon SageMaker developer guide, "Associate Prediction Results with Input Records", supported operators.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sparring.wire.service_model import AwsError

STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)"
    r"|\[(?P<names>\s*(?:'[^']*'|\"[^\"]*\")(?:\s*,\s*(?:'[^']*'|\"[^\"]*\"))*\s*)\]"
    r"|\[(?P<slice>-?\d*:-?\d*)\]"
    r"|\[(?P<numbers>\s*-?\d+(?:\s*,\s*-?\d+)*\s*)\]"
    r"|(?P<all>\[\*\]|\.\*)"
)


class _Step(NamedTuple):
    """One step: keys of an object, places in a list, or a slice of a list."""

    keys: tuple[str | int, ...] = ()
    slice: slice | None = None


class JsonPath:
    """A compiled path.

    Parameters
    ----------
    text : str
        Such as ``$``, ``$[1:]``, ``$[0,2]``, ``$.features`` or ``$['id','SageMakerOutput']``.

    Raises
    ------
    AwsError
        ``ValidationException`` if it is none that batch transform takes.

    Examples
    --------
    >>> JsonPath("$[1:]")(["key", "1", "2"])
    ['1', '2']
    >>> JsonPath("$['id','SageMakerOutput']")({"id": 7, "x": 1, "SageMakerOutput": 0.5})
    {'id': 7, 'SageMakerOutput': 0.5}
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps: list[_Step] = []
        rest = text.strip()
        if not rest.startswith("$"):
            raise AwsError("ValidationException", f"JSONPath {text!r} must begin with $")
        at = 1
        while at < len(rest):
            found = STEP.match(rest, at)
            if found is None:
                raise AwsError("ValidationException", f"JSONPath {text!r} has an unsupported operator at {rest[at:]!r}")
            self._steps.append(_step(found))
            at = found.end()

    @property
    def takes_all(self) -> bool:
        """Whether this is ``$``, which changes nothing."""
        return not self._steps

    def __call__(self, value: Any) -> Any:
        """Return the part of ``value``.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        for step in self._steps:
            try:
                value = _taken(step, value)
            except (KeyError, IndexError, TypeError) as error:
                raise ValueError(f"ClientError: JSONPath {self.text} finds nothing in {str(value)[:100]}") from error
        return value


def _step(found: re.Match[str]) -> _Step:
    if found["name"]:
        return _Step((found["name"],))
    if found["names"]:
        return _Step(
            tuple(double or single for double, single in re.findall(r"\"([^\"]*)\"|'([^']*)'", found["names"]))
        )
    if found["numbers"]:
        return _Step(tuple(int(number) for number in found["numbers"].split(",")))
    if found["slice"]:
        low, _, high = found["slice"].partition(":")
        return _Step(slice=slice(int(low) if low else None, int(high) if high else None))
    return _Step(slice=slice(None))


def _taken(step: _Step, value: Any) -> Any:
    if step.slice is not None:
        return list(value.values()) if isinstance(value, dict) else value[step.slice]
    if len(step.keys) == 1:
        return value[step.keys[0]]
    if isinstance(value, dict):
        return {key: value[key] for key in step.keys}
    return [value[key] for key in step.keys]
