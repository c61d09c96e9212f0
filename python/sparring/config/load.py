"""Reading a configuration file, applying overrides, and saying what is wrong with it in the user's terms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from sparring.config.builtin import builtin_file
from sparring.config.extensions import load_extensions
from sparring.config.schema import RunConfig
from sparring.errors import ConfigError, did_you_mean
from sparring.io import storage

# Configurations that Sparring brings, by the name that stands for them.
BROUGHT = {
    "demo": "demo.yaml",
    "flights-delay": "flights-delay.yaml",
    "digits": "digits.yaml",
    "small": "small.yaml",
}
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def load_config(path: str, overrides: list[str] | None = None) -> RunConfig:
    """Return the validated configuration in the YAML file at ``path``.

    Parameters
    ----------
    path : str
        A local file or any path of a supported file system; ``demo``, ``flights-delay``, ``digits`` and ``small``
        are those that Sparring brings.  A relative
        ``table.path`` in it starts from its folder.
    overrides : list of str, optional
        ``key.key=value`` each, the value in YAML: ``split.train=0.6``, ``contenders.0.name=fast``.

    Raises
    ------
    ConfigError
        If the file is absent, not YAML, or a key is unknown, missing or ill-typed; all faults are listed.

    Examples
    --------
    >>> load_config("conf/demo.yaml", ["seed=7"]).seed      # doctest: +SKIP
    7
    """
    try:
        tree = yaml.safe_load(_text(path))
    except FileNotFoundError as error:
        near = Path(path).parent if Path(path).parent.is_dir() else Path()
        names = ", ".join(sorted(str(file) for file in near.glob("*.yaml"))) or "none"
        raise ConfigError(f"The configuration {path!r} does not exist", f"YAML files near it: {names}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The configuration {path!r} is not text in UTF-8", "Save it in that encoding.") from error
    except OSError as error:
        raise ConfigError(
            f"The configuration {path!r} cannot be read: {error}", "Name a file that is yours."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"The configuration {path!r} is not YAML: {_fault(error)}", "Fix that line.") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"The configuration {path!r} holds no keys", "See conf/demo.yaml for an example.")
    _place_table(tree, path)
    return parse_config(apply_overrides(tree, overrides or []), path)


def _place_table(tree: dict[str, Any], path: str) -> None:
    """Have a relative ``table.path`` start from the configuration's folder, wherever the command was typed."""
    table = tree.get("table")
    if path in BROUGHT or not isinstance(table, dict):
        return
    where = table.get("path")
    if not isinstance(where, str) or where.startswith(("/", "~", "file:")) or SCHEME.match(where):
        return
    folder = storage.normalize(path).rpartition("/")[0]
    table["path"] = storage.plain(storage.join(folder, where))


def _fault(error: yaml.YAMLError) -> str:
    """Return in one line what is wrong with a text, and where."""
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return f"{place}{getattr(error, 'problem', None) or str(error).splitlines()[0]}"


def apply_overrides(tree: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Set each ``key.key=value`` in ``tree`` and return it."""
    for override in overrides:
        _apply(tree, override)
    return tree


def _text(path: str) -> str:
    return builtin_file(BROUGHT[path]).read_text("utf-8") if path in BROUGHT else storage.read_text(path)


def parse_config(tree: dict[str, Any], source: str = "the configuration") -> RunConfig:
    """Return the validated configuration of a tree of plain values.

    Raises
    ------
    ConfigError
        Listing every fault with its key, what was allowed and what came.
    """
    load_extensions()
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        faults = [_explain(fault) for fault in error.errors()]
        listed = faults[0] if len(faults) == 1 else "".join(f"\n  - {fault}" for fault in faults)
        raise ConfigError(f"{source} is not valid: {listed}", "Fix it and run again.") from error


def _apply(tree: dict[str, Any], override: str) -> None:
    """Set one ``key.key=value`` in ``tree``, making the sections on the way."""
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise ConfigError(f"--set {override!r} is not key=value", "Write for example --set split.train=0.6.")
    node: Any = tree
    *sections, last = path.split(".")
    for section in sections:
        node = node[_index(node, section, override)] if isinstance(node, list) else node.setdefault(section, {})
        if not isinstance(node, (dict, list)):
            raise ConfigError(f"--set {override!r}: {section} holds a value, not a section", "Shorten the key.")
    node[_index(node, last, override) if isinstance(node, list) else last] = _value(override, text)


def _value(override: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {override!r}: {text!r} is not YAML: {_fault(error)}", "Quote it, or close its brackets."
        ) from error


def _index(node: list[Any], text: str, override: str) -> int:
    if not text.isdigit() or int(text) >= len(node):
        raise ConfigError(
            f"--set {override!r}: {text!r} is no position in a list of {len(node)}",
            f"Use 0 to {len(node) - 1}.",
        )
    return int(text)


def _explain(fault: Any) -> str:
    """Return one pydantic fault as a sentence."""
    place = ".".join(str(part) for part in fault["loc"]) or "the configuration"
    if fault["type"] == "extra_forbidden":
        allowed = sorted(_section_at(fault["loc"][:-1]).model_fields)
        return f"unknown key {place}; allowed: {', '.join(allowed)}.{did_you_mean(str(fault['loc'][-1]), allowed)}"
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "value_error":
        return f"{place}: {fault['msg'].removeprefix('Value error, ')}"
    return f"{place}: {fault['msg'][0].lower()}{fault['msg'][1:]}, got {fault['input']!r}"


def _section_at(location: tuple[str | int, ...]) -> type[BaseModel]:
    """Return the section class that a location of pydantic's points into."""
    section: type[BaseModel] = RunConfig
    for part in location:
        # What is no field is a name of the user's, such as a channel's.
        if isinstance(part, str) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            candidates = [annotation, *get_args(annotation)]
            section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return section
