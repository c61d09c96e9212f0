"""The JVM side of the SageMaker hand-off: where its jars are, and which Spark they can run on."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from sparring.errors import MissingDependencyError, PlatformError

SAGEMAKER_PYSPARK = "1.4.5"
INSTALL_SAGEMAKER_PYSPARK = f"pip install --no-deps sagemaker-pyspark=={SAGEMAKER_PYSPARK}"

# (Spark line, does the jar load, tested) in the order doctor prints them.
VERSION_MATRIX = {
    "3.4": "fit works",
    "3.5": "fit works (reference line); scoring is Sparring's own",
    "4.0": "the jar is built for Scala 2.12 and cannot load",
    "4.1": "the jar is built for Scala 2.12 and cannot load",
}
SUPPORTED_LINES = ("3.4", "3.5")


def package_folder(package: str) -> Path | None:
    """Return the folder of an installed package without importing it, or None when it is absent."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def sagemaker_jars() -> list[str]:
    """Return the paths of the jars inside ``sagemaker-pyspark``, in class path order.

    ``aws-java-sdk-bundle`` goes last: it holds an older copy of the AWS classes that the other jars bring.

    Raises
    ------
    MissingDependencyError
        If ``sagemaker-pyspark`` is not installed.
    """
    folder = package_folder("sagemaker_pyspark")
    if folder is None:
        raise MissingDependencyError(
            "The SageMaker hand-off needs the package sagemaker-pyspark, which is not installed",
            f"Run: {INSTALL_SAGEMAKER_PYSPARK}",
        )
    jars = sorted((folder / "jars").glob("*.jar"))
    return [str(jar) for jar in sorted(jars, key=lambda jar: "sdk-bundle" in jar.name)]


def require_supported_spark(version: str) -> None:
    """Raise :class:`PlatformError` if the hand-off's jar cannot load into Spark ``version``."""
    line = ".".join(version.split(".")[:2])
    if line not in SUPPORTED_LINES:
        raise PlatformError(
            f"sagemaker-pyspark {SAGEMAKER_PYSPARK} runs on Spark {' and '.join(SUPPORTED_LINES)}, this is {version}",
            "Set sagemaker.client: boto3, or run on Spark 3.5: pip install pyspark==3.5.9",
        )


def spark_is_supported() -> bool:
    """Return whether the installed Spark can load the hand-off's jar."""
    import pyspark

    return ".".join(pyspark.__version__.split(".")[:2]) in SUPPORTED_LINES


def copy_jars(folder: str) -> list[str]:
    """Copy the hand-off's jars into ``folder``, made if need be, and return their names."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy2(jar, target)).name for jar in sagemaker_jars()]


if __name__ == "__main__":
    print("\n".join(copy_jars(sys.argv[1])))
