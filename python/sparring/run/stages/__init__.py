"""The stages of a run, one module each, in the order data flows."""

from sparring.run.stages.audit import Audit
from sparring.run.stages.deduplicate import Deduplicate
from sparring.run.stages.ingest import Ingest
from sparring.run.stages.prepare import NaiveSplit, Prepare
from sparring.run.stages.split import Split
from sparring.run.stages.train import Train, TrainNaive

__all__ = ["Audit", "Deduplicate", "Ingest", "NaiveSplit", "Prepare", "Split", "Train", "TrainNaive"]
