"""What serves an endpoint: the variants of one configuration, and how requests are split among them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.replica import Ended
from sparring_local_sagemaker.runtime.variant import ServerlessVariant, Variant
from sparring_local_sagemaker.state import Record


class Deployment:
    """The variants of one endpoint configuration.

    Parameters
    ----------
    platform : Platform
    endpoint : str
    config : dict
        The EndpointConfig.
    containers_of : callable
        Model name -> its containers.
    folder : Path
    """

    def __init__(
        self,
        platform: Platform,
        endpoint: str,
        config: Record,
        containers_of: Callable[[str], list[Record]],
        folder: Path,
    ) -> None:
        self.config = config
        self.variants: dict[str, Variant] = {}
        for entry in config["ProductionVariants"]:
            kind = ServerlessVariant if "ServerlessConfig" in entry else Variant
            name = entry["VariantName"]
            self.variants[name] = kind(platform, endpoint, entry, containers_of(entry["ModelName"]), folder / name)
        self._lock = threading.Lock()
        self._credit = dict.fromkeys(self.variants, 0.0)
        self._ended = False
        self._busy = 0
        self._idle = threading.Condition()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a request as under way for the body of the ``with`` statement."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def start(self) -> None:
        """Start every variant.

        Raises
        ------
        RuntimeError
            Naming the first variant that does not come up; the others are ended.
        """
        try:
            with ThreadPoolExecutor(len(self.variants)) as pool:
                list(pool.map(self._start, self.variants.values()))
        except BaseException:
            self.end()
            raise
        if self._ended:
            self.end()
            raise Ended

    @staticmethod
    def _start(variant: Variant) -> None:
        try:
            variant.start()
        except Ended:
            raise
        except Exception as error:
            raise RuntimeError(_reason(variant.name, str(error))) from error

    def choose(self, target: str | None = None) -> Variant:
        """Return the variant that a request goes to.

        Weights are kept exactly: of any run of requests, each variant gets its share to within one
        (smooth weighted round robin, as nginx does it).  AWS draws by chance.
        """
        if target is not None:
            if target not in self.variants:
                raise AwsError("ValidationError", f"Variant {target} is not found for this endpoint")
            return self.variants[target]
        with self._lock:
            total = sum(variant.weight for variant in self.variants.values())
            for name, variant in self.variants.items():
                self._credit[name] += variant.weight
            chosen = max(self._credit, key=lambda name: self._credit[name])
            self._credit[chosen] -= total
            return self.variants[chosen]

    def adjust(self, desired: list[Record]) -> None:
        """Change weights and counts of variants."""
        for entry in desired:
            variant = self.variants[entry["VariantName"]]
            if "DesiredInstanceCount" in entry:
                variant.scale(entry["DesiredInstanceCount"])
            if "DesiredWeight" in entry:
                variant.weight = entry["DesiredWeight"]

    def summaries(self) -> list[Record]:
        """Return the variants' entries in DescribeEndpoint."""
        return [variant.summary() for variant in self.variants.values()]

    def end(self, drain_seconds: float = 0.0) -> None:
        """End every process, once no request is under way, after ``drain_seconds`` at the latest."""
        self._ended = True
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0, drain_seconds)
        for variant in self.variants.values():
            variant.end()


def _reason(variant: str, said: str) -> str:
    """Return why a variant does not come up; of its container as AWS words it."""
    subject = "The primary container "
    if not said.startswith(subject):
        return f"Production variant {variant}: {said}"
    return (
        f"{subject}for production variant {variant} {said.removeprefix(subject)} "
        "Please check CloudWatch logs for this endpoint."
    )
