"""What the data half is written in: expressions over columns that Spark and one machine evaluate alike.

Stages speak pyspark's own language (``F.col``, ``frame.groupBy``), nothing else, and are written once.  Spark evaluates
a frame of Spark; :mod:`sparring.one_machine` evaluates its own frames, without a JVM.
"""
