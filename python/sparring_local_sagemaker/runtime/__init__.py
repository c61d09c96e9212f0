"""Serving: containers as local processes behind endpoints and batch transform jobs."""
