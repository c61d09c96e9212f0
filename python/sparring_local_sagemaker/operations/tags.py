"""AddTags, ListTags, DeleteTags."""

from __future__ import annotations

from collections.abc import Callable

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record

PAGE = 50


class TagOperations:
    """Tags of resources that exist.

    Parameters
    ----------
    platform : Platform
    exists : callable
        Whether there is a resource of this ARN.
    """

    def __init__(self, platform: Platform, exists: Callable[[str], bool]) -> None:
        self.platform, self.exists = platform, exists
        self.operations = {"AddTags": self.add, "ListTags": self.list, "DeleteTags": self.delete}

    def _require(self, request: Record) -> str:
        resource: str = request["ResourceArn"]
        if not self.exists(resource):
            raise AwsError("ValidationException", f"Could not find resource {resource}")
        return resource

    def add(self, request: Record) -> Record:
        """AddTags."""
        resource = self._require(request)
        self.platform.tags.add(resource, request["Tags"])
        return {"Tags": self.platform.tags.of(resource)}

    def list(self, request: Record) -> Record:
        """ListTags: by key; a token is the place to go on from."""
        tags = self.platform.tags.of(self._require(request))
        token = request.get("NextToken", "0")
        if not token.isdigit():
            raise AwsError("ValidationException", "Invalid NextToken")
        end = int(token) + request.get("MaxResults", PAGE)
        more = {"NextToken": str(end)} if end < len(tags) else {}
        return {"Tags": tags[int(token) : end], **more}

    def delete(self, request: Record) -> Record:
        """DeleteTags."""
        self.platform.tags.remove(self._require(request), request["TagKeys"])
        return {}
