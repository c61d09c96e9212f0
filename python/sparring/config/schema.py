"""The configuration of a run: what each key means, what it may hold and what it is by default.

Every class is one section of the YAML file, in the order the run uses them.  Unknown keys are refused.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from sparring.config.predict import PredictConfig
from sparring.config.sagemaker import SageMakerConfig
from sparring.config.section import Section

__all__ = ["ContenderConfig", "RunConfig", "SageMakerConfig", "Section", "TableConfig"]


class FeaturesConfig(Section):
    """Feature columns by kind; a column stands under one kind only."""

    numeric: list[str] = Field([], description="numbers: imputed, scaled")
    categorical: list[str] = Field([], description="values without order: one-hot, with 'missing' and 'unseen'")
    timestamp: list[str] = Field([], description="dates and times: year, and month, weekday, hour as cycles")
    cyclic: dict[str, float] = Field({}, description="number -> period: sine and cosine, such as month: 12")

    @model_validator(mode="after")
    def _one_kind_each(self) -> FeaturesConfig:
        seen: set[str] = set()
        for name in self.columns:
            if name in seen:
                raise ValueError(f"column {name!r} is listed under two kinds; keep one")
            seen.add(name)
        if not seen:
            raise ValueError("no feature column is listed; list some under numeric, categorical, timestamp or cyclic")
        return self

    @property
    def columns(self) -> list[str]:
        """All feature columns, in the order they are encoded."""
        return [*self.numeric, *self.cyclic.keys(), *self.timestamp, *self.categorical]


def _scalar_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


class TableConfig(Section):
    """The table: where it is and what its columns mean."""

    path: str | None = Field(None, description="file or folder: local, s3a://, dbfs:/, any Hadoop path")
    builtin: Literal["flights", "flight_delays", "breast_cancer", "digits"] | None = Field(
        None, description="a data set that Sparring brings along"
    )
    format: str = Field("auto", description="parquet, csv or json; auto: by the file's ending")
    options: dict[str, str] = Field(
        {},
        description="how a file is written, found where it is not told: sep, encoding, header, quote, escape, comment, "
        "decimal; dateFormat, timestampFormat, and whatever else Spark's reader takes",
    )
    missing: list[str] | None = Field(
        None, description="text that means a missing value; null: empty, NA, N/A, NaN, null, None, ?, - and their like"
    )
    key: list[str] = Field([], description="columns that identify a row; empty: content hash and occurrence number")
    label: str = Field(description="the column to predict: classes, or a number")
    task: str = Field(
        "auto", description="kind of problem: binary, multiclass, regression; auto: by the label's values, and says why"
    )
    positive: str | float | bool | None = Field(
        None, description="binary: the label's positive value; default: the larger"
    )
    group: list[str] = Field([], description="columns whose joint value must not straddle two parts")
    time: str | None = Field(None, description="when the row came to be: for survivor 'latest' and the leak audit")
    weight: str | None = Field(None, description="row weight, > 0; default 1")
    features: FeaturesConfig

    @field_validator("options", mode="before")
    @classmethod
    def _as_text(cls, options: Any) -> Any:
        """Take ``header: true`` as well as ``header: "true"``."""
        if not isinstance(options, dict):
            return options
        return {name: _scalar_text(value) for name, value in options.items()}

    @model_validator(mode="after")
    def _one_source(self) -> TableConfig:
        if (self.path is None) == (self.builtin is None):
            raise ValueError("give either path or builtin")
        for role, column in (("label", self.label), ("weight", self.weight)):
            if column in self.features.columns:
                raise ValueError(f"column {column!r} is the {role} and a feature too; drop it from the features")
        return self


class NearConfig(Section):
    """Removal of near duplicates: which columns are compared, and how similar two rows must be."""

    text: list[str] = Field([], description="text, compared by the Jaccard similarity of its shingles")
    categorical: list[str] = Field([], description="values, compared by equality")
    numeric: dict[str, float] = Field({}, description="number -> largest difference that counts as equal")
    weights: dict[str, float] = Field({}, description="column -> weight in the mean of similarities; default 1")
    threshold: float = Field(0.8, gt=0, lt=1, description="least similarity of near duplicates")
    candidate_threshold: float | None = Field(
        None, gt=0, lt=1, description="least similarity of tokens that the search should find; null: from threshold"
    )
    shingle_unit: Literal["char", "word"] = "char"
    shingle_size: int = Field(5, ge=1, le=100, description="characters or words a shingle")
    unicode_form: Literal["NFC", "NFD", "NFKC", "NFKD", "none"] = "NFKC"
    lowercase: bool = Field(True, description="case does not count")
    collapse_spaces: bool = Field(True, description="amounts of white space do not count")
    missing: Literal["skip", "mismatch", "match"] = Field(
        "skip", description="a column missing in a row: does not count, is different, is equal when missing in both"
    )
    hashes: int = Field(128, ge=1, le=4_096, description="places of a signature")
    kernel: Literal["permutations", "one_permutation"] = "permutations"
    verify: bool = Field(True, description="prove each pair; false is faster and joins chance matches")
    remove: bool = Field(True, description="false keeps near duplicates, each cluster in one part")

    @model_validator(mode="after")
    def _compares_columns(self) -> NearConfig:
        if not self.columns:
            raise ValueError("no column is compared; list some under text, categorical or numeric")
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise ValueError(f"column {name!r} is listed under two kinds; keep one")
        for name, tolerance in self.numeric.items():
            if not tolerance >= 0:
                raise ValueError(f"the tolerance of {name!r} must be >= 0, got {tolerance:g}")
        for name, weight in self.weights.items():
            if name not in self.columns or not weight > 0:
                raise ValueError(f"weights: {name!r} must be a compared column with a weight > 0, got {weight:g}")
        return self

    @property
    def columns(self) -> list[str]:
        """All compared columns: text, then categories, then numbers."""
        return [*self.text, *self.categorical, *self.numeric]


class DeduplicateConfig(Section):
    """Removal of duplicates: equal rows, and similar ones when ``near`` is given."""

    enabled: bool = Field(True, description="false keeps every row, copies in one part; the page then says so")
    columns: list[str] | None = Field(
        None, description="columns that make two rows equal; null: all of the table but a surrogate key"
    )
    remove: Literal["auto", "proven", "all"] = Field(
        "auto",
        description="proven: equal rows that evidence shows to be copies; all: all equal rows but one; "
        "auto: all where columns are named, else proven",
    )
    allow_most: bool = Field(False, description="true: more than half of the rows may be removed")
    survivor: str = Field("first", description="first, latest, most_complete or max:COLUMN")
    conflicts: Literal["keep", "drop", "majority"] = Field(
        "keep",
        description="a cluster with both labels: keep its survivor, drop it whole, or keep the commoner label",
    )
    normalize_unicode: bool = Field(False, description="compare text after Unicode NFC")
    near: NearConfig | None = Field(None, description="also rows that are similar; null: equal rows only")

    @property
    def needs_evidence(self) -> bool:
        """Whether equal rows are removed only where the evidence says that they are copies."""
        return self.remove == "proven" or (self.remove == "auto" and not self.columns)

    @property
    def removes_near(self) -> bool:
        """Whether similar rows are removed rather than kept together."""
        return self.enabled and self.near is not None and self.near.remove

    @property
    def keeps_duplicates(self) -> bool:
        """Whether rows of one cluster may stay, which then belong in one part."""
        return not self.enabled or (self.near is not None and not self.near.remove)


class SplitConfig(Section):
    """Train, validation and test."""

    train: float = Field(0.7, gt=0, lt=1, description="share of the rows")
    validation: float = Field(0.1, gt=0, lt=1, description="share of the rows; thresholds are chosen on it")
    test: float = Field(0.2, gt=0, lt=1, description="share of the rows; scored once")
    method: Literal["stratified", "time"] = Field(
        "stratified", description="stratified: by hash, groups of table.group whole; time: oldest rows train"
    )
    stratify: bool = Field(True, description="stratified: each class keeps its share in every part")
    gap: str = Field("0", description="time: end of train and validation kept out, such as '7 days' or '1000 rows'")

    @model_validator(mode="after")
    def _sum_to_one(self) -> SplitConfig:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, got {total:g}")
        if self.method != "time" and self.gap != "0":
            raise ValueError(f"gap belongs to method 'time', got gap {self.gap!r} with {self.method!r}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Part name -> share of the rows."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class PrepareConfig(Section):
    """Feature preparation, fitted on train only."""

    storage: Literal["auto", "dense", "sparse"] = Field("auto", description="auto: sparse below 50% non-zero")
    impute: Literal["median", "mean"] = Field("median", description="what a missing number becomes")
    scale: bool = Field(True, description="numbers to mean 0 and standard deviation 1, of train")
    max_categories: int = Field(200, ge=1, le=100_000, description="commonest kept, the others become 'unseen'")
    min_frequency: int = Field(10, ge=1, description="rarer values of train become 'unseen'")


class ContenderConfig(Section):
    """One way to train: an engine and a family of models."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="names the folder, the table row and the job")
    engine: str = Field(description="where it runs: spark, single_node, sagemaker")
    library: str | None = Field(
        None, description="whose code fits: mllib, xgboost, sklearn, custom; null: the default of engine and family"
    )
    family: str = Field(
        description="which model: logistic_regression, linear_regression, poisson_regression, gamma_regression, "
        "gradient_boosted_trees, random_forest, decision_tree, naive_bayes; "
        "of library custom the dotted name of a class"
    )
    hyperparameters: dict[str, Any] = Field({}, description="in the engine's own names; unknown ones are refused")


