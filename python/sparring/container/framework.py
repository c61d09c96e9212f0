"""Which framework's image a script believes to run in: its default handlers, and the modules that it may import."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

# scikit-learn, xgboost or pytorch; anything else, and nothing, is no framework that is known here.
FRAMEWORK_VARIABLE = "SPARRING_FRAMEWORK"


def framework() -> str:
    """Return the framework of the image that this process stands in for; empty if none is known."""
    return os.environ.get(FRAMEWORK_VARIABLE, "")


TOOLKITS = Path(__file__).parent / "toolkits"
# Packages that an image has beside its framework, and the frameworks of those images; empty: of all.
PACKAGES = {
    "sagemaker_containers": ("scikit-learn", "xgboost"),
    "sagemaker_inference": (),
    "sagemaker_training": (),
    "sagemaker_xgboost_container": ("xgboost",),
}


def toolkit_folders(framework: str) -> list[str]:
    """Return the folders, one a package, with what stands in for AWS's toolkits in a framework's image.

    A package that is installed stands for itself.
    """
    return [
        str(TOOLKITS / package)
        for package, frameworks in PACKAGES.items()
        if (not frameworks or framework in frameworks) and not _installed(package)
    ]


def _installed(package: str) -> bool:
    # Not by an import: a stand-in that is on the path already must not count.
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
