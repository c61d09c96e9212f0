"""pyspark.ml stages over trainers: learners of one machine, and SageMaker's."""
