"""Inference: one table scored in real time, serverless, asynchronously, by batch transform or on Spark itself."""
