"""Removal of duplicates: rows that are equal, and the clusters they form."""

from sparring.dedup.canonical import canonical_hash
from sparring.dedup.exact import Deduplicator
from sparring.dedup.near import NearDeduplicator
from sparring.dedup.report import DuplicateReport

__all__ = ["Deduplicator", "DuplicateReport", "NearDeduplicator", "canonical_hash"]
