"""Serving a run's models: packed with their fitted preparation, taking raw rows, free of Spark."""
