"""What a server is given besides its state: files, or their content on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sparring.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def read_settings(kind: type[Model], path_or_text: str) -> Model:
    """Return what a YAML file holds; a text that begins with ``{`` is the content itself.

    Raises
    ------
    ConfigError
        If there is no such file, it is not YAML, or not as ``kind`` says; each place is named.
    """
    inline = path_or_text.lstrip().startswith("{")
    source = f"the {kind.__name__} given" if inline else path_or_text
    try:
        return kind.model_validate(yaml.safe_load(path_or_text if inline else Path(path_or_text).read_text()))
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    except (OSError, yaml.YAMLError) as error:
        found = " ".join(str(error).split())
    raise ConfigError(f"{source} is not valid: {found}", "See docs/guide/local-sagemaker.md.")
