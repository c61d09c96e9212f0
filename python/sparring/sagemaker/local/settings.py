"""What a server is given besides its state: files, or their content on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_yaml(path_or_text: str) -> Any:
    """Return what a YAML file holds; a text that begins with ``{`` is the content itself.

    Raises
    ------
    OSError, yaml.YAMLError
        If there is no such file, or it is not YAML.
    """
    text = path_or_text if path_or_text.lstrip().startswith("{") else Path(path_or_text).read_text()
    return yaml.safe_load(text)
