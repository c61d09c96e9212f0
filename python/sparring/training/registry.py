"""Trainers by engine, library and family."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from sparring.config.schema import ContenderConfig, RunConfig
from sparring.errors import ConfigError, did_you_mean
from sparring.training.trainer import Trainer

Place = tuple[str, str, str]

# (engine, library, family) -> module and class, imported when asked for.  The first library of an engine and a family
# is the one that is meant where none is named.
TRAINERS: dict[Place, str | type[Trainer]] = {
    ("spark", "mllib", "logistic_regression"): "sparring.training.mllib_logistic:MllibLogistic",
    ("spark", "mllib", "linear_regression"): "sparring.training.mllib_linear:MllibLinear",
    ("spark", "mllib", "poisson_regression"): "sparring.training.mllib_glm:MllibPoisson",
    ("spark", "mllib", "gamma_regression"): "sparring.training.mllib_glm:MllibGamma",
    ("spark", "mllib", "gradient_boosted_trees"): "sparring.training.mllib_gbt:MllibTrees",
    ("spark", "mllib", "random_forest"): "sparring.training.mllib_forest:MllibForest",
    ("spark", "mllib", "decision_tree"): "sparring.training.mllib_forest:MllibTree",
    ("spark", "mllib", "naive_bayes"): "sparring.training.naive_bayes:MllibNaiveBayes",
    ("spark", "xgboost", "gradient_boosted_trees"): "sparring.training.xgboost_spark:SparkXGBoost",
    ("single_node", "sklearn", "logistic_regression"): "sparring.training.sklearn_logistic:SklearnLogistic",
    ("single_node", "sklearn", "linear_regression"): "sparring.training.sklearn_linear:SklearnLinear",
    ("single_node", "sklearn", "poisson_regression"): "sparring.training.sklearn_glm:SklearnPoisson",
    ("single_node", "sklearn", "gamma_regression"): "sparring.training.sklearn_glm:SklearnGamma",
    ("single_node", "xgboost", "gradient_boosted_trees"): "sparring.training.xgboost_single_node:SingleNodeXGBoost",
    ("single_node", "lightgbm", "gradient_boosted_trees"): "sparring.training.lightgbm_single_node:LightGBM",
    ("single_node", "sklearn", "gradient_boosted_trees"): "sparring.training.sklearn_boosting:SklearnBoosting",
    ("single_node", "sklearn", "naive_bayes"): "sparring.training.naive_bayes:SklearnNaiveBayes",
    ("single_node", "sklearn", "random_forest"): "sparring.training.sklearn_forest:SklearnForest",
    ("single_node", "sklearn", "decision_tree"): "sparring.training.sklearn_forest:SklearnTree",
    ("sagemaker", "xgboost", "gradient_boosted_trees"): "sparring.training.xgboost_sagemaker:SageMakerXGBoost",
}
# Its family is the dotted name of a class.
CUSTOM = ("single_node", "custom")


def register_trainer(trainer: type[Trainer]) -> type[Trainer]:
    """Have configurations name ``trainer`` by its engine, library and family; usable as a decorator."""
    TRAINERS[trainer.engine, trainer.library, trainer.family] = trainer
    return trainer


def trainer_class(engine: str, library: str | None, family: str, owner: str = "contenders") -> type[Trainer]:
    """Return the trainer of a family on an engine, by ``library`` or by the default one.

    Raises
    ------
    ConfigError
        If there is none; ``owner`` opens the message.
    """
    if (engine, library) == CUSTOM:
        from sparring.training.custom import custom_trainer

        return custom_trainer(family, owner)
    for place, found in TRAINERS.items():
        if place[0] == engine and place[2] == family and library in (None, "", place[1]):
            if isinstance(found, str):
                module, _, name = found.partition(":")
                trainer: type[Trainer] = getattr(import_module(module), name)
                return trainer
            return found
    raise _absent(engine, library, family, owner)


def trainer_of(contender: ContenderConfig) -> Trainer:
    """Return the trainer of ``contender``, its hyperparameters checked; no work is done.

    Raises
    ------
    ConfigError
        If there is none for engine, library and family, or a hyperparameter is wrong.
    """
    owner = f"contenders.{contender.name}"
    kind = trainer_class(contender.engine, contender.library, contender.family, owner)
    return kind(dict(contender.hyperparameters), f"{owner}.hyperparameters")


def check_contenders(config: RunConfig, task: str | None = None) -> None:
    """Raise for the first contender that cannot be trained here, for ``task`` where that is known already.

    Raises
    ------
    ConfigError
        If a hyperparameter is wrong, there is no such trainer, or it does not know the task; what to use is said.
    MissingDependencyError, PlatformError
        If something is not installed or does not run here.
    """
    task = task or (None if config.table.task == "auto" else config.table.task)
    for contender in config.contenders:
        trainer = trainer_of(contender)
        if task is not None and task not in trainer.tasks:
            raise _unfit(contender, trainer, task)
        trainer.check_environment(config)


def _absent(engine: str, library: str | None, family: str, owner: str) -> ConfigError:
    engines = _distinct(place[0] for place in TRAINERS)
    if engine not in engines:
        return ConfigError(
            f"{owner}.engine: {engine!r} is no engine; they are {', '.join(engines)}",
            f"Name one of them.{did_you_mean(engine, engines)}",
        )
    families = _distinct(place[2] for place in TRAINERS if place[0] == engine)
    if family not in families:
        return ConfigError(
            f"{owner}.family: engine {engine} trains {', '.join(families)}, not {family!r}",
            f"Change the family, or the engine.{did_you_mean(family, families)}",
        )
    libraries = _distinct(place[1] for place in TRAINERS if (place[0], place[2]) == (engine, family))
    return ConfigError(
        f"{owner}.library: {library!r} does not train {family} on {engine}; {', '.join(libraries)} can",
        f"Name one of them, or leave it out for {libraries[0]}.{did_you_mean(str(library), libraries)}",
    )


def _unfit(contender: ContenderConfig, trainer: Trainer, task: str) -> ConfigError:
    """Return the error of a trainer that does not know the task, with those on its engine that do."""
    others = [
        f"{library} {family}"
        for engine, library, family in TRAINERS
        if engine == trainer.engine and task in trainer_class(engine, library, family).tasks
    ]
    use = f"Use on {trainer.engine}: {', '.join(others)}." if others else "Use another engine."
    known = ", ".join(sorted(trainer.tasks))
    return ConfigError(
        f"contenders.{contender.name}: {trainer.title} trains {known}, and the task is {task}",
        f"{use} Or set table.task.",
    )


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
