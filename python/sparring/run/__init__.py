"""A run: its stages in order, checks before them, the manifest, and what is made of a finished one."""
