"""Script mode: a user's source code packed as framework images unpack it, and what tells them where it is.

Source: the contract of aws/sagemaker-training-toolkit: ``sourcedir.tar.gz`` in S3, named by the hyperparameters
``sagemaker_submit_directory`` and ``sagemaker_program``; every hyperparameter is JSON, and all others become arguments
of the program, ``--name value``.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError

ARCHIVE = "sourcedir.tar.gz"
REQUIREMENTS = "requirements.txt"
SKIPPED = {"__pycache__", ".git", ".venv", ".ipynb_checkpoints"}
RESERVED = "sagemaker_"


def pack(entry_point: str, source_dir: str = "", requirements: str = "") -> bytes:
    """Return ``sourcedir.tar.gz``; the same files always make the same bytes.

    Parameters
    ----------
    entry_point : str
        The program, below ``source_dir`` when there is one.
    source_dir : str
        Packed whole, but for caches and hidden version control; ``""``: the program alone.
    requirements : str
        A file of packages, put beside the program as ``requirements.txt``.

    Raises
    ------
    ConfigError
        If a file is missing, or there are two lists of requirements.
    """
    root = Path(source_dir) if source_dir else Path(entry_point).parent
    program = root / entry_point if source_dir else Path(entry_point)
    _require(program, "entryPoint")
    files = _below(root) if source_dir else {program.name: program}
    if requirements:
        _require(Path(requirements), "requirements")
        if REQUIREMENTS in files:
            raise ConfigError(
                f"requirements is {requirements!r}, and {source_dir!r} holds {REQUIREMENTS} already", "Keep one."
            )
        files[REQUIREMENTS] = Path(requirements)
    return _archive(files)


def script_hyperparameters(given: Mapping[str, Any], program: str, archive_uri: str, job: str) -> dict[str, str]:
    """Return all hyperparameters of a script-mode job, each as JSON.

    Raises
    ------
    ConfigError
        If a name is one of the toolkit's own.

    Examples
    --------
    >>> script_hyperparameters({"epochs": 3}, "train.py", "s3://b/source/sourcedir.tar.gz", "job-1")["epochs"]
    '3'
    """
    taken = sorted(name for name in given if name.startswith(RESERVED))
    if taken:
        raise ConfigError(f"hyperparameters: {', '.join(taken)} would hide the toolkit's own", "Rename them.")
    own = {
        "sagemaker_program": program,
        "sagemaker_submit_directory": archive_uri,
        "sagemaker_job_name": job,
        "sagemaker_container_log_level": 20,
    }
    return {name: json.dumps(value) for name, value in {**given, **own}.items()}


def _require(path: Path, param: str) -> None:
    if not path.is_file():
        raise ConfigError(f"{param}: there is no file {str(path)!r}", "Name an existing file.")


def _below(root: Path) -> dict[str, Path]:
    """Return name in the archive -> file, for all files below ``root``; what a link leads out of it is refused."""
    files = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if SKIPPED & set(name.parts) or not path.is_file():
            continue
        if root.resolve() not in path.resolve().parents:
            raise ConfigError(f"sourceDir: {str(path)!r} leads out of {str(root)!r}", "Copy the file, or drop it.")
        files[name.as_posix()] = path
    return files


def _archive(files: dict[str, Path]) -> bytes:
    packed = io.BytesIO()
    # Times and owners are left out: an archive that differs by them would look like other code.
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return packed.getvalue()
