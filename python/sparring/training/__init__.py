"""Training: one prepared matrix, one task, three engines.

``task`` says what to train, ``runner`` trains it in its own process, ``mllib``, ``single_node`` and ``sagemaker``
are the engines, ``estimators`` offers the single-machine learners as pyspark.ml stages.
"""
