"""Files and archives, wherever they lie."""
