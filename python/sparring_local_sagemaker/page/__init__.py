"""The web page at the server's root."""
