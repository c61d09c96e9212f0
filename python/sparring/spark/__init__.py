"""Spark itself: the session, its workers and jars, the doctor, and how batches of rows go through a job."""
