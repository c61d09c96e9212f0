"""The ways a table was scored with a run's model, on the run's page: their time and price side by side."""

from __future__ import annotations

from typing import Any

from pyarrow import fs

from sparring.io import storage

FOLDER, FACTS = "scoring", "scoring.json"


def scoring_of(run: str) -> list[dict[str, Any]]:
    """Return the facts of every scoring job below the run's folder, ``scoring/MODE/scoring.json``, by mode."""
    run = storage.normalize(run)
    system, inner = storage.filesystem(storage.join(run, FOLDER))
    found = system.get_file_info(fs.FileSelector(inner, allow_not_found=True))
    modes = sorted(info.base_name for info in found if info.type == fs.FileType.Directory)
    paths = [storage.join(run, FOLDER, mode, FACTS) for mode in modes]
    return [storage.read_json(path) for path in paths if storage.exists(path)]
