"""The hand-off to SageMaker: training jobs and endpoints from Spark, and a local stand-in to run them on."""
