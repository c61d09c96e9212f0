"""Write ``docs/configuration.md`` from the configuration's own classes: ``uv run python docs/generate_configuration.py``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sparring.config.schema import RunConfig

PAGE = Path(__file__).with_name("configuration.md")
HEAD = """\
# Configuration

One YAML file a run; unknown keys are refused. `--set key.key=value` overrides any of them, list items by position
(`--set contenders.0.name=fast`). [conf/demo.yaml](../conf/demo.yaml) is a complete example. This page is generated
from `sparring/config/schema.py`.
"""


def section_of(annotation: object) -> type[BaseModel] | None:
    """Return the section class in an annotation, if there is one."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def default_of(field: FieldInfo) -> str:
    """Return a field's default as text; bold when it must be given."""
    if field.default is PydanticUndefined:
        return "**required**"
    return "" if isinstance(field.default, BaseModel) else f"`{field.default}`"


def kind_of(annotation: object) -> str:
    """Return an annotation as a reader writes it."""
    values = get_args(annotation)
    if len(values) == 2 and type(None) in values:
        return kind_of(values[0])
    if values and all(isinstance(value, str) for value in values):
        return " \\| ".join(values)
    text = annotation.__name__ if isinstance(annotation, type) and not values else str(annotation)
    return text.replace("typing.", "").replace(" | None", "").replace("|", "\\|")


def describe(section: type[BaseModel], path: str) -> list[str]:
    """Return the lines for a section and those below it."""
    heading = f"## `{path}`" if path else "## Top level"
    lines = [heading, "", (section.__doc__ or "").strip().splitlines()[0], ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    inner: list[str] = []
    for name, field in section.model_fields.items():
        below = section_of(field.annotation)
        kind = "section" if below else kind_of(field.annotation)
        lines.append(f"| `{name}` | {kind} | {default_of(field)} | {field.description or ''} |")
        if below is not None:
            inner += describe(below, f"{path}.{name}" if path else name)
    return [*lines, "", *inner]


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *describe(RunConfig, "")]).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
