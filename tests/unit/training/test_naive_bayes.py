"""Gaussian naive Bayes: both libraries make one model, which scores as scikit-learn's own."""

from collections.abc import Callable

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.naive_bayes import GaussianNB

from sparring.data.matrix import PreparedMatrix
from sparring.errors import ConfigError
from sparring.models import GaussianModel
from sparring.training.registry import trainer_class
from sparring.training.single_node import cells_of_matrix


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_both_libraries_make_one_model(
    trained: Callable, spark: SparkSession, matrices: dict[str, PreparedMatrix], task: str
) -> None:
    train, test = matrices[task].read("train"), matrices[task].read("test")
    own = GaussianNB().fit(train.features.toarray().astype(float), train.labels, sample_weight=train.weights)
    expected = own.predict_proba(test.features.toarray().astype(float))
    expected = expected[:, 1] if task == "binary" else expected
    for engine in ("single_node", "spark"):
        result = trained(task, engine, "naive_bayes")
        np.testing.assert_allclose(result["scores"], expected, atol=1e-6)
        model = trainer_class(engine, None, "naive_bayes").load_model(result["spec"].model)
        np.testing.assert_allclose(model.scores(cells_of_matrix(test.features)), expected, atol=1e-6)
        again = GaussianModel.from_bytes(model.to_bytes())
        assert (again.variance == model.variance).all()


def test_it_takes_no_hyperparameters() -> None:
    with pytest.raises(ConfigError, match="unknown hyperparameter 'smoothing'; allowed: none"):
        trainer_class("spark", None, "naive_bayes")({"smoothing": 1.0}, "x")
