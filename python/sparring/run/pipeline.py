"""The run: stages in order, each a folder and an entry in the manifest, so that it can be resumed and audited.

::

    ingest -> deduplicate -> split -> audit -> prepare -> naive -> train x contenders -> evaluate -> compare -> report
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparring.comparison.isolated_run import choose_isolation, run_contender
from sparring.config.only import require_contenders, with_contenders
from sparring.config.schema import ContenderConfig, RunConfig
from sparring.data.contract import CLUSTER, GROUP, KEY, LABEL, RAW_TYPE, SPLIT, SURVIVOR
from sparring.data.ingest import IngestReport, accepted, check_accepted, ingest, open_table
from sparring.data.row_counts import write_rows
from sparring.data.source import source_identity
from sparring.errors import TableError
from sparring.io import storage
from sparring.io.log import belongs_to
from sparring.run.assemble_report import assemble_report
from sparring.run.lock import locked
from sparring.run.manifest import Manifest, basis_of
from sparring.run.plan import describe_plan, preview, told
from sparring.run.preflight import check_before_work, check_shared
from sparring.run.progress import Progress
from sparring.run.row_flow import check_predictions, rows_checked
from sparring.spark.reserved import named
from sparring.spark.session import (
    SessionSpec,
    active_session,
    available_cores,
    end_jvm,
    get_session,
    s3a_settings,
    stop_session,
    tasks_done,
    under_spark_submit,
)
from sparring.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


MOMENT = "sparring__moment"


@dataclass(frozen=True)
class Finished:
    """What a finished run leaves.

    Attributes
    ----------
    page : str
        Path of ``report.html``.
    facts : dict
        Every figure of the page, as in ``report.json``.
    """

    page: str
    facts: dict[str, Any]

    @property
    def failed(self) -> list[str]:
        """Names of the contenders that failed."""
        return [result["name"] for result in self.facts["results"] if result["status"] != "ok"]

    def document(self) -> dict[str, Any]:
        """Return the content of ``report.json`` with the page's path."""
        report: dict[str, Any] = storage.read_json(self.page.removesuffix("html") + "json")
        return {"page": storage.plain(self.page), **report}