class LeakageConfig(Section):
    """Leaks: the audit of the split, and the same trainer on a naive random split."""

    audit: bool = Field(True, description="look for leaks between the parts of the split")
    near: Literal["auto", "sample", "off"] = Field(
        "sample",
        description="rows that are alike: sample estimates their share, auto searches all rows, off does not look",
    )
    near_threshold: float = Field(
        0.9, gt=0, le=1, description="share of the features in which rows that are alike agree"
    )
    enabled: bool = Field(True, description="train once more on a naive split, to measure what leaks would add")
    contender: str | None = Field(
        None, description="whose trainer to repeat; default: the first boosted trees on one machine"
    )


class ResourcesConfig(Section):
    """What every contender may use."""

    cores: int | None = Field(None, ge=1, description="threads for every contender; default: all the machine has")
    memory: str = Field(
        "3g",
        pattern=r"^\d+[mg]$",
        description="heap of a local Spark driver; without Spark, what columns may take before they go to the disk",
    )
    isolation: Literal["auto", "process", "session"] = Field(
        "auto",
        description="process: each contender in a fresh process; session: in this Spark session (clusters)",
    )
    shared_disk: bool = Field(
        False,
        description="a local output folder is on a disk that all machines of the cluster share, such as NFS",
    )


class EvaluationConfig(Section):
    """Metrics, their intervals, and what difference matters."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals; tests are made at one minus it")
    metric: str | None = Field(None, description="the metric that decides; null: the task's own")
    margin: float | None = Field(
        None,
        gt=0,
        description="contenders that differ by less in that metric are equivalent, the cheapest is taken; null: the "
        "task's own, 0.002 of ROC AUC",
    )


class RunConfig(Section):
    """A whole run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,60}$", description="names the run's folder")
    seed: int = Field(42, ge=0, lt=2**31)
    engine: Literal["auto", "spark", "one_machine"] = Field(
        "auto",
        description="what deduplicates, splits, audits and prepares; the rows are the same. auto: one machine where "
        "the table fits in its memory and no session of Spark is there, else Spark",
    )
    table: TableConfig
    deduplicate: DeduplicateConfig = DeduplicateConfig()
    split: SplitConfig = SplitConfig()
    prepare: PrepareConfig = PrepareConfig()
    contenders: list[ContenderConfig] = Field(min_length=1)
    sagemaker: SageMakerConfig = SageMakerConfig()
    leakage: LeakageConfig = LeakageConfig()
    resources: ResourcesConfig = ResourcesConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    predict: PredictConfig = PredictConfig()

    @model_validator(mode="after")
    def _splittable_by_time(self) -> RunConfig:
        if self.split.method != "time":
            return self
        if self.table.time is None:
            raise ValueError("split.method 'time' needs table.time, the column that says when a row came to be")
        if self.table.group:
            raise ValueError(
                f"split.method 'time' cannot keep groups together, table.group is {self.table.group}; "
                "drop table.group, or use split.method 'stratified'"
            )
        if not self.deduplicate.enabled:
            raise ValueError("split.method 'time' cannot keep copies together; set deduplicate.enabled to true")
        return self

    @model_validator(mode="after")
    def _distinct_names(self) -> RunConfig:
        names = [contender.name for contender in self.contenders]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two contenders are named {name!r}; names must differ")
        if self.leakage.contender is not None and self.leakage.contender not in names:
            raise ValueError(f"leakage.contender {self.leakage.contender!r} is none of {', '.join(names)}")
        return self

    @property
    def leak_contender(self) -> ContenderConfig:
        """The contender that the leak check trains again: the configured, else the first on one machine."""
        by_name = {contender.name: contender for contender in self.contenders}
        if self.leakage.contender is not None:
            return by_name[self.leakage.contender]
        alone = [contender for contender in self.contenders if contender.engine == "single_node"]
        boosted = [contender for contender in alone if contender.family == "gradient_boosted_trees"]
        return [*boosted, *alone, *self.contenders][0]
