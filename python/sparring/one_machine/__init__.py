"""The engine without Spark: frames in the memory of one machine, with the methods of pyspark's that stages use.

:class:`~sparring.one_machine.session.OneMachine` stands for a session, :class:`~sparring.one_machine.frame.Frame` for
a DataFrame.  An expression is evaluated over whole columns of Arrow (:mod:`~sparring.one_machine.evaluate`), with
Spark's meaning down to the bit.
"""
