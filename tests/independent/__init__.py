"""A second client and a second endpoint, written from the documentation alone."""
