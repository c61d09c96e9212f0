"""The section ``predict``: how a table is scored with a finished run's model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sparring.config.section import Section

ContentType = Literal["application/x-parquet", "text/csv", "application/jsonlines", "application/json"]


class RequestsConfig(Section):
    """What is sent to a real-time or serverless endpoint at a time."""

    max_rows: int = Field(5_000, ge=1, description="rows of a request")
    max_bytes: int = Field(1_000_000, ge=1, le=6_291_456, description="bytes of a request")
    concurrency: int = Field(4, ge=1, le=1_000, description="requests under way at a time, in each task")
    attempts: int = Field(5, ge=1, description="of a request that meets errors; a busy endpoint is waited for")
    deadline_seconds: float = Field(300.0, gt=0, description="a request is given up after this long")


class ServerlessConfig(Section):
    """A serverless endpoint."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(2048, description="memory of the container")
    max_concurrency: int = Field(4, ge=1, le=200, description="requests at a time; more are throttled")


class AsyncConfig(Section):
    """An asynchronous endpoint."""

    max_rows: int = Field(100_000, ge=1, description="rows of a request")
    max_bytes: int = Field(50_000_000, ge=1, le=1_000_000_000, description="bytes of a request")
    max_concurrent: int = Field(4, ge=1, le=1_000, description="requests at a time, of each instance")
    invocation_seconds: int = Field(900, ge=1, le=3_600, description="what the container may take for a request")


class BatchConfig(Section):
    """A batch transform job."""

    max_rows: int = Field(100_000, ge=1, description="rows of a file")
    max_payload_mb: int = Field(6, ge=1, le=100, description="megabytes of a request to the container")
    max_concurrent_transforms: int = Field(1, ge=1, description="requests at a time, of each instance")
    strategy: Literal["MultiRecord", "SingleRecord"] = Field("MultiRecord", description="records of a request")
    join: bool = Field(False, description="let SageMaker write each row's key beside its answer, and check it")

    @model_validator(mode="after")
    def _within_quota(self) -> BatchConfig:
        if self.max_payload_mb * self.max_concurrent_transforms > 100:
            raise ValueError("max_payload_mb * max_concurrent_transforms must not exceed 100")
        return self


class PredictConfig(Section):
    """How ``sparring predict`` scores a table."""

    image: str | None = Field(None, description="URI of Sparring's own image in ECR; needed on AWS")
    instance_type: str = Field("ml.m5.xlarge", pattern=r"^ml\.", description="serves, except where it is serverless")
    instance_count: int = Field(1, ge=1, le=100)
    content_type: ContentType | None = Field(None, description="of requests; null: Parquet, or with batch.join CSV")
    threshold: float | None = Field(
        None, ge=0, le=1, description="positive is predicted from this probability on; null: what the run chose"
    )
    wait_seconds: float = Field(3_600.0, gt=0, description="asynchronous and batch: given up after this long")
    capture: str | None = Field(None, description="s3:// prefix for a copy of all real-time requests and answers")
    requests: RequestsConfig = RequestsConfig()
    serverless: ServerlessConfig = ServerlessConfig()
    asynchronous: AsyncConfig = AsyncConfig()
    batch: BatchConfig = BatchConfig()
