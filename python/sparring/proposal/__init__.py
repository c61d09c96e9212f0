"""The proposal of a configuration for a table."""
