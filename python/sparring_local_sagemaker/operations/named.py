"""What models, endpoint configurations and algorithms have in common: created, described, listed, deleted by name."""

from __future__ import annotations

import time
from collections.abc import Callable

from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record, Store


class Named:
    """Resources without a life of their own.

    Parameters
    ----------
    platform : Platform
    kind : str
        As in their ARN.
    noun : str
        As in the names of their operations, such as ``Model``.
    listing : Listing
    """

    def __init__(self, platform: Platform, kind: str, noun: str, listing: Listing) -> None:
        self.platform, self.noun, self.listing = platform, noun, listing
        self.store = Store(kind, platform.state / "records" / f"{kind}s")
        self.operations: dict[str, Callable[[Record], Record]] = {
            f"Create{noun}": self.create,
            f"Describe{noun}": lambda request: self.found(request[f"{noun}Name"]),
            f"Delete{noun}": self.delete,
            f"List{noun}s": lambda request: listing.page(self.store, request),
        }

    def check(self, request: Record) -> None:
        """Raise what AWS refuses beyond its service model, and what this emulator lacks."""

    def record(self, request: Record) -> Record:
        """Return what is kept of a request."""
        return {key: value for key, value in request.items() if key != "Tags"}

    def found(self, name: str) -> Record:
        """Return a resource, or raise as AWS does."""
        return self.store.found(name)

    def create(self, request: Record) -> Record:
        """Create a resource of a name that is free."""
        name = request[f"{self.noun}Name"]
        answer = {f"{self.noun}Arn": self.store.arn(name)}
        with self.platform.lock:
            self.store.refuse_twice(name)
            self.check(request)
            with self.platform.tags.of_new(self.store.arn(name), request.get("Tags", [])):
                self.store.put(name, self.record(request) | answer | {"CreationTime": time.time()})
        return answer

    def delete(self, request: Record) -> Record:
        """Delete a resource; what was made of it goes on."""
        with self.platform.lock:
            name = self.found(request[f"{self.noun}Name"])[f"{self.noun}Name"]
            self.store.delete(name)
        self.platform.tags.remove(self.store.arn(name))
        return {}
