"""The hand-off to SageMaker: training jobs and endpoints from Spark, and a local emulator to run them on."""
