"""One module an adapter, named after what it adapts."""
