"""Which algorithm images run locally, and the program that stands in for each."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

ROOM = "sparring_local_sagemaker.algorithms"
# Repository in ECR -> module.  XGBoost is the real library; the others stand in for Amazon's code.
ALGORITHMS = {
    "xgboost": f"{ROOM}.xgboost_programs",
    "sagemaker-xgboost": f"{ROOM}.xgboost_programs",
    "linear-learner": f"{ROOM}.linear_learner",
    "kmeans": f"{ROOM}.kmeans",
    "pca": f"{ROOM}.pca",
    "lda": f"{ROOM}.lda",
    "factorization-machines": f"{ROOM}.factorization_machines",
    # Our own image, which takes model packages; see sparring.serving.
    "sparring": "sparring.serving.programs",
}


class Image(NamedTuple):
    """A container image: its repository's name, its tag, and the module that stands in for it, if any."""

    repository: str
    tag: str
    module: str | None

    def command(self, program: str) -> list[str]:
        """Return the command of ``program``, train or serve."""
        assert self.module is not None
        return [sys.executable, "-m", self.module, program]


def find_image(uri: str) -> Image:
    """Return the image that a URI names.

    Examples
    --------
    >>> find_image("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1")[:2]
    ('xgboost', '1')
    """
    repository, _, tag = re.sub(r"@sha256:\w+$", "", uri.rsplit("/", 1)[-1]).partition(":")
    return Image(repository, tag or "latest", ALGORITHMS.get(repository))


def refusal(uri: str) -> str:
    """Return why an image cannot run locally."""
    return (
        f"AlgorithmError: image {uri} does not run in the local emulator of SageMaker, which has "
        f"{', '.join(sorted(ALGORITHMS))}. Run this job on AWS: set role, bucket and region."
    )
