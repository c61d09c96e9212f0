"""The user's own source: fetched, unpacked into the tree, its requirements installed into a folder of the job."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sparring.container.framework import framework, toolkit_folders
from sparring.io import archives, storage


def install_source(source: str, code: Path) -> None:
    """Put the user's source into ``code`` and install its ``requirements.txt``, if it has one.

    Parameters
    ----------
    source : str
        ``s3://bucket/key.tar.gz``, or a path of a ``tar.gz`` or a folder; empty: what is in ``code`` already.
    code : Path
        Such as ``/opt/ml/code``.

    Raises
    ------
    ValueError
        If the source is not there, leads out of ``code`` or its requirements cannot be installed.
    """
    code.mkdir(parents=True, exist_ok=True)
    if source:
        _fetch(source, code)
    if (code / "requirements.txt").exists():
        _install(code / "requirements.txt", packages_folder(code))


def packages_folder(code: Path) -> Path:
    """Return the folder that receives what the requirements name; the job's own, so no other sees it."""
    return code.parent / "packages"


def python_path(code: Path) -> str:
    """Return ``PYTHONPATH`` for the user's program: its source, its packages, its image's, what was there before."""
    before = filter(None, [os.environ.get("PYTHONPATH")])
    return os.pathsep.join([str(code), str(packages_folder(code)), *toolkit_folders(framework()), *before])


def _fetch(source: str, code: Path) -> None:
    path = source.removeprefix("file://")
    if Path(path).is_dir():
        # The SDK names /opt/ml/model/code, where the source of a packed model is already.
        if Path(path).samefile(code):
            return
        shutil.copytree(path, code, dirs_exist_ok=True)
        return
    if "://" in source and source.partition("://")[0] not in ("file", "s3", "s3a"):
        raise ValueError(f"ClientError: sagemaker_submit_directory {source!r} is neither s3:// nor a path")
    try:
        data = storage.read_bytes(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"ClientError: sagemaker_submit_directory {source!r} cannot be read: {error}") from error
    unpack(data, code, source)


def unpack(data: bytes, folder: Path, name: str) -> None:
    """Unpack a ``tar.gz`` into ``folder``.

    Raises
    ------
    ValueError
        If it is none, a member leads out of ``folder``, by its path or by a link, or it unpacks to too much.
    """
    try:
        archives.unpack(io.BytesIO(data), folder)
    except archives.ArchiveError as error:
        raise ValueError(f"ClientError: {name}: {error}") from error


def _install(requirements: Path, target: Path) -> None:
    """Install into ``target``, from the source's folder: relative paths in the file are meant from there."""
    command = [*_installer(), "--quiet", "--target", str(target), "-r", requirements.name]
    done = subprocess.run(command, cwd=requirements.parent, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"InstallRequirementsError: {done.stderr.strip()[-800:]}")


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--root-user-action", "ignore"]
    # An environment made by uv has no pip; uv answers the same words.
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise ValueError("InstallRequirementsError: neither pip nor uv is installed, so requirements.txt cannot be")
