"""Fitted models that score encoded rows without Spark, whatever engine trained them."""
