"""The registry of a hand-off: each resource is written down before it is created, so that a crash cannot hide one."""

from __future__ import annotations

from typing import Any

from pyarrow import fs

from sparring.io import storage
from sparring.sagemaker.resources import delete
from sparring.sagemaker.target import AwsTarget

ENDING = ".registry.json"


class ResourceRegistry:
    """Resources that exist or are about to, in the order of their creation.

    Parameters
    ----------
    target : AwsTarget
        Where they are.
    path : str, optional
        JSON file, local or on any Hadoop path; without one the registry is kept in memory only.

    Examples
    --------
    >>> target = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "eu-west-1")
    >>> registry = ResourceRegistry(target)
    >>> registry.record("model", "churn-1")
    >>> registry.resources
    [('model', 'churn-1')]
    """

    def __init__(self, target: AwsTarget, path: str | None = None) -> None:
        self.target, self.path = target, path
        self._entries: list[dict[str, Any]] = []

    @classmethod
    def load(cls, path: str) -> ResourceRegistry | None:
        """Return the registry in the file ``path``, or None when there is none."""
        if not storage.exists(path):
            return None
        value = storage.read_json(path)
        registry = cls(AwsTarget.from_json(value["target"]), path)
        registry._entries = value["resources"]
        return registry

    @property
    def resources(self) -> list[tuple[str, str]]:
        """Kind and name of each resource, oldest first."""
        return [(entry["kind"], entry["name"]) for entry in self._entries]

    def record(self, kind: str, name: str, digest: str = "") -> None:
        """Write a resource down; call it before the resource is created.

        Parameters
        ----------
        kind, name : str
            See :func:`sparring.sagemaker.resources.delete`.
        digest : str
            Of what the resource is made of, to know it again.
        """
        if (kind, name) not in self.resources:
            self._entries.append({"kind": kind, "name": name, "digest": digest})
            self._save()

    def digest(self, kind: str, name: str) -> str:
        """Return the digest that a resource was recorded with."""
        return next(e["digest"] for e in self._entries if (e["kind"], e["name"]) == (kind, name))

    def forget(self, kind: str, name: str) -> None:
        """Strike a resource out: it is gone, or somebody else's from now on."""
        self._entries = [entry for entry in self._entries if (entry["kind"], entry["name"]) != (kind, name)]
        self._save()

    def clean_up(self, kinds: tuple[str, ...] | None = None) -> list[tuple[str, str]]:
        """Delete all resources (of ``kinds``), last first, and return them; every one is tried.

        Raises
        ------
        Exception
            The first refusal, after all others have been tried; what was refused stays in the registry.
        """
        deleted, refused = [], []
        for kind, name in reversed(self.resources):
            if kinds is not None and kind not in kinds:
                continue
            try:
                delete(self.target, kind, name)
            except Exception as error:
                refused.append(error)
            else:
                self.forget(kind, name)
                deleted.append((kind, name))
        if refused:
            raise refused[0]
        return deleted

    def _save(self) -> None:
        if self.path is None:
            return
        if self._entries:
            storage.write_json(self.path, {"target": self.target.to_json(), "resources": self._entries})
        else:
            storage.delete(self.path)


def registry_path(folder: str) -> str:
    """Return the file of the registry of what a folder is made with: beside it, for the folder may be made anew."""
    return folder.rstrip("/") + ENDING


def registries_of(run: str) -> list[ResourceRegistry]:
    """Return all registries below (or beside) the folder of a run; each lists something."""
    system, inner = storage.filesystem(run)
    found = system.get_file_info(fs.FileSelector(inner, allow_not_found=True, recursive=True))
    names = sorted(info.path for info in found if info.path.endswith(ENDING))
    head = storage.normalize(run)[: -len(inner)] if storage.normalize(run).endswith(inner) else ""
    loaded = [ResourceRegistry.load(path) for path in [registry_path(run), *(head + name for name in names)]]
    return [registry for registry in loaded if registry is not None]


def clean_up_or_drop(registry: ResourceRegistry) -> list[tuple[str, str]]:
    """Delete all that a registry lists and return it; a local emulator that is gone took everything with it.

    Raises
    ------
    Exception
        As :meth:`ResourceRegistry.clean_up`.
    """
    from botocore.exceptions import EndpointConnectionError

    try:
        return registry.clean_up()
    except EndpointConnectionError:
        if registry.target.emulator is None:
            raise
        gone = registry.resources
        for kind, name in gone:
            registry.forget(kind, name)
        return gone
