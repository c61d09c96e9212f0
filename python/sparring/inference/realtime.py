"""Scoring a table with an endpoint, from every executor, several requests at a time, without losing a row."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.accumulators import Accumulator
from pyspark.ml.base import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.inference.codecs import Format
from sparring.inference.invocation import BODY_LIMIT, Invoker, Scored, runtime_client
from sparring.inference.metrics import ScoringMetrics, metrics_accumulator
from sparring.inference.params import _ScoringParams, flattened
from sparring.inference.retry import RetryPolicy
from sparring.inference.variants import variant_of
from sparring.inference.window import in_order
from sparring.one_machine.tables import TransformsTables
from sparring.params import (
    HasKeyCols,
    at_least,
    check_params,
    checked_schema,
    float_param,
    floats_param,
    int_param,
    require_columns,
    text_param,
    texts_param,
)
from sparring.sagemaker.target import AwsTarget
from sparring.spark.batches import map_batches
from sparring.spark.reserved import named
from sparring.task.scores import scores_array


class EndpointModel(
    TransformsTables, Transformer, _ScoringParams, HasKeyCols, DefaultParamsReadable[Any], DefaultParamsWritable
):
    """Add an endpoint's score to every row: real-time or serverless, it is asked alike.

    Requests hold many rows, several are under way at a time, and rows keep their order.  Throttling, server
    errors, broken connections and endpoints that are still waking up are tried again with full jitter until a
    deadline; an answer with another number of scores than rows is an error, never a shorter table.

    Parameters
    ----------
    endpointName : str
        An endpoint in service.
    target : AwsTarget
        Where it is; kept in the Param ``targetJson``.
    featuresCol : str, default "features"
        array<float> or vector; ``""`` reads ``indices`` array<int> and ``values`` array<float>.
    inputCols : list of str, default []
        Columns to send as they are, to a model that takes raw rows, instead of ``featuresCol``.
    contentType : str, default ""
        Of requests; ``""`` is ``text/libsvm`` for features and ``application/x-parquet`` for raw rows.
    accept : str, default "text/csv"
        Of answers.
    probabilityCol : str, default "probability"
        Output: the score, double; of several the scores, array of double.
    numScores : int >= 1, default 1
        Scores of a row: of a classifier of several classes one for each, in the order of their codes.
    size : int >= 0, default 0
        Number of features of sparse rows; dense formats and RecordIO need it.
    maxBytes : int in [1, 6291456], default 1000000
        Size of a request's body.
    maxRows : int >= 1, default 5000
        Rows of a request.
    concurrency : int >= 1, default 4
        Requests under way at a time, in each task.
    deadlineSeconds : float > 0, default 300
        A request is given up this long after its first attempt.
    attempts : int >= 1, default 5
        Of a request that meets errors; waiting for a busy endpoint is bounded by the deadline only.
    variants : list of str, default []
        Production variants to split the rows between, by the hash of ``keyCols``; empty lets the endpoint choose
        by its weights.
    variantShares : list of float, default []
        Of each of ``variants``, in proportion to their sum.
    keyCols : list of str, default []
        Columns that identify a row; needed with ``variants``.
    variantCol : str, default ""
        Output: the variant that scored the row, string; ``""`` leaves it out.
    seed : int, default 42
        Of the split between variants.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    EndpointError
        If the endpoint answers an error after all retries, or too few or too many scores.

    Notes
    -----
    A cell absent from ``indices`` and ``values`` is missing to the model; a vector's zeros are zeros, however
    it is stored.
    Cost: one pass.  A task holds ``2 * concurrency`` requests and the batches that they were cut from.

    Examples
    --------
    >>> model = EndpointModel(endpointName="churn", target=target)              # doctest: +SKIP
    >>> model.transform(rows).write.parquet("scores")                           # doctest: +SKIP
    >>> model.metrics.to_dict()["rows_per_second"]                              # doctest: +SKIP
    41523.0
    """

    defaults: ClassVar[dict[str, Any]] = {
        "concurrency": 4,
        "deadlineSeconds": 300.0,
        "attempts": 5,
        "variants": [],
        "variantShares": [],
        "keyCols": [],
        "variantCol": "",
        "seed": 42,
        "maxBytes": 1_000_000,
        "maxRows": 5_000,
    }
    _metrics: Accumulator[ScoringMetrics] | None = None
    endpointName = text_param("endpointName", "an endpoint in service")
    concurrency = int_param("concurrency", "requests under way at a time in each task, >= 1")
    deadlineSeconds = float_param("deadlineSeconds", "a request is given up after this long, > 0")
    attempts = int_param("attempts", "of a request that meets errors, >= 1")
    variants = texts_param("variants", "production variants to split rows between by key; empty = the endpoint chooses")
    variantShares = floats_param("variantShares", "share of each of variants, >= 0")
    variantCol = text_param("variantCol", "output: the variant that scored the row; '' = none")
    seed = int_param("seed", "of the split between variants")

    @property
    def metrics(self) -> ScoringMetrics:
        """What this stage has scored so far: tasks that ended, of every table that it transformed."""
        return self._metrics.value if self._metrics is not None else ScoringMetrics()

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the score, and the variant if it is asked for."""
        self._check_scoring(schema, BODY_LIMIT)
        count = len(self.getOrDefault("variants"))
        fits = f"{count} numbers >= 0, one for each of variants, with a sum > 0"
        checks = {
            "concurrency": at_least(1),
            "attempts": at_least(1),
            "deadlineSeconds": ("> 0", lambda value: value > 0),
            "variantShares": (fits, lambda v: len(v) == count and all(s >= 0 for s in v) and (not v or sum(v) > 0)),
            "keyCols": ("the columns that identify a row, for variants to be split by", lambda v: bool(v) or not count),
        }
        check_params(self, checks)
        require_columns(schema, self.getOrDefault("keyCols"), "EndpointModel.keyCols")
        variant = self.getOrDefault("variantCol")
        return self._with_outputs(schema, *([variant] if variant else []))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        self._require("endpointName", "targetJson")
        if self._metrics is None:
            self._metrics = metrics_accumulator(dataset.sparkSession)
        work, metrics, names = self._work(), self._metrics, schema.names
        # Raw columns go to Python once, as what is sent, and are put back from there.
        carried = [named(name) for name in dataset.columns if name not in self.getOrDefault("inputCols")]

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch, outputs, measured in work.run(batches):
                metrics.add(measured)
                columns = _by_name(batch)
                kept = [columns[name] for name in names[: len(names) - len(outputs)]]
                yield pa.RecordBatch.from_arrays([*kept, *outputs], names=names)

        sent = self._sent_with_variant(dataset).alias("sparring__sent")
        return map_batches(dataset.select(*carried, sent), score, schema)

    def _sent_with_variant(self, dataset: DataFrame) -> Any:
        """Return the struct of what is sent and of the variant to send it to."""
        variant: Any = F.lit(None).cast("string")
        if self.getOrDefault("variants"):
            names = ("keyCols", "variants", "variantShares", "seed")
            variant = variant_of(*(self.getOrDefault(name) for name in names))
        return F.struct(self._sent(dataset).alias("rows"), variant.alias("variant"))

    def _work(self) -> _Work:
        policy = RetryPolicy(self.getOrDefault("deadlineSeconds"), self.getOrDefault("attempts"))
        return _Work(
            self.target,
            self.getOrDefault("endpointName"),
            self._format(),
            self.getOrDefault("accept"),
            self.getOrDefault("maxBytes"),
            self.getOrDefault("maxRows"),
            self.getOrDefault("concurrency"),
            policy,
            bool(self.getOrDefault("variants")),
            bool(self.getOrDefault("variantCol")),
            self.getOrDefault("numScores"),
        )


