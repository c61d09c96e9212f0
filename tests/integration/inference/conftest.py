"""One local SageMaker for all ways to serve, with an image that starts at once."""

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from sparring.inference.deployment import ServedModel
from sparring.sagemaker.target import AwsTarget
from sparring_local_sagemaker import LocalAws

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/scorer:1"
PROGRAM = [sys.executable, "-S", "-E", str(Path(__file__).parent / "scorer.py")]
IMAGES = {"images": [{"uri": "*/scorer:*", "serve": PROGRAM}]}
ROWS = 300


@pytest.fixture(scope="module")
def target() -> Iterator[AwsTarget]:
    with LocalAws(images=IMAGES) as aws:
        yield AwsTarget.on(aws)


@pytest.fixture(scope="module")
def archive(target: AwsTarget) -> str:
    """The URI of a model.tar.gz without a model: the image needs none."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        packed.addfile(tarfile.TarInfo("model"), io.BytesIO())
    target.client("s3").put_object(Bucket=target.bucket, Key="kept/model.tar.gz", Body=stream.getvalue())
    return f"s3://{target.bucket}/kept/model.tar.gz"


@pytest.fixture
def served(archive: str) -> Any:
    """Return a model that behaves as asked."""
    return lambda do="": ServedModel(IMAGE, archive, {"DO": do} if do else {})


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """Rows whose score is their x, in two partitions."""
    table = pd.DataFrame({"id": [f"{n:04d}" for n in range(ROWS)], "x": np.arange(ROWS) + 0.5})
    table["city"] = ['O,"s"lo', "Wien é", None] * (ROWS // 3)
    return spark.createDataFrame(table).repartition(2, "id").cache()


def left(target: AwsTarget) -> list[str]:
    """Return what is there that the tests did not put there themselves."""
    sagemaker, s3 = target.client("sagemaker"), target.client("s3")
    names = [entry["ModelName"] for entry in sagemaker.list_models()["Models"]]
    names += [entry["EndpointConfigName"] for entry in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    names += [
        entry["EndpointName"]
        for entry in sagemaker.list_endpoints()["Endpoints"]
        if entry["EndpointStatus"] != "Deleting"
    ]
    keys = s3.list_objects_v2(Bucket=target.bucket).get("Contents", [])
    return names + [entry["Key"] for entry in keys if not entry["Key"].startswith("kept/")]
