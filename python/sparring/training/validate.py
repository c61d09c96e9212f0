"""Checks of a contender that need no data: done for all contenders before any work starts."""

from __future__ import annotations

from sparring.config.schema import ContenderConfig
from sparring.errors import ConfigError
from sparring.spark.jars import require_supported_spark, sagemaker_jars


def check_contender(contender: ContenderConfig, client: str = "sagemaker-pyspark") -> None:
    """Raise unless ``contender`` can be trained here with its hyperparameters.

    ``client`` is the configured ``sagemaker.client``; boto3 needs none of the library's jars.

    Raises
    ------
    ConfigError
        If a hyperparameter is unknown, ill-typed or out of range, or the engine does not train the family.
    MissingDependencyError
        If the SageMaker hand-off is asked for and not installed.
    PlatformError
        If the hand-off cannot run on this Spark.
    """
    owner = f"contenders.{contender.name}.hyperparameters"
    given = dict(contender.hyperparameters)
    if contender.engine == "spark":
        from sparring.training.mllib import check_hyperparameters

        check_hyperparameters(contender.family, given, owner)
    elif contender.engine == "single_node":
        from sparring.training.single_node import LEARNERS

        LEARNERS[contender.family](given, owner)
    else:
        _check_sagemaker(contender, owner, client)


def _check_sagemaker(contender: ContenderConfig, owner: str, client: str) -> None:
    import pyspark

    from sparring.training.xgboost_parameters import XGBoostParameters

    if contender.family != "gradient_boosted_trees":
        raise ConfigError(
            f"contenders.{contender.name}: engine sagemaker trains gradient_boosted_trees, not {contender.family}",
            "Change the family, or the engine to spark or single_node.",
        )
    XGBoostParameters.of(dict(contender.hyperparameters), owner)
    if client == "sagemaker-pyspark":
        require_supported_spark(pyspark.__version__)
        sagemaker_jars()
