"""CreateAlgorithm, DescribeAlgorithm, DeleteAlgorithm, ListAlgorithms: images under a name of one's own."""

from __future__ import annotations

from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.named import Named
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record

LISTING = Listing(
    "AlgorithmSummaryList",
    "AlgorithmName",
    ("AlgorithmName", "AlgorithmArn", "AlgorithmDescription", "CreationTime", "AlgorithmStatus"),
)


class Algorithms(Named):
    """The algorithm resources of one server."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, "algorithm", "Algorithm", LISTING)

    def record(self, request: Record) -> Record:
        """Return what is kept: it is completed at once, for nothing validates it here."""
        kept = {key: value for key, value in request.items() if key != "Tags"}
        return kept | {"AlgorithmStatus": "Completed", "AlgorithmStatusDetails": {}}

    def found(self, name_or_arn: str) -> Record:
        """Return an algorithm by its name or ARN."""
        by_arn = {entry["AlgorithmArn"]: entry for entry in self.store}
        return by_arn[name_or_arn] if name_or_arn in by_arn else self.store.found(name_or_arn.rpartition("/")[2])

    def training_image(self, name_or_arn: str) -> str:
        """Return the image that an algorithm trains with."""
        image: str = self.found(name_or_arn)["TrainingSpecification"]["TrainingImage"]
        return image