class Run:
    """One configured run in one folder.

    Parameters
    ----------
    config : RunConfig
    folder : str
        The run's folder; stages done there on the same basis are kept.
    progress : Progress, optional
    only : sequence of str, optional
        Names of contenders: no other one is trained, and those that an earlier run has trained on the same rows are
        kept.  The verdict is among these.

    Examples
    --------
    >>> Run(load_config("conf/demo.yaml"), "runs/flights").execute().page      # doctest: +SKIP
    'runs/flights/report.html'
    """

    def __init__(
        self, config: RunConfig, folder: str, progress: Progress | None = None, only: Sequence[str] = ()
    ) -> None:
        require_contenders(config, only)
        self.config = config
        self.only = list(only) or [contender.name for contender in config.contenders]
        self.folder = storage.normalize(folder)
        self.progress = progress or Progress()
        self.progress.count = self._count
        self._spark: SparkSession | None = None
        # A session that was there before belongs to somebody else and is left running.
        self._owns_session = active_session() is None and not under_spark_submit()

    def execute(self) -> Finished:
        """Run every stage that is not current and write the report.

        Raises
        ------
        SparringError
            From the stage that cannot go on; nothing half-written is left, finished stages are kept.
        """
        check_before_work(with_contenders(self.config, self.only), self.folder)
        self._check_shared()
        existed = storage.exists(self.folder)
        belongs_to(self.folder)
        with locked(self.folder):
            self.manifest = Manifest(self.folder)
            self.manifest.config = self.config.model_dump()
            try:
                return self._stages()
            except BaseException:
                if not existed and not any(s["status"] == "done" for s in self.manifest.stages.values()):
                    storage.delete(self.folder)
                raise
            finally:
                self._release_spark()

    def plan(self) -> list[tuple[str, str]]:
        """Check configuration and table, write nothing, and return each step and what it would do.

        Raises
        ------
        SparringError
            As :meth:`execute` would, for everything that can be known before training.
        """
        check_before_work(with_contenders(self.config, self.only), self.folder)
        self._check_shared()
        try:
            opened = open_table(self._session(), self.config.table, self._kept_columns(), self.config.deduplicate)
            self._check_near(opened.rows)
            if self.config.split.method == "time":
                self._time_type(opened.rows)
            found = check_accepted(opened.rows, self.config.table, opened.positive)
            self._require_enough(found)
            copies = preview(opened, self.config)
        finally:
            self._release_spark()
        config = with_contenders(self.config, self.only)
        return describe_plan(config, found, opened.reading, copies, self.folder)

    def path(self, *parts: str) -> str:
        """Return a path below the run's folder."""
        return storage.join(self.folder, *parts)

    def _stages(self) -> Finished:
        config = self.config
        equality = [config.deduplicate.columns, config.deduplicate.normalize_unicode, self._kept_columns()]
        basis = basis_of(config.table.model_dump(), config.seed, equality, source_identity(config.table))
        self._stage("ingest", basis, "reading and checking the table", self._ingest)
        basis = basis_of(basis, config.deduplicate.model_dump())
        self._stage("deduplicate", basis, "finding duplicates", self._deduplicate)
        basis = basis_of(basis, config.split.model_dump(), _split_version())
        self._stage("split", basis, "allotting rows to train, validation and test", self._split)
        if config.leakage.audit:
            looks = config.leakage.model_dump(include={"near", "near_threshold"})
            self._stage("audit", basis_of(basis, looks), "looking for leaks between the parts", self._audit)
        basis = basis_of(basis, config.prepare.model_dump())
        self._stage("prepare", basis, "fitting features on train, writing the matrix", self._prepare)
        config = with_contenders(config, [c.name for c in config.contenders if self._takes_part(c, basis)])
        if config.leakage.enabled:
            self._stage("naive", basis, "the same with a naive random split, to measure leaks", self._naive)
        isolation = self._isolation()
        all_of_them = len(config.contenders)
        results = [
            self._contender(contender, basis, isolation, f", {number} of {all_of_them} contenders")
            for number, contender in enumerate(config.contenders, start=1)
        ]
        naive = self._naive_contender(basis, isolation) if config.leakage.enabled else None
        with self.progress.stage("report", "metrics, equivalence, checks, verdict, page") as stage:
            left_out = [c.name for c in self.config.contenders if c not in config.contenders]
            page, facts = assemble_report(config, self.folder, self.manifest, results, naive, left_out)
            stage.say(facts["verdict"]["choice"] or facts["verdict"]["kind"].replace("_", " "))
        return Finished(page, facts)

    def _stage(
        self,
        name: str,
        basis: str,
        what: str,
        work: Callable[[dict[str, Any]], str],
        folder: str | None = None,
    ) -> dict[str, Any]:
        """Do one stage unless it is current; a failed one leaves no folder behind."""
        if self.manifest.current(name, basis):
            self.progress.reused(name)
            return self.manifest.report(name)
        target = folder or self.path(name)
        storage.delete(target)
        try:
            with (
                self.progress.stage(name, what) as stage,
                self.manifest.stage(name, basis) as report,
                rows_checked(name, self.manifest, target),
            ):
                stage.say(work(report))
        except BaseException as error:
            if not isinstance(error, Exception):
                self._end_spark()
            storage.delete(target)
            raise
        return report

    # -- stages ------------------------------------------------------------------------------------------------

    def _ingest(self, report: dict[str, Any]) -> str:
        table, folder, duplicates = self.config.table, self.path("ingest"), self.config.deduplicate
        found = ingest(self._session(), table, folder, self._kept_columns(), duplicates)
        self._require_enough(found)
        report.update(found.to_dict(), rows=found.accepted)
        return f"{found.input:,} rows, {found.input - found.accepted:,} quarantined"

    def _deduplicate(self, report: dict[str, Any]) -> str:
        from sparring.data.readers import read_table
        from sparring.data.reading import IDENTITY, Reading
        from sparring.dedup.caveats import caveats_of, require_some_left
        from sparring.dedup.copies import tell_copies
        from sparring.dedup.evidence import UNDECIDED
        from sparring.dedup.write import deduplicate

        options, reading = self.config.deduplicate, Reading(**self.manifest.report("ingest")["reading"])
        rows = accepted(self._session(), self.path("ingest"))
        copies = None
        if options.needs_evidence:
            copies = tell_copies(read_table(self._session(), self.config.table), reading, self.config.table.label)
        found = deduplicate(
            rows, options, [IDENTITY], self._roles(), self.config.seed, self.path("deduplicate"), copies
        )
        removed = found["duplicates_removed"]
        require_some_left(removed, found["rows"] + removed, options.allow_most)
        report.update(found, enabled=options.enabled, columns=reading.columns, survivor=options.survivor)
        report.update(reading=reading.to_dict(), caveats=caveats_of(found))
        report.update(
            decision=copies.decision if copies else "all equal rows are copies: the configuration says so",
            evidence=copies.evidence if copies else {},
            undecided_rows=copies.evidence.get("rows_by_status", {}).get(UNDECIDED, 0) if copies else 0,
        )
        similar = f", {found['near']['duplicates_removed']:,} of them near" if found["near"] else ""
        return f"{removed:,} copies removed{similar}{told(copies)}"

    def _split(self, report: dict[str, Any]) -> str:
        from sparring.model_selection import split_balance
        from sparring.model_selection.classes import require_both_classes

        rows = self._session().read.parquet(self.path("deduplicate")).where(SURVIVOR)
        # Duplicates that were left in the table must not straddle either, nor what may be one.
        undecided = self.manifest.report("deduplicate")["undecided_rows"] > 0
        cluster = CLUSTER if self.config.deduplicate.keeps_duplicates or undecided else None
        chosen = self._by_time(rows) if self.config.split.method == "time" else self._by_hash(rows, cluster)
        write_rows(chosen, self.path("split"))
        written = self._session().read.parquet(self.path("split"))
        balance, shares = split_balance(written, LABEL, group_id_col=GROUP, split_col=SPLIT), self.config.split.shares
        nothing = {"rows": 0, "positives": 0, "groups": 0}
        parts = {name: balance["parts"].get(name, nothing) | {"target": share} for name, share in shares.items()}
        positive = self.manifest.report("ingest")["positive"]
        require_both_classes(parts, self.config.table.label, positive, self.config.split.method)
        kept_out = {name: part["rows"] for name, part in balance["parts"].items() if name not in shares}
        report.update(balance, parts=parts, group=self.config.table.group, kept_out=kept_out, version=_split_version())
        report["rows"] = sum(part["rows"] for part in parts.values())
        counts = {name: part["rows"] for name, part in parts.items()} | kept_out
        return ", ".join(f"{name} {rows:,}" for name, rows in counts.items())

    def _audit(self, report: dict[str, Any]) -> str:
        from sparring.leakage import AuditColumns, AuditOptions, audit_split

        table, leakage = self.config.table, self.config.leakage
        # Keys are left out: ingest has proved that no two rows share one.
        columns = AuditColumns(
            numbers=[*table.features.numeric, *table.features.cyclic],
            moments=table.features.timestamp,
            categories=table.features.categorical,
            label=table.label,
            groups=table.group,
            # Deduplication has told copies from coincidences, by all columns.
            clusters=[CLUSTER],
            time=table.time,
        )
        rows = self._session().read.parquet(self.path("split"))
        found = audit_split(
            # The label as 0 and 1, under the name that its owner knows.
            rows.drop(table.label).withColumnRenamed(LABEL, table.label),
            list(self.config.split.shares),
            columns=columns,
            options=AuditOptions(leakage.near, leakage.near_threshold),
            split_col=SPLIT,
            seed=self.config.seed,
        )
        report.update(found.to_dict())
        return f"{len(found.findings)} findings, the worst {found.worst}" if found.findings else "no finding"

    def _prepare(self, report: dict[str, Any]) -> str:
        rows = self._session().read.parquet(self.path("split"))
        # Rows in a gap, or without a time, are in the folder and on record, not in the matrix.
        used = rows.where(named(SPLIT).isin(list(self.config.split.shares)))
        return self._write_matrix(used, "prepare", report)

    def _naive(self, report: dict[str, Any]) -> str:
        """Split the rows as if nothing could leak: no deduplication, no groups."""
        from sparring.data.canonical import canonical_hash

        rows = accepted(self._session(), self.path("ingest"))
        twin = self.config.table.group or self.config.table.features.columns
        chosen = self._splitter([]).transform(rows)
        twins = chosen.withColumn(GROUP, canonical_hash(twin, rows.schema))
        return self._write_matrix(twins, "naive", report)

    # -- contenders --------------------------------------------------------------------------------------------

    def _isolation(self) -> str:
        spark = active_session()
        master = (spark.sparkContext.master if spark is not None else None) or "local"
        isolation = choose_isolation(self.config.resources.isolation, master)
        if isolation == "process":
            self._release_spark()
        return isolation

    def _takes_part(self, contender: ContenderConfig, basis: str) -> bool:
        """Return whether a contender is to be trained, or was on the same rows."""
        return contender.name in self.only or self._is_trained(contender.name, self._task(contender), basis)

    def _is_trained(self, name: str, task: TrainingSpec, basis: str) -> bool:
        stage = f"train {name}"
        return (
            self.manifest.current(stage, _basis_of_task(task, basis)) and self.manifest.report(stage)["status"] == "ok"
        )

    def _task(self, contender: ContenderConfig) -> TrainingSpec:
        return TrainingSpec.of(
            contender, self.config, self.path("prepare"), self.path("train", contender.name), "binary", {}
        )

    def _contender(self, contender: ContenderConfig, basis: str, isolation: str, which: str) -> dict[str, Any]:
        return self._train(contender.name, self._task(contender), basis, isolation, which)

    def _naive_contender(self, basis: str, isolation: str) -> dict[str, Any] | None:
        """Train the leak check's contender once more, on the naive split."""
        contender = self.config.leak_contender
        task = TrainingSpec.of(contender, self.config, self.path("naive"), self.path("naive", "train"), "binary", {})
        return self._train(f"naive {contender.name}", task, basis, isolation)

    def _train(self, name: str, task: TrainingSpec, basis: str, isolation: str, which: str = "") -> dict[str, Any]:
        if self._is_trained(name, task, basis):
            self.progress.reused(name)
            found: dict[str, Any] = storage.read_json(storage.join(task.folder, "result.json"))
            return found
        what = f"{task.family} on {task.engine}{which}"
        with (
            self.progress.stage(name, what) as shown,
            self.manifest.stage(f"train {name}", _basis_of_task(task, basis)) as report,
        ):
            result = run_contender(task, isolation)
            if result["status"] == "ok":
                check_predictions(task.name, task.matrix, task.predictions)
            report["status"] = result["status"]
            (shown.say if result["status"] == "ok" else shown.fail)(_told(result))
        return result

    # -- helpers -----------------------------------------------------------------------------------------------

    def _kept_columns(self) -> list[str]:
        """Return the columns of the accepted rows that deduplication reads besides the hash of what is equal."""
        by_column = self.config.deduplicate.survivor.partition(":")[2]
        near = self.config.deduplicate.near
        return [*([by_column] if by_column else []), *(near.columns if near else [])]

    def _roles(self) -> dict[str, str | None]:
        """Return the columns of the accepted rows that deduplication needs besides."""
        return {"key": KEY, "label": LABEL, "time": self.config.table.time}

    def _require_enough(self, found: IngestReport) -> None:
        """Raise where a class has too few rows for every part; times and groups are looked at once they are split."""
        from sparring.model_selection.classes import require_enough

        if self.config.split.method == "stratified":
            positive, shares = found.positive, self.config.split.shares
            require_enough(found.classes, self.config.table.label, positive, shares)

    def _time_type(self, rows: DataFrame) -> str:
        """Return the type of ``table.time`` as its table has it; as a feature it may be a number by now.

        Raises
        ------
        TableError
            If rows cannot be ordered by it exactly: it is a fraction, or true or false.
        """
        column = rows.schema[str(self.config.table.time)]
        found = str(column.metadata.get(RAW_TYPE, column.dataType.simpleString()))
        if found.startswith(("double", "float", "decimal", "boolean")):
            raise TableError(
                f"table.time: column {column.name!r} must be a time, a date, text or a whole number for split.method "
                f"'time'; it is {found}",
                "Convert the column, for example to a timestamp.",
            )
        return found

    def _check_near(self, frame: DataFrame) -> None:
        """Raise where a compared column is of a type that cannot be compared so."""
        from sparring.dedup.write import near_stage

        if self.config.deduplicate.near is not None:
            near_stage(self.config.deduplicate, self._roles(), self.config.seed).transformSchema(frame.schema)

    def _by_hash(self, rows: DataFrame, cluster: str | None) -> DataFrame:
        return self._splitter(self.config.table.group, cluster).transform(rows)

    def _by_time(self, rows: DataFrame) -> DataFrame:
        from pyspark.sql import functions as F

        from sparring.model_selection import TimeSplitter

        split, time = self.config.split, str(self.config.table.time)
        kind = self._time_type(rows)
        # Text that is no time makes the row undated; a whole number that is a feature too was made a fraction.
        target = "timestamp" if kind == "string" else kind
        moment = named(time).cast(target) if dict(rows.dtypes)[time] in ("string", "double") else named(time)
        stage = TimeSplitter(
            timeCol=MOMENT,
            partNames=list(split.shares),
            weights=list(split.shares.values()),
            splitCol=SPLIT,
            gap=split.gap,
        )
        return stage.transform(rows.withColumn(MOMENT, moment)).withColumn(GROUP, F.col(KEY)).drop(MOMENT)

    def _splitter(self, group: list[str], cluster: str | None = None) -> Any:
        from sparring.model_selection import StratifiedSplitter

        shares = self.config.split.shares
        return StratifiedSplitter(
            stratifyCols=[LABEL] if self.config.split.stratify else [],
            keyCols=[KEY],
            groupCols=group,
            clusterCol=cluster,
            partNames=list(shares),
            weights=list(shares.values()),
            splitCol=SPLIT,
            groupIdCol=GROUP,
            seed=self.config.seed,
        )

    def _write_matrix(self, rows: DataFrame, name: str, report: dict[str, Any]) -> str:
        from sparring.feature.write import prepare

        config = self.config
        encoding = prepare(rows, config.table.features, config.prepare, config.seed, self.path(name))
        report.update(rows=sum(encoding.rows.values()), size=encoding.size, storage=encoding.storage)
        return f"{encoding.size} features, {encoding.storage}"

    def _session(self) -> SparkSession:
        if self._spark is None:
            resources = self.config.resources
            cores = resources.cores or available_cores()
            settings = s3a_settings([self.config.table.path or "", self.folder])
            spec = SessionSpec("sparring", cores, resources.memory, **settings)
            self._spark = get_session(spec)
            self._spark.sparkContext.setLogLevel("ERROR")
        return self._spark

    def _check_shared(self) -> None:
        """Refuse a folder that the executors of this cluster, if it is one, do not share."""
        if not self._owns_session:
            master = self._session().sparkContext.master or "local"
            check_shared(self.folder, master, self.config.resources.shared_disk)

    def _count(self) -> str:
        """Return how far Spark's jobs are, for :class:`Progress`."""
        return tasks_done(self._spark) if self._spark is not None else ""

    def _end_spark(self) -> None:
        """After an interrupt: what a job would still write would come after it was deleted."""
        if self._spark is not None and self._owns_session:
            end_jvm()
            self._spark = None

    def _release_spark(self) -> None:
        if self._spark is not None and self._owns_session:
            stop_session(self._spark)
        self._spark = None


def _basis_of_task(task: TrainingSpec, basis: str) -> str:
    sagemaker = task.sagemaker if task.engine == "sagemaker" else None
    return basis_of(basis, task.hyperparameters, task.engine, task.family, task.cores, task.memory, sagemaker)


def _told(result: dict[str, Any]) -> str:
    """Return a contender's end in a few words."""
    if result["status"] != "ok":
        return f"failed: {result['error']['message']}"
    return f"fit {result['phases'].get('fit', 0.0):.1f} s"


def _split_version() -> int:
    # Only now, because it imports Spark.
    from sparring.model_selection import SPLIT_VERSION

    return SPLIT_VERSION
