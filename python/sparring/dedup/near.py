"""Near duplicates of texts and of rows: found by MinHash, proved by their exact similarity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from pyspark.ml.base import Transformer
from pyspark.ml.param.shared import HasSeed
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from sparring.data.canonical import canonical_hash
from sparring.dedup.banding import Bands, choose_bands
from sparring.dedup.compared import MISSING, ComparedColumns
from sparring.dedup.minhash import KERNELS
from sparring.dedup.report import DuplicateReport
from sparring.dedup.search import NODE, NearSearch, Plan, search
from sparring.dedup.survivor import SurvivorParams
from sparring.dedup.text import UNICODE_FORMS, TextRules
from sparring.errors import ParamError
from sparring.one_machine.tables import TransformsTables
from sparring.params import (
    Check,
    at_least,
    bool_param,
    check_params,
    checked_schema,
    float_param,
    floats_param,
    in_range,
    int_param,
    one_of,
    require_columns,
    text_param,
    texts_param,
)
from sparring.spark.reserved import named

SAMPLES = 10
NUMBERS = (T.NumericType, T.BooleanType)
RANGES: dict[str, Check] = {
    "threshold": in_range(0, 1, closed=False),
    "candidateThreshold": in_range(0, 1, closed=False),
    "shingleUnit": one_of("char", "word"),
    "shingleSize": in_range(1, 100),
    "unicodeForm": one_of(*UNICODE_FORMS),
    "missing": one_of(*MISSING),
    "numHashes": in_range(1, 4_096),
    "kernel": one_of(*KERNELS),
    "falsePositiveWeight": at_least(0),
    "falseNegativeWeight": at_least(0),
    "tolerances": (">= 0", lambda values: all(value >= 0 for value in values)),
    "columnWeights": ("> 0", lambda values: all(value > 0 for value in values)),
}


class NearDeduplicator(
    TransformsTables, Transformer, SurvivorParams, HasSeed, DefaultParamsReadable[Any], DefaultParamsWritable
):
    """Mark which rows are near duplicates of others, and which one of each cluster survives.

    Two rows are near duplicates when the weighted mean of their columns' similarities reaches ``threshold``: for text
    the Jaccard similarity of its shingles, for categories 1 if equal, for numbers 1 if within the tolerance.  A
    cluster is what near duplicates join.  All rows stay; keep the survivors with ``where("isSurvivor")``.

    Parameters
    ----------
    textCols, categoricalCols, numericCols : list of str, default []
        Columns that are compared; at least one.  Dates and times are numbers once cast to long.
    tolerances : list of float >= 0, default []
        One for each of ``numericCols``; empty: all 0.
    columnWeights : list of float > 0, default []
        One for each compared column, texts first, then categories, then numbers; empty: all 1.
    missing : {"skip", "mismatch", "match"}, default "skip"
        A column missing in either row (null, NaN, blank text) does not count; counts as different; or counts as equal
        when missing in both.  A row that misses all compared columns is like no other.
    threshold : float in (0, 1), default 0.8
        Least similarity of near duplicates.
    candidateThreshold : float in (0, 1), optional
        Least Jaccard similarity of the tokens of rows that the search should find.  Default: ``threshold`` for one
        text column; else ``t / (2 - t)``, the Jaccard similarity of rows that are equal in the share t of their
        columns.
    shingleUnit : {"char", "word"}, default "char"
    shingleSize : int in [1, 100], default 5
        Characters or words a shingle.  A shorter text is one shingle, itself: it has equals, no near duplicates.
    unicodeForm : {"NFC", "NFD", "NFKC", "NFKD", "none"}, default "NFKC"
    lowercase, collapseSpaces : bool, default True
        What does not count in text: case; white space at the ends, and how much of it is elsewhere.
    numHashes : int in [1, 4096], default 128
        Places of a signature; more find more exactly what ``candidateThreshold`` says.
    kernel : {"permutations", "one_permutation"}, default "permutations"
        ``one_permutation`` is several times faster on long texts, less accurate below ``numHashes`` shingles.
    falsePositiveWeight, falseNegativeWeight : float >= 0, default 0.02, 0.98
        How bands are chosen, see :func:`~sparring.dedup.banding.choose_bands`: a false positive costs one comparison,
        a false negative is a duplicate that stays.  By default a pair at the threshold is found with probability
        0.98, one that is 0.05 above it with 0.998.
    verify : bool, default True
        Prove each candidate pair by its exact similarity.  Cost: the compared columns of all rows in a pair are
        shuffled to both ends.  False takes every candidate: chains of chance matches then join what is not alike.
    keyCols : list of str, default []
        Identify a row; empty: its content does.
    survivor, timeCol, labelCol, conflicts, clusterCol, survivorCol
        As in :class:`~sparring.dedup.exact.Deduplicator`.  A cluster is named by the key of its first member.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    TableError
        If two rows have the same key.

    Notes
    -----
    Cost of ``transform``, which searches at once: see :func:`~sparring.dedup.search.search`; then a join of the ids of
    the rows that have a duplicate and a shuffle of the rows by cluster.  Linear in the rows, however large a cluster.

    Examples
    --------
    >>> near = NearDeduplicator(textCols=["review"], threshold=0.7, keyCols=["id"])         # doctest: +SKIP
    >>> unique = near.transform(reviews).where("isSurvivor")                                # doctest: +SKIP
    """

    defaults: ClassVar[dict[str, Any]] = {
        "textCols": [],
        "categoricalCols": [],
        "numericCols": [],
        "tolerances": [],
        "columnWeights": [],
        "missing": "skip",
        "threshold": 0.8,
        "shingleUnit": "char",
        "shingleSize": 5,
        "unicodeForm": "NFKC",
        "lowercase": True,
        "collapseSpaces": True,
        "numHashes": 128,
        "kernel": "permutations",
        "falsePositiveWeight": 0.02,
        "falseNegativeWeight": 0.98,
        "verify": True,
        "seed": 42,
    }
    textCols = texts_param("textCols", "columns compared by shingles")
    categoricalCols = texts_param("categoricalCols", "columns compared by equality")
    numericCols = texts_param("numericCols", "columns compared within a tolerance")
    tolerances = floats_param("tolerances", "largest difference of equal numbers, >= 0")
    columnWeights = floats_param("columnWeights", "weight of each compared column, > 0")
    missing = text_param("missing", "a missing column: skip, mismatch or match")
    threshold = float_param("threshold", "least similarity of near duplicates, in (0, 1)")
    candidateThreshold = float_param("candidateThreshold", "least similarity of tokens, in (0, 1)")
    shingleUnit = text_param("shingleUnit", "char or word")
    shingleSize = int_param("shingleSize", "units a shingle, 1 to 100")
    unicodeForm = text_param("unicodeForm", "Unicode normalisation of text, or none")
    lowercase = bool_param("lowercase", "case does not count")
    collapseSpaces = bool_param("collapseSpaces", "amounts of white space do not count")
    numHashes = int_param("numHashes", "places of a signature, 1 to 4096")
    kernel = text_param("kernel", "permutations or one_permutation")
    falsePositiveWeight = float_param("falsePositiveWeight", "what a needless comparison costs, >= 0")
    falseNegativeWeight = float_param("falseNegativeWeight", "what a lost duplicate costs, >= 0")
    verify = bool_param("verify", "prove candidates by their exact similarity")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the two output columns."""
        check_params(self, RANGES)
        for name, kinds in (("textCols", (T.StringType,)), ("categoricalCols", None), ("numericCols", NUMBERS)):
            require_columns(schema, self.getOrDefault(name), f"NearDeduplicator.{name}", kinds)
        self._check_counts()
        return self._with_marks(schema)

    def _check_counts(self) -> None:
        numbers, compared = len(self.getOrDefault("numericCols")), len(self._compared())
        if not compared:
            raise ParamError("NearDeduplicator: no column is compared", "Set textCols, categoricalCols or numericCols.")
        for name, wanted in (("tolerances", numbers), ("columnWeights", compared)):
            given = len(self.getOrDefault(name))
            if given not in (0, wanted):
                raise ParamError(
                    f"NearDeduplicator.{name} must have {wanted} numbers, one a column, or none; got {given}",
                    f"Give one for each of {', '.join(self._compared()[-wanted:])}.",
                )

    def _compared(self) -> list[str]:
        return [name for kind in ("textCols", "categoricalCols", "numericCols") for name in self.getOrDefault(kind)]

    @property
    def bands(self) -> Bands:
        """Number and length of the bands that the Params choose."""
        weights = (self.getOrDefault("falsePositiveWeight"), self.getOrDefault("falseNegativeWeight"))
        return choose_bands(self._candidate_threshold(), self.getOrDefault("numHashes"), *weights)

    def _candidate_threshold(self) -> float:
        if self.isDefined("candidateThreshold"):
            return self.getOrDefault("candidateThreshold")
        threshold = self.getOrDefault("threshold")
        one_text = self._compared() == self.getOrDefault("textCols") and len(self._compared()) == 1
        return threshold if one_text else threshold / (2 - threshold)

    def search(self, dataset: DataFrame) -> NearSearch:
        """Find the clusters and return them with the pairs and counts that led there.

        Returns
        -------
        NearSearch

        Notes
        -----
        Cost: all of ``transform`` but for the shuffles of whole rows.
        """
        checked_schema(self, dataset)
        return search(dataset.withColumn(NODE, self._node(dataset)), self._plan())

    def mark(self, dataset: DataFrame, found: NearSearch) -> DataFrame:
        """Return ``dataset`` with the clusters of a search of it, and the survivors."""
        clustered = found.mark(dataset.withColumn(NODE, self._node(dataset)), self.getOrDefault("clusterCol"))
        return self._mark_survivors(clustered, dataset)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        return self.mark(dataset, self.search(dataset))

    def report_search(self, marked: DataFrame, found: NearSearch) -> DuplicateReport:
        """Return :meth:`report` with the search's funnel and some of its pairs, the least similar first."""
        rows = found.pairs.orderBy("similarity", "src", "dst").limit(SAMPLES).collect()
        return replace(self.report(marked), funnel=found.funnel, samples=[row.asDict() for row in rows])

    def _node(self, dataset: DataFrame) -> Column:
        """Return one column of text or whole numbers as it is, anything else as its hash."""
        columns = self.getKeyCols()
        if len(columns) == 1:
            kind = dataset.schema[columns[0]].dataType
            if isinstance(kind, T.StringType):
                return named(columns[0])
            if isinstance(kind, T.IntegralType):
                return named(columns[0]).cast("long")
        return canonical_hash(columns or dataset.columns, dataset.schema)

    def _plan(self) -> Plan:
        rules = ("shingleUnit", "shingleSize", "unicodeForm", "lowercase", "collapseSpaces")
        columns = ComparedColumns(
            texts=self.getOrDefault("textCols"),
            categories=self.getOrDefault("categoricalCols"),
            numbers=self.getOrDefault("numericCols"),
            tolerances=self.getOrDefault("tolerances") or [0.0] * len(self.getOrDefault("numericCols")),
            weights=self.getOrDefault("columnWeights") or [1.0] * len(self._compared()),
            rules=TextRules(*(self.getOrDefault(name) for name in rules)),
            missing=self.getOrDefault("missing"),
        )
        return Plan(
            columns,
            self.getOrDefault("threshold"),
            self.bands,
            self.getOrDefault("numHashes"),
            self.getOrDefault("kernel"),
            self.getOrDefault("verify"),
            bool(self.getKeyCols()),
            self.getOrDefault("seed"),
        )
