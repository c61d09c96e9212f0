"""Every stage keeps pyspark.ml's contract, whatever it is: all that the package has are found and tried."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.ml import Pipeline
from pyspark.ml.base import Estimator, Model, Transformer
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.param import TypeConverters
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame, SparkSession

import sparring
from sparring.errors import ParamError
from sparring.estimators.single_node import SingleNodeLogisticRegression
from sparring.feature import FeaturePreparation
from sparring.params import KeywordParams

PACKAGES = ("dedup", "model_selection", "feature", "inference", "estimators")
# A value that nobody sets by default, for each kind of Param; and one that cannot be of that kind.
VALUES: dict[Any, Any] = {
    TypeConverters.toInt: 7,
    TypeConverters.toFloat: 0.125,
    TypeConverters.toString: "text",
    TypeConverters.toBoolean: True,
    TypeConverters.toListString: ["a", "b"],
    TypeConverters.toListFloat: [0.25, 0.75],
}
SECTIONS = ("Parameters", "Raises", "Cost", "Examples")


def stages() -> list[Any]:
    """Return every public stage of the package: what can be fitted, what transforms and what was fitted."""
    for package in PACKAGES:
        found = importlib.import_module(f"sparring.{package}")
        for module in pkgutil.walk_packages(found.__path__, f"sparring.{package}."):
            importlib.import_module(module.name)
    classes, waiting = set(), [KeywordParams]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        classes |= {cls for cls in below if cls.__module__.startswith("sparring.") and not inspect.isabstract(cls)}
    public = [cls for cls in classes if issubclass(cls, (Estimator, Transformer)) and not is_base(cls)]
    return sorted(public, key=lambda cls: cls.__name__)


def is_base(cls: type) -> bool:
    """Whether a class is there to be built upon: it is told by its name, or has neither docs nor a home of its own."""
    return cls.__name__.startswith("_") or "Base of" in (cls.__doc__ or "") or cls.__name__ == "SageMakerAlgorithmModel"


STAGES = stages()
each = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)


def value_of(param: Any) -> Any:
    # A number, or "auto": hyperparameters of SageMaker's algorithms.
    return VALUES.get(param.typeConverter, 7)


def filled(stage: Any) -> Any:
    """Return a stage with a value for each of its Params."""
    return stage(**{param.name: value_of(param) for param in stage().params})


def test_all_are_found() -> None:
    names = {stage.__name__ for stage in STAGES}
    assert len(names) == len(STAGES) >= 45
    assert {"KFold", "NearDeduplicator", "FeaturePreparationModel", "SingleNodeModel", "SageMakerKMeansModel"} <= names
    assert {name for name in sparring.__all__ if inspect.isclass(getattr(sparring, name, None))} & names


@each
def test_it_takes_keywords_only_and_knows_them_all(spark: SparkSession, stage: Any) -> None:
    assert all(p.kind == inspect.Parameter.KEYWORD_ONLY for p in inspect.signature(stage).parameters.values())
    with pytest.raises(TypeError):
        stage("positional")
    with pytest.raises(TypeError, match="has no Param 'unheard'"):
        stage(unheard=1)
    arguments = set(inspect.signature(stage).parameters) | {param for param, _ in stage.arguments.values()}
    assert {param.name for param in stage().params} <= arguments


@each
def test_defaults_are_those_that_the_signature_shows(spark: SparkSession, stage: Any) -> None:
    made = stage()
    for name, shown in inspect.signature(stage).parameters.items():
        if shown.default is not None:
            assert made.getOrDefault(name) == shown.default, name


@each
def test_it_is_documented(spark: SparkSession, stage: Any) -> None:
    for param in stage().params:
        assert len(param.doc) > 5, param.name
    # The constructor of what was fitted is for loading it; a model of SageMaker says its cost where it is deployed.
    needed = SECTIONS if not issubclass(stage, Model) else ()
    documented = inspect.getdoc(stage) or ""
    assert [section for section in needed if section not in documented] == []
    assert len(documented) > 20


@each
def test_each_param_has_a_setter_and_a_getter_and_shows(spark: SparkSession, stage: Any) -> None:
    made = stage()
    for param in made.params:
        title, value = param.name[0].upper() + param.name[1:], value_of(param)
        assert getattr(made, f"set{title}")(value) is made
        assert getattr(made, f"get{title}")() == value
    assert repr(made).startswith(f"{stage.__name__}(")
    assert made.uid in repr(made)


@each
def test_a_copy_is_independent_and_takes_extra_values(spark: SparkSession, stage: Any) -> None:
    made = filled(stage)
    copied = made.copy()
    for param in made.params:
        made.clear(param)
        assert copied.getOrDefault(param.name) == value_of(param)
        assert not made.isSet(param)
        assert made.copy({param: value_of(param)}).getOrDefault(param.name) == value_of(param)


@each
def test_it_survives_saving_in_a_pipeline(spark: SparkSession, stage: Any, tmp_path: Path) -> None:
    made = filled(stage)
    Pipeline(stages=[made]).write().overwrite().save(str(tmp_path / "stage"))
    (again,) = Pipeline.load(str(tmp_path / "stage")).getStages()
    assert type(again) is stage
    assert again.uid == made.uid
    assert {p.name: v for p, v in again.extractParamMap().items()} == {
        p.name: v for p, v in made.extractParamMap().items()
    }


@each
def test_a_value_of_the_wrong_type_is_refused(spark: SparkSession, stage: Any) -> None:
    for param in stage().params:
        wrong = 7 if param.typeConverter in (TypeConverters.toString, TypeConverters.toListString) else "many"
        # Spark 3.5 looks a number that should be text up in a part of NumPy that NumPy 2 lacks.
        with pytest.raises((TypeError, ValueError, AttributeError, ParamError)):
            stage(**{param.name: wrong})


@pytest.fixture(scope="module")
def people(spark: SparkSession) -> DataFrame:
    random = np.random.default_rng(4)
    rows = pd.DataFrame({"id": [f"k{number:03d}" for number in range(160)], "x": random.normal(size=160)})
    rows["group"] = rows.index // 2
    rows["label"] = (rows.x + random.normal(size=160) > 0).astype(float)
    rows["text"] = [f"a text of its own, {number * 7919:x}" for number in range(160)]
    rows["at"] = np.arange(160)
    return spark.createDataFrame(rows).coalesce(1).cache()


def of_local_rows(stage: Any) -> Any:
    """Return a stage that adds columns of its own to ``people``, which nothing outside Spark is needed for."""
    meant = {
        "keyCols": ["id"],
        "stratifyCols": ["label"],
        "groupCols": ["group"],
        "labelCols": ["label"],
        "inputCols": ["text"],
        "textCols": ["text"],
        "timeCol": "at",
        "numFolds": 2,
        "numRepeats": 1,
        "strict": False,
    }
    outputs = ("splitCol", "foldCol", "trainFromCol", "groupIdCol", "survivorCol")
    known = {param.name for param in stage().params}
    made = stage(**{name: value for name, value in meant.items() if name in known})
    own = [name for name in outputs if name in known] + ["clusterCol"] * ("survivorCol" in known)
    return made._set(**{name: f"{stage.__name__}_{name}" for name in own})


LOCAL = [stage for stage in STAGES if stage.__module__.startswith(("sparring.dedup", "sparring.model_selection"))]


class Kept(Transformer, KeywordParams):
    """Computes what came before once: a pipeline of twenty lazy stages would compute the first one twenty times."""

    def _transform(self, dataset: DataFrame) -> DataFrame:
        return dataset.localCheckpoint()


def test_all_local_stages_work_inside_cross_validation(people: DataFrame, spark_conf: SparkSession) -> None:
    """One pipeline holds all that transform, before an estimator: it is fitted and applied in each fold."""
    spark_conf.conf.set("spark.sql.shuffle.partitions", "1")
    spark_conf.conf.set("spark.sql.adaptive.enabled", "false")
    assert len(LOCAL) >= 15
    preparation = FeaturePreparation(numericCols=["x", "at"])
    last = SingleNodeLogisticRegression(keyCol="id")
    transformers = [step for stage in LOCAL for step in (of_local_rows(stage), Kept())]
    pipeline = Pipeline(stages=[*transformers, preparation, last])
    validator = CrossValidator(
        estimator=pipeline,
        estimatorParamMaps=ParamGridBuilder().addGrid(last.regParam, [0.0]).build(),
        evaluator=BinaryClassificationEvaluator(),
        numFolds=2,
        seed=1,
    )
    fitted = validator.fit(people)
    assert fitted.avgMetrics[0] > 0.6
    made = fitted.bestModel.transform(people)
    assert made.count() == 160
    assert {f"{stage.__name__}_foldCol" for stage in LOCAL if stage().hasParam("foldCol")} - {
        "RepeatedStratifiedKFold_foldCol"
    } <= set(made.columns)
