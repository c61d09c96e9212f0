"""What a scoring job did: counters and latencies, small however many requests, merged on the driver."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import SparkSession

# A bucket is 2% wide, hence a quantile within 1% of the true one.
FIRST_SECONDS, GROWTH = 1e-5, 1.02


@dataclass
class ScoringMetrics:
    """Counters of requests, and their latencies as a histogram of logarithmic buckets.

    Attributes
    ----------
    rows, requests, retries : int
        Rows scored, requests answered, attempts beyond a request's first.
    bytes_sent, bytes_received : int
        Bodies only, of answered requests.
    started, ended : float
        When the first request was sent and the last one answered, seconds since 1970.
    latencies : Counter
        Bucket -> requests; a request's latency includes its retries.

    Notes
    -----
    Source of the histogram: Masson et al., "DDSketch", VLDB 2019: logarithmic buckets bound the relative error
    of every quantile and merge by addition.

    Examples
    --------
    >>> fast, slow = ScoringMetrics.of(rows=10, seconds=0.1), ScoringMetrics.of(rows=5, seconds=0.4)
    >>> both = fast + slow
    >>> both.rows, round(both.quantile(0.99), 1)
    (15, 0.4)
    """

    rows: int = 0
    requests: int = 0
    retries: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    started: float = math.inf
    ended: float = -math.inf
    latencies: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(
        cls,
        rows: int,
        seconds: float,
        retries: int = 0,
        bytes_sent: int = 0,
        bytes_received: int = 0,
        ended: float = 0.0,
    ) -> ScoringMetrics:
        """Return the metrics of one request that was answered at ``ended`` after ``seconds``."""
        bucket = math.floor(math.log(max(seconds, FIRST_SECONDS) / FIRST_SECONDS) / math.log(GROWTH))
        latencies = Counter({bucket: 1})
        return cls(rows, 1, retries, bytes_sent, bytes_received, ended - seconds, ended, latencies)

    def __add__(self, other: ScoringMetrics) -> ScoringMetrics:
        """Return the metrics of both."""
        return ScoringMetrics(
            self.rows + other.rows,
            self.requests + other.requests,
            self.retries + other.retries,
            self.bytes_sent + other.bytes_sent,
            self.bytes_received + other.bytes_received,
            min(self.started, other.started),
            max(self.ended, other.ended),
            self.latencies + other.latencies,
        )

    def quantile(self, share: float) -> float:
        """Return the latency in seconds that ``share`` of the requests did not exceed, within 1%; NaN without any."""
        seen, wanted = 0, share * self.requests
        for bucket in sorted(self.latencies):
            seen += self.latencies[bucket]
            if seen >= wanted:
                return FIRST_SECONDS * GROWTH ** (bucket + 0.5)
        return math.nan

    @property
    def mean(self) -> float:
        """Mean latency in seconds, within 1%; NaN without any request."""
        total = sum(count * FIRST_SECONDS * GROWTH ** (bucket + 0.5) for bucket, count in self.latencies.items())
        return total / self.requests if self.requests else math.nan

    @property
    def seconds(self) -> float:
        """Time from the first request sent to the last one answered; 0 without any."""
        return max(0.0, self.ended - self.started) if self.requests else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of a report, JSON-ready; latencies in milliseconds."""
        counters = ("rows", "requests", "retries", "bytes_sent", "bytes_received")
        facts: dict[str, Any] = {name: getattr(self, name) for name in counters}
        facts["seconds"] = round(self.seconds, 3)
        facts["rows_per_second"] = round(self.rows / self.seconds, 1) if self.seconds else None
        facts["latency_mean_ms"] = round(self.mean * 1000, 2) if self.requests else None
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            facts[f"latency_{name}_ms"] = round(self.quantile(share) * 1000, 2) if self.requests else None
        return facts


def metrics_accumulator(spark: SparkSession) -> Accumulator[ScoringMetrics]:
    """Return an accumulator that executors add :class:`ScoringMetrics` to.

    Spark adds what a task reported once it succeeds; a task whose result is computed again counts again,
    because its requests were sent again.
    """
    from pyspark.accumulators import AccumulatorParam

    class Sum(AccumulatorParam[ScoringMetrics]):
        def zero(self, value: ScoringMetrics) -> ScoringMetrics:
            return ScoringMetrics()

        def addInPlace(self, value1: ScoringMetrics, value2: ScoringMetrics) -> ScoringMetrics:
            return value1 + value2

    return spark.sparkContext.accumulator(ScoringMetrics(), Sum())
