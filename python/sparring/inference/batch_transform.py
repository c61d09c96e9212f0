"""Scoring by a batch transform job: a table through S3, on instances that exist while the job runs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

from pyspark.ml.base import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.errors import ParamError, SageMakerError
from sparring.inference.codecs import OUTPUT, SPLITS
from sparring.inference.deployment import unique_name
from sparring.inference.metrics import ScoringMetrics
from sparring.inference.staging import StagedFile, Staging, _ThroughS3, read_scored, write_requests
from sparring.one_machine.tables import TransformsTables
from sparring.params import (
    at_least,
    check_params,
    checked_schema,
    in_range,
    int_param,
    one_of,
    require_columns,
    text_param,
)
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.resources import RUNNING, TRANSFORM_JOB, poll_seconds, stop_transform_job
from sparring.spark.reserved import named, reserved
from sparring.wire.media import CSV, JSON_LINES

PAYLOAD_MB = 100
FILE_LIMIT = 5_000_000_000
# A name that a filter can hold, whatever the column's is.
SENT_KEY = reserved("key")


class BatchTransformModel(TransformsTables, Transformer, _ThroughS3, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Add the score of a batch transform job to every row.

    Executors write the rows to S3, one job scores them, and what is returned reads each file beside its output,
    in order.  The number of rows is checked, and with ``joinSource="Input"`` every row's key.

    Parameters
    ----------
    modelName : str
        A model that SageMaker knows; see :func:`sparring.inference.deployment.registered`.
    target : AwsTarget
        Where it is; files are staged in its bucket.
    featuresCol, inputCols, contentType, accept, probabilityCol, numScores, size
        As of :class:`~sparring.inference.realtime.EndpointModel`.
    maxBytes : int in [1, 5000000000], default 50000000
        Size of a file; of one that is not split, also at most ``maxPayloadMb``.
    maxRows : int >= 1, default 100000
        Rows of a file.
    instanceType : str, default "ml.m5.xlarge"
    instanceCount : int >= 1, default 1
        They share the files.
    batchStrategy : {"MultiRecord", "SingleRecord"}, default "MultiRecord"
    splitType : {"", "None", "Line", "RecordIO"}, default ""
        How a file is cut into records; ``""`` is by its content type.
    assembleWith : {"None", "Line"}, default "Line"
        What joins the answers of a file.
    maxPayloadMb : int in [1, 100], default 6
        Size of a request to the container.
    maxConcurrentTransforms : int >= 1, default 1
        Requests at a time, of each instance; times ``maxPayloadMb`` at most 100.
    inputFilter, outputFilter : str, default ""
        JSONPath of what goes to the model and of what is written; ``""`` is everything, or with a key all but the
        key, and key and answer.
    joinSource : {"None", "Input"}, default "None"
        ``Input`` writes each row's key beside its answer; for CSV and JSON Lines.
    keyCol : str, default ""
        The column that identifies a row, sent first with ``joinSource="Input"``, as ``sparring__key`` in JSON Lines.
    invocationSeconds : int in [1, 3600], default 600
        What the container may take for a request.
    waitSeconds : float > 0, default 3600
        The job is stopped after this long.
    stagingPrefix : str, default ""
        Key prefix for staged files, ending in a slash; ``""`` is one of its own below ``sparring/scoring/``.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SageMakerError
        If the job fails, is stopped or outlasts ``waitSeconds``.
    EndpointError
        If an output is absent, or of other rows.

    Notes
    -----
    ``transform`` scores at once, unlike a lazy transformation: its result is read from S3, where the rows stay until
    :meth:`delete`.  An empty text in CSV becomes missing where filters or a join rewrite the record.
    Cost: two passes through S3 and one job.

    Examples
    --------
    >>> with registered(target, "churn", ServedModel(image, data)) as name:       # doctest: +SKIP
    ...     model = BatchTransformModel(modelName=name, target=target, inputCols=["x"])
    ...     model.transform(rows).write.parquet("scores")
    ...     model.delete()
    """

    # Where the job is written down before it exists; set by whoever can clean up after a crash.
    registry: ResourceRegistry | None = None

    defaults: ClassVar[dict[str, Any]] = {
        "instanceType": "ml.m5.xlarge",
        "instanceCount": 1,
        "batchStrategy": "MultiRecord",
        "splitType": "",
        "assembleWith": "Line",
        "maxPayloadMb": 6,
        "maxConcurrentTransforms": 1,
        "joinSource": "None",
        "keyCol": "",
        "inputFilter": "",
        "outputFilter": "",
        "invocationSeconds": 600,
    }
    modelName = text_param("modelName", "a model SageMaker knows")
    instanceType = text_param("instanceType", "instance, ml.*")
    instanceCount = int_param("instanceCount", "instances, >= 1")
    batchStrategy = text_param("batchStrategy", "MultiRecord or SingleRecord a request")
    splitType = text_param("splitType", "None, Line or RecordIO; '' = by content type")
    assembleWith = text_param("assembleWith", "what joins answers: None or Line")
    maxPayloadMb = int_param("maxPayloadMb", "megabytes of a request, 1 to 100")
    maxConcurrentTransforms = int_param("maxConcurrentTransforms", "requests at a time of each instance, >= 1")
    inputFilter = text_param("inputFilter", "JSONPath of what goes to the model; '' = all but the key")
    outputFilter = text_param("outputFilter", "JSONPath of what is written; '' = key and answer")
    joinSource = text_param("joinSource", "None, or Input: answers beside their keys")
    keyCol = text_param("keyCol", "identifies a row; sent first with joinSource Input")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the score."""
        self._check_scoring(schema, FILE_LIMIT)
        self._check_waiting()
        most = max(1, PAYLOAD_MB // self.getOrDefault("maxPayloadMb"))
        checks = {
            "instanceType": ("an instance type such as 'ml.m5.xlarge'", lambda value: value.startswith("ml.")),
            "instanceCount": at_least(1),
            "batchStrategy": one_of("MultiRecord", "SingleRecord"),
            "splitType": one_of("", "None", "Line", "RecordIO"),
            "assembleWith": one_of("None", "Line"),
            "maxPayloadMb": in_range(1, PAYLOAD_MB),
            "maxConcurrentTransforms": (f"in [1, {most}] with this maxPayloadMb", lambda value: 1 <= value <= most),
            "joinSource": one_of("None", "Input"),
        }
        check_params(self, checks)
        if self._joined:
            self._check_join(schema)
        return self._with_outputs(schema)

    @property
    def _joined(self) -> bool:
        return bool(self.getOrDefault("joinSource") == "Input")

    def _check_join(self, schema: T.StructType) -> None:
        kind, accept = self._format().content_type, self.getOrDefault("accept")
        if kind not in (CSV, JSON_LINES) or kind != accept or not self.getOrDefault("inputCols"):
            raise ParamError(
                f"BatchTransformModel.joinSource 'Input' joins raw rows in {CSV} or {JSON_LINES} to answers in it, "
                f"got {kind} and {accept}",
                "Set inputCols, contentType and accept, or leave joinSource out.",
            )
        require_columns(schema, [self.getOrDefault("keyCol")], "BatchTransformModel.keyCol")

    def _sent(self, dataset: DataFrame) -> Any:
        if not self._joined:
            return super()._sent(dataset)
        key = named(self.getOrDefault("keyCol")).cast("string").alias(SENT_KEY)
        return F.struct(key, *map(named, self.getOrDefault("inputCols")))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        self._require("modelName", "targetJson")
        staging = self._staging()
        self.staged.append(staging)
        files = write_requests(dataset.select("*", self._sent(dataset).alias("sparring__sent")), staging.write)
        if files:
            staging.keep_only(files)
            begun = time.time()
            self._run(staging)
            rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
            self.metrics += ScoringMetrics.of(rows, time.time() - begun, 0, size, 0, time.time())
        answered = [self._with_output(staging, file) for file in files]
        return read_scored(dataset.sparkSession, staging, answered, self.getOrDefault("accept"), schema)

    def _with_output(self, staging: Staging, file: StagedFile) -> StagedFile:
        return replace(file, output=f"{staging.uri}output/{file.name}.{staging.format.suffix}.out")

    def _staging(self) -> Staging:
        most_bytes, split = self.getOrDefault("maxBytes"), self._split()
        if split == "None":
            most_bytes = min(most_bytes, self.getOrDefault("maxPayloadMb") << 20)
        return Staging(
            self.target,
            self._prefix(self.getOrDefault("modelName")),
            self._format(),
            most_bytes,
            self.getOrDefault("maxRows"),
            self.getOrDefault("keyCol") if self._joined else "",
            split == "Line",
            self.getOrDefault("numScores"),
        )

    def _split(self) -> str:
        split: str = self.getOrDefault("splitType") or SPLITS[self._format().content_type]
        return split

    def _run(self, staging: Staging) -> None:
        """Create the job and wait until it has completed; whatever ends the wait stops the job."""
        client, registry = self.target.client("sagemaker"), self.registry or ResourceRegistry(self.target)
        name = unique_name(self.getOrDefault("modelName"))
        registry.record(TRANSFORM_JOB, name)
        try:
            self._create(client, self._request(name, staging))
            self._wait(client, name)
        except BaseException:
            stop_transform_job(self.target, name)
            registry.forget(TRANSFORM_JOB, name)
            raise
        registry.forget(TRANSFORM_JOB, name)

    def _create(self, client: Any, request: dict[str, Any]) -> None:
        try:
            client.create_transform_job(**request)
        except client.exceptions.ClientError as error:
            raise SageMakerError(
                f"SageMaker refuses transform job {request['TransformJobName']}: {error}",
                "Fix what it names: the instance type, its quota, or the role's rights.",
            ) from error

    def _request(self, name: str, staging: Staging) -> dict[str, Any]:
        """Return the CreateTransformJob request."""
        source = {"S3DataType": "S3Prefix", "S3Uri": f"{staging.uri}input/"}
        output = {"S3OutputPath": f"{staging.uri}output", "AssembleWith": self.getOrDefault("assembleWith")}
        request = {
            "TransformJobName": name,
            "ModelName": self.getOrDefault("modelName"),
            "MaxConcurrentTransforms": self.getOrDefault("maxConcurrentTransforms"),
            "ModelClientConfig": {"InvocationsTimeoutInSeconds": self.getOrDefault("invocationSeconds")},
            "MaxPayloadInMB": self.getOrDefault("maxPayloadMb"),
            "TransformInput": {
                "DataSource": {"S3DataSource": source},
                "ContentType": staging.format.content_type,
                "SplitType": self._split(),
            },
            "TransformOutput": output | {"Accept": self.getOrDefault("accept")},
            "TransformResources": {
                "InstanceType": self.getOrDefault("instanceType"),
                "InstanceCount": self.getOrDefault("instanceCount"),
            },
        }
        if self._split() != "None":
            # A file that is not split is one record, whatever the strategy.
            request["BatchStrategy"] = self.getOrDefault("batchStrategy")
        filters = self._filters(staging.format.content_type)
        return request | ({"DataProcessing": filters} if filters else {})

    def _filters(self, kind: str) -> dict[str, str]:
        """Return the DataProcessing section."""
        given = {"InputFilter": self.getOrDefault("inputFilter"), "OutputFilter": self.getOrDefault("outputFilter")}
        if self._joined:
            # A package ignores the key of an object; a list has no names.
            ours = {"InputFilter": "$", "OutputFilter": f"$['{SENT_KEY}','{OUTPUT}']"}
            if kind == CSV:
                ours = {"InputFilter": "$[1:]", "OutputFilter": "$[0,-1]"}
            given = {name: given[name] or ours[name] for name in given} | {"JoinSource": "Input"}
        return {name: value for name, value in given.items() if value}

    def _wait(self, client: Any, name: str) -> None:
        wait = self.getOrDefault("waitSeconds")
        deadline = time.monotonic() + wait
        while True:
            found = client.describe_transform_job(TransformJobName=name)
            status = found["TransformJobStatus"]
            if status == "Completed":
                return
            if status not in RUNNING:
                reason = found.get("FailureReason", "no reason given")
                raise SageMakerError(f"Transform job {name} is {status}: {reason}", "Fix what the reason names.")
            if time.monotonic() > deadline:
                raise SageMakerError(
                    f"Transform job {name} has not ended after {wait:g} seconds",
                    "Raise waitSeconds, or use more instances.",
                )
            time.sleep(poll_seconds(self.target))
