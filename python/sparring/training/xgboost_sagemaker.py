"""XGBoost on SageMaker: the built-in algorithm."""

from __future__ import annotations

from sparring.config.schema import RunConfig
from sparring.models import XGBoostModel
from sparring.training.phases import Phases
from sparring.training.spec import Outcome, RowsRead, TrainingSpec
from sparring.training.xgboost_trainer import XGBoostTrainer


class SageMakerXGBoost(XGBoostTrainer):
    """SageMaker's built-in XGBoost, on AWS or on the local emulator."""

    engine = "sagemaker"
    title = "XGBoost on SageMaker"
    column = "sagemaker"

    def check_environment(self, config: RunConfig) -> None:
        """Raise unless the client can be used here, and SageMaker would take the request.

        Raises
        ------
        ConfigError
            If SageMaker would not take the request, or the client cannot send it.
        MissingDependencyError, PlatformError
            If sagemaker-pyspark is asked for and not installed, or does not run on this Spark.
        """
        import pyspark

        from sparring.spark.jars import require_supported_spark, sagemaker_jars
        from sparring.training.sagemaker import planned_requests

        if config.sagemaker.client == "sagemaker-pyspark":
            require_supported_spark(pyspark.__version__)
            sagemaker_jars()
        planned_requests(config)

    def fit(self, spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
        """Transfer the rows, train, deploy, score and clean up; see :mod:`sparring.training.sagemaker`."""
        from sparring.training.sagemaker import train_on_sagemaker

        return train_on_sagemaker(self.parameters, spec, phases)

    @classmethod
    def load_model(cls, folder: str) -> XGBoostModel:
        """Return the booster in the job's ``model.tar.gz``."""
        from sparring.training.sagemaker import read_archive

        return read_archive(folder)
