"""Sparring: should this model be trained on Spark, on SageMaker or on one machine?

The package is laid out in the order data flows: ``data`` -> ``dedup`` -> ``model_selection`` -> ``feature``
-> ``training`` (and ``sagemaker``) -> ``evaluation`` -> ``comparison`` -> ``report``.  ``pipeline`` runs them.
"""

__version__ = "0.1.0"
