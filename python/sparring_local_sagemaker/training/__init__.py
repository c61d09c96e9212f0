"""Training jobs that really run: channels, hosts, checkpoints, statuses."""
