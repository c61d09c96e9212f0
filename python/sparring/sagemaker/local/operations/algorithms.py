"""CreateAlgorithm, DescribeAlgorithm, DeleteAlgorithm, ListAlgorithms: images under a name of one's own."""

from __future__ import annotations

import time

from sparring.sagemaker.local.listing import Listing
from sparring.sagemaker.local.platform import Platform
from sparring.sagemaker.local.state import Record, Store

LISTING = Listing(
    "AlgorithmSummaryList",
    "AlgorithmName",
    ("AlgorithmName", "AlgorithmArn", "AlgorithmDescription", "CreationTime", "AlgorithmStatus"),
)


class Algorithms:
    """The algorithm resources of one server."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.store = Store("algorithm", platform.state / "records" / "algorithms")
        self.operations = {
            "CreateAlgorithm": self.create,
            "DescribeAlgorithm": lambda request: self.found(request["AlgorithmName"]),
            "DeleteAlgorithm": self.delete,
            "ListAlgorithms": lambda request: LISTING.page(self.store, request),
        }

    def create(self, request: Record) -> Record:
        """CreateAlgorithm: completed at once, for nothing validates it here."""
        name = request["AlgorithmName"]
        with self.platform.lock:
            self.store.refuse_twice(name)
            kept = {key: value for key, value in request.items() if key not in ("Tags", "ValidationSpecification")}
            self.store.put(
                name,
                kept
                | {
                    "AlgorithmArn": self.store.arn(name),
                    "CreationTime": time.time(),
                    "AlgorithmStatus": "Completed",
                    "AlgorithmStatusDetails": {},
                },
            )
        self.platform.tags.add(self.store.arn(name), request.get("Tags", []))
        return {"AlgorithmArn": self.store.arn(name)}

    def found(self, name_or_arn: str) -> Record:
        """Return an algorithm by its name or ARN."""
        by_arn = {entry["AlgorithmArn"]: entry for entry in self.store}
        return by_arn[name_or_arn] if name_or_arn in by_arn else self.store.found(name_or_arn.rpartition("/")[2])

    def training_image(self, name_or_arn: str) -> str:
        """Return the image that an algorithm trains with."""
        image: str = self.found(name_or_arn)["TrainingSpecification"]["TrainingImage"]
        return image

    def delete(self, request: Record) -> Record:
        """DeleteAlgorithm."""
        name = self.found(request["AlgorithmName"])["AlgorithmName"]
        self.store.delete(name)
        self.platform.tags.remove(self.store.arn(name))
        return {}
