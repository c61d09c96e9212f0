"""Every stage keeps pyspark.ml's contract: keywords, documented typed Params, copy, save and load."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from pyspark.ml import Pipeline
from pyspark.ml.base import Estimator, Transformer
from pyspark.sql import SparkSession

from sparring.dedup import Deduplicator, NearDeduplicator
from sparring.errors import ParamError
from sparring.estimators import builtin
from sparring.estimators.custom import SageMakerAlgorithmResource, SageMakerContainer, SageMakerScript
from sparring.estimators.sagemaker_xgboost import SageMakerXGBoost
from sparring.estimators.single_node import SingleNodeLogisticRegression, SingleNodeXGBoost
from sparring.feature import FeaturePreparation
from sparring.inference.asynchronous import AsyncEndpointModel
from sparring.inference.batch_transform import BatchTransformModel
from sparring.inference.packaged import PackageModel
from sparring.inference.realtime import EndpointModel
from sparring.model_selection import (
    GroupKFold,
    GroupSplitter,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    MultilabelStratifiedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedGroupSplitter,
    StratifiedKFold,
    StratifiedSplitter,
    TimeSeriesSplit,
    TimeSplitter,
)

STAGES: list[tuple[type, dict[str, Any]]] = [
    (Deduplicator, {"inputCols": ["a"], "survivor": "most_complete"}),
    (NearDeduplicator, {"textCols": ["a"], "threshold": 0.7, "columnWeights": [2.0]}),
    (StratifiedSplitter, {"keyCols": ["id"], "weights": [0.5, 0.25, 0.25], "clusterCol": "clusterId", "seed": 3}),
    (GroupSplitter, {"groupCols": ["g"], "strict": False}),
    (StratifiedGroupSplitter, {"groupCols": ["g"], "quantileCols": ["y"], "numBins": 4}),
    (TimeSplitter, {"timeCol": "at", "cutTimes": ["2020-01-01", "2021-01-01"], "gap": "7 days"}),
    (KFold, {"keyCols": ["id"], "numFolds": 3}),
    (StratifiedKFold, {"stratifyCols": ["a", "b"], "numFolds": 3}),
    (GroupKFold, {"groupCols": ["g"], "foldCol": "part"}),
    (StratifiedGroupKFold, {"groupCols": ["g"], "clusterCol": "clusterId"}),
    (MultilabelStratifiedKFold, {"labelCols": ["red", "blue"]}),
    (RepeatedStratifiedKFold, {"stratifyCols": ["a"], "numRepeats": 2}),
    (LeaveOneOut, {"keyCols": ["id"]}),
    (LeaveOneGroupOut, {"groupCols": ["g"]}),
    (TimeSeriesSplit, {"timeCol": "at", "gap": "10 rows"}),
    (FeaturePreparation, {"numericCols": ["x"], "minFrequency": 3}),
    (SingleNodeLogisticRegression, {"regParam": 0.5}),
    (SingleNodeXGBoost, {"numRound": 7}),
    (SageMakerXGBoost, {"numRound": 7}),
    (builtin.SageMakerLinearLearnerBinaryClassifier, {"epochs": 7, "learningRate": "auto"}),
    (builtin.SageMakerLinearLearnerMulticlassClassifier, {"numClasses": 7}),
    (builtin.SageMakerLinearLearnerRegressor, {"learningRate": 0.5, "useBias": False}),
    (builtin.SageMakerFactorizationMachinesBinaryClassifier, {"numFactors": 7}),
    (builtin.SageMakerFactorizationMachinesRegressor, {"numFactors": 7}),
    (builtin.SageMakerKMeans, {"k": 7, "extraCenterFactor": "auto"}),
    (builtin.SageMakerPCA, {"numComponents": 7}),
    (builtin.SageMakerLDA, {"numTopics": 7}),
    (SageMakerContainer, {"trainingImage": "image:1", "inputCols": ["a", "b"]}),
    (SageMakerScript, {"entryPoint": "train.py"}),
    (SageMakerAlgorithmResource, {"algorithmName": "name"}),
    (EndpointModel, {"endpointName": "e", "maxRows": 7}),
    (AsyncEndpointModel, {"endpointName": "e", "waitSeconds": 7.0}),
    (BatchTransformModel, {"modelName": "m", "joinSource": "Input"}),
    (PackageModel, {"package": "model.tar.gz"}),
]
each = pytest.mark.parametrize(("stage", "given"), STAGES, ids=lambda value: getattr(value, "__name__", ""))


@each
def test_it_takes_keywords_only(spark: SparkSession, stage: Any, given: dict[str, Any]) -> None:
    assert issubclass(stage, (Estimator, Transformer))
    parameters = inspect.signature(stage).parameters
    by_keyword = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    assert all(p.kind in by_keyword for name, p in parameters.items() if name != "self")
    with pytest.raises(TypeError):
        stage("positional")


@each
def test_every_param_is_documented_and_an_argument(spark: SparkSession, stage: Any, given: dict[str, Any]) -> None:
    made = stage(**given)
    # A stage built on another one hands that one's arguments on.
    makers = [stage, *(SingleNodeXGBoost,) * issubclass(stage, SingleNodeXGBoost)]
    arguments = {name for maker in makers for name in inspect.signature(maker).parameters}
    for param in made.params:
        assert len(param.doc) > 5, param.name
        assert param.name.removesuffix("Json") in arguments, param.name
    for section in ("Parameters", "Raises", "Cost", "Examples"):
        assert section in (stage.__doc__ or ""), section


@each
def test_a_copy_is_independent_and_takes_extra_values(spark: SparkSession, stage: Any, given: dict[str, Any]) -> None:
    made = stage(**given)
    name, value = next(iter(given.items()))
    copied = made.copy()
    made.clear(made.getParam(name))
    assert copied.getOrDefault(name) == value
    assert not made.isSet(name)
    assert made.copy({made.getParam(name): value}).getOrDefault(name) == value


@each
def test_it_survives_saving_in_a_pipeline(
    spark: SparkSession, stage: Any, given: dict[str, Any], tmp_path: Path
) -> None:
    made = stage(**given)
    Pipeline(stages=[made]).write().overwrite().save(str(tmp_path / "stage"))
    (again,) = Pipeline.load(str(tmp_path / "stage")).getStages()
    assert type(again) is stage
    assert again.uid == made.uid
    assert {p.name: v for p, v in again.extractParamMap().items()} == {
        p.name: v for p, v in made.extractParamMap().items()
    }


@each
def test_a_value_of_the_wrong_type_is_refused(spark: SparkSession, stage: Any, given: dict[str, Any]) -> None:
    numbers = ("seed", "numRound", "normalizeUnicode", "minFrequency", "volumeGb", "maxRows", "weights", "numFolds")
    wrong = {**dict.fromkeys(numbers, "many"), "package": 7}
    name = next(name for name in wrong if stage().hasParam(name))
    # Spark 3.5 looks a number that should be text up in a part of NumPy that NumPy 2 lacks.
    with pytest.raises((TypeError, AttributeError, ParamError)):
        stage(**{name: wrong[name]})
