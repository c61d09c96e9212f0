"""What a run would do, told before any of it is done: the table is read and checked, nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.config.schema import RunConfig
from sparring.data.ingest import check_accepted, open_table
from sparring.run.context import RunContext
from sparring.run.plan import describe_plan, preview
from sparring.run.preflight import check_task
from sparring.run.stages.deduplicate import roles
from sparring.run.stages.ingest import kept_columns, require_rows_for_parts
from sparring.run.stages.split import time_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def dry_run(run: RunContext, config: RunConfig) -> list[tuple[str, str]]:
    """Return each step of a run and what it would do.

    Parameters
    ----------
    run : RunContext
    config : RunConfig
        With the contenders that are to be trained.

    Raises
    ------
    SparringError
        For everything that can be known before training.
    """
    opened = open_table(run.session(), config.table, kept_columns(config), config.deduplicate)
    _check_near(opened.rows, config)
    if config.split.method == "time":
        time_type(opened.rows, config)
    check_task(config, opened.task)
    found = check_accepted(opened.rows, config.table, opened)
    require_rows_for_parts(found, config)
    return describe_plan(config, found, opened.reading, preview(opened, config), run.folder)


def _check_near(rows: DataFrame, config: RunConfig) -> None:
    """Raise where a compared column is of a type that cannot be compared so."""
    from sparring.dedup.write import near_stage

    if config.deduplicate.near is not None:
        near_stage(config.deduplicate, roles(config), config.seed).transformSchema(rows.schema)
