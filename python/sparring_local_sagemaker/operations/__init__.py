"""SageMaker's operations, a file a resource."""
