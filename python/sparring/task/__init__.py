"""What kind of problem it is, and all that follows from it."""
