"""What the library's own estimators send is what the local algorithms take, each hyperparameter set."""

from typing import Any

import pytest
from pyspark.sql import SparkSession

from sparring.sagemaker.target import AwsTarget, Endpoint
from sparring_local_sagemaker.algorithms import factorization_machines, kmeans, lda, linear_learner, pca
from sparring_local_sagemaker.algorithms.hyperparameters import validate
from sparring_local_sagemaker.algorithms.stand_in import Algorithm

ROLE = "arn:aws:iam::123456789012:role/trainer"
TARGET = AwsTarget(ROLE, "bucket", "", "eu-west-1", Endpoint("http://127.0.0.1:9", "key", "secret"))
FM_VALUES = {
    "feature_dim": 10,
    "num_factors": 3,
    "epochs": 2,
    "clip_gradient": 1.5,
    "eps": 1e-6,
    "bias_lr": 0.2,
    "linear_wd": 0.01,
    "factors_init_method": "uniform",
    "factors_init_scale": 0.5,
    "linear_init_sigma": 0.1,
}
LL_VALUES = {
    "epochs": 3,
    "use_bias": True,
    "num_models": "auto",
    "wd": 0.25,
    "l1": 0.5,
    "learning_rate": "auto",
    "normalize_data": False,
    "unbias_data": True,
    "optimizer": "adam",
    "early_stopping_patience": 4,
    "f_beta": 2.0,
}
# Params that take "auto" too are strings to the library.
TEXT = {"extra_center_factor", "num_models", "learning_rate"}
CASES: list[tuple[str, Algorithm, dict[str, Any]]] = [
    (
        "KMeansSageMakerEstimator",
        kmeans.ALGORITHM,
        {
            "k": 4,
            "feature_dim": 10,
            "init_method": "kmeans++",
            "local_lloyd_max_iter": 7,
            "local_lloyd_tol": 0.5,
            "local_lloyd_num_trials": "auto",
            "extra_center_factor": 3,
            "half_life_time_size": 2,
            "eval_metrics": "msd,ssd",
        },
    ),
    (
        "PCASageMakerEstimator",
        pca.ALGORITHM,
        {
            "num_components": 2,
            "feature_dim": 10,
            "algorithm_mode": "randomized",
            "subtract_mean": False,
            "extra_components": 5,
        },
    ),
    (
        "LDASageMakerEstimator",
        lda.ALGORITHM,
        {"num_topics": 3, "feature_dim": 10, "mini_batch_size": 100, "alpha0": 0.5, "max_iterations": 9, "tol": 1e-6},
    ),
    ("FactorizationMachinesBinaryClassifier", factorization_machines.ALGORITHM, FM_VALUES),
    ("FactorizationMachinesRegressor", factorization_machines.ALGORITHM, FM_VALUES),
    ("LinearLearnerBinaryClassifier", linear_learner.ALGORITHM, {**LL_VALUES, "target_recall": 0.7}),
    ("LinearLearnerMultiClassClassifier", linear_learner.ALGORITHM, {**LL_VALUES, "num_classes": 4}),
    ("LinearLearnerRegressor", linear_learner.ALGORITHM, {**LL_VALUES, "loss": "huber_loss", "huber_delta": 2.0}),
]


@pytest.mark.parametrize(("name", "algorithm", "values"), CASES, ids=[name for name, _, _ in CASES])
def test_what_the_library_sends_is_taken(
    spark: SparkSession, name: str, algorithm: Algorithm, values: dict[str, Any]
) -> None:
    TARGET.configure(spark)
    from sagemaker_pyspark import IAMRole, S3DataPath, algorithms

    client = TARGET.jvm_client
    estimator = getattr(algorithms, name)(
        trainingInstanceType="ml.m5.large",
        trainingInstanceCount=1,
        endpointInstanceType="ml.m5.large",
        endpointInitialInstanceCount=1,
        sagemakerRole=IAMRole(ROLE),
        trainingInputS3DataPath=S3DataPath("bucket", "in"),
        trainingOutputS3DataPath=S3DataPath("bucket", "out"),
        sagemakerClient=client(spark, "com.amazonaws.services.sagemaker.AmazonSageMakerClientBuilder"),
        region="eu-west-1",
        s3Client=client(spark, "com.amazonaws.services.s3.AmazonS3ClientBuilder"),
        stsClient=client(spark, "com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder"),
    )
    for parameter, value in values.items():
        # The library's own way to write "auto" or a number, and true or false.
        textual = isinstance(value, bool) or parameter in TEXT
        estimator._set(**{parameter: str(value) if textual else value})
    estimator._transfer_params_to_java()
    sent = {str(key): str(value) for key, value in estimator._java_obj.makeHyperParameters().items()}
    assert set(values) <= set(sent)
    taken = validate(algorithm.table, sent)
    wanted = {key: value.split(",") if key == "eval_metrics" else value for key, value in values.items()}
    assert {key: taken[key] for key in wanted} == wanted
