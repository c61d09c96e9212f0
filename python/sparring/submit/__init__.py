"""A run as a platform's job: what is to be sent to EMR, EMR Serverless, Databricks or any Spark."""
