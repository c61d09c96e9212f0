"""Commands whose help reads as a person would write it: ``--port N``, ``--label COLUMN``, no types of Python's."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


def named_values(params: list[Any]) -> list[Any]:
    """Give every option and argument that has no name for its value one; flags take none."""
    for param in params:
        if param.metavar is None:
            param.metavar = _value_of(param)
        if param.param_type_name == "argument":
            # Its name stands in the column before; here Typer would print a type.
            param.display_type_rich = lambda ctx: ""
    return params


def _value_of(param: Any) -> str:
    if getattr(param, "is_flag", False):
        return ""
    choices = getattr(getattr(param, "type_descriptor", None) or getattr(param, "type", None), "choices", None)
    return "|".join(str(getattr(choice, "value", choice)) for choice in choices or ()) or str(param.name).upper()


class Command(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with names for their values."""
        return named_values(super().get_params(ctx))


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with names for their values."""
        return named_values(super().get_params(ctx))