def _by_name(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the columns of a batch, and those in its last one, which holds what was sent; the batch's own win."""
    rows = flattened(batch.column(batch.num_columns - 1).flatten()[0])
    sent = dict(zip(rows.schema.names, rows.columns, strict=True))
    return sent | dict(zip(batch.schema.names, batch.columns, strict=True))


class _Request(NamedTuple):
    """A body to send, or, without one, the end of its batch."""

    batch: pa.RecordBatch
    body: bytes | None
    positions: np.ndarray
    variant: str | None


@dataclass(frozen=True)
class _Work:
    """What a task does; plain values, so that it travels to the executors."""

    target: AwsTarget
    endpoint: str
    format: Format
    accept: str
    most_bytes: int
    most_rows: int
    concurrency: int
    policy: RetryPolicy
    split: bool
    tell_variant: bool
    width: int

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, list[pa.Array], ScoringMetrics]]:
        """Yield each batch with its output columns and what its requests took."""
        client = runtime_client(self.target, self.concurrency)
        invoker = Invoker(client, self.endpoint, self.format.content_type, self.accept, self.policy, self.width)

        def ask(request: _Request, stop: threading.Event) -> Scored | None:
            if request.body is None:
                return None
            return invoker.score(request.body, len(request.positions), request.variant, stop)

        answers: list[tuple[np.ndarray, Scored]] = []
        for request, scored in in_order(ask, self._requests(batches), self.concurrency):
            if scored is not None:
                answers.append((request.positions, scored))
                continue
            measured = sum((answer.metrics for _, answer in answers), ScoringMetrics())
            yield request.batch, self._columns(request.batch.num_rows, answers), measured
            answers = []

    def _requests(self, batches: Iterable[pa.RecordBatch]) -> Iterator[_Request]:
        for batch in batches:
            sent, variants = batch.column(batch.num_columns - 1).flatten()
            rows = flattened(sent)
            for variant, positions in self._parts(batch.num_rows, variants):
                part = rows if variant is None else rows.take(pa.array(positions))
                for piece in self.format.bodies(part, self.most_bytes, self.most_rows):
                    yield _Request(batch, piece.body, positions[piece.start : piece.stop], variant)
            yield _Request(batch, None, np.empty(0, np.int64), None)

    def _parts(self, count: int, variants: pa.Array) -> Iterator[tuple[str | None, np.ndarray]]:
        """Yield the positions of the rows for each variant; all of them for none."""
        if not self.split:
            yield None, np.arange(count)
            return
        coded = variants.dictionary_encode()
        codes = coded.indices.to_numpy()
        for code, name in enumerate(coded.dictionary.to_pylist()):
            yield name, np.nonzero(codes == code)[0]

    def _columns(self, count: int, answers: list[tuple[np.ndarray, Scored]]) -> list[pa.Array]:
        scores = np.full(count if self.width == 1 else (count, self.width), np.nan)
        told = np.empty(count, dtype=object)
        for positions, scored in answers:
            scores[positions] = scored.scores
            told[positions] = scored.variant
        return [scores_array(scores), *([pa.array(told, pa.string())] if self.tell_variant else [])]
