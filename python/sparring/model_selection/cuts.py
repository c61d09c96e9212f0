"""Exact quotas without sorting: a row's part is known from the places where the parts of its stratum end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from pyspark.sql import Column, DataFrame

from sparring.data.literal import with_facts
from sparring.engine import functions as F
from sparring.model_selection.hash_order import HASH, KEY, STRATUM, HashOrder, hash_order, with_place
from sparring.spark.reserved import quoted

CUTS = "sparring__cuts"
CUTS_KIND = "struct<hashes: array<bigint>, keys: array<string>, parts: array<string>>"
Quotas = Mapping[str, Sequence[int]]


def assign_by_quota(
    rows: DataFrame,
    stratum: str,
    key: str,
    quotas: Quotas,
    names: Sequence[str],
    output: str,
    seed: int,
    places: HashOrder | None = None,
) -> DataFrame:
    """Return ``rows`` with the part of each: the first quota of a stratum's hashes, the next one, and so on.

    Parameters
    ----------
    rows : DataFrame
    stratum : str
        Text column; its values are the keys of ``quotas``.
    key : str
        Text column that identifies a row.
    quotas : mapping of str to sequence of int
        Stratum -> rows of each part, summing to its rows.
    names : sequence of str
        Name of each part.
    output : str
        Name of the new column.
    seed : int
    places : HashOrder, optional
        Those of ``rows``, if they are known, which saves a pass.

    Notes
    -----
    Cost: what :func:`~sparring.model_selection.hash_order.hash_order` costs; no row shuffle.  The driver sees one
    place for each end of a part.
    """
    places = places or hash_order(rows, stratum, key, seed)
    ends = {name: list(accumulate(count for count in quota if count > 0))[:-1] for name, quota in quotas.items()}
    cuts = {
        name: {
            "hashes": [place.hash for place in found],
            "keys": [place.key for place in found],
            "parts": [part for part, count in zip(names, quotas[name], strict=True) if count > 0],
        }
        for name, found in places.at(ends).items()
    }
    informed = with_facts(with_place(rows, stratum, key, seed), STRATUM, cuts, CUTS, CUTS_KIND)
    most = max((len(some) for some in ends.values()), default=0)
    after = sum((_after(cut) for cut in range(most)), F.lit(0))
    part = F.get(F.col(f"{CUTS}.parts"), after)
    return informed.select(*[quoted(name) for name in rows.columns], part.alias(output))


def _after(cut: int) -> Column:
    """Return 1 if a row comes after that cut of its stratum; 0 also where the stratum has fewer."""
    # Keys only settle ties of hashes.  Not filter(): a lambda is not compiled, and takes longer than all the rest.
    hashed, key = (F.get(F.col(f"{CUTS}.{field}"), F.lit(cut)) for field in ("hashes", "keys"))
    later = (F.col(HASH) > hashed) | ((F.col(HASH) == hashed) & (F.col(KEY) > key))
    return F.when(later, 1).otherwise(0)
