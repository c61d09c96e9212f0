"""Removal of duplicates: rows that are equal, and the clusters they form."""

from typing import TYPE_CHECKING

from sparring.io.exports import exported

if TYPE_CHECKING:
    from sparring.dedup.exact import Deduplicator as Deduplicator
    from sparring.dedup.near import NearDeduplicator as NearDeduplicator
    from sparring.dedup.report import DuplicateReport as DuplicateReport

__all__, __getattr__ = exported(
    __name__,
    {
        "exact": ["Deduplicator"],
        "near": ["NearDeduplicator"],
        "report": ["DuplicateReport"],
    },
)
