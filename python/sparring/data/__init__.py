"""The table: reading it, checking its contract, quarantining bad rows; and the prepared matrix's files."""
