"""What all tests share: pytest's own tool for testing plugins, and the Node client."""

pytest_plugins = ["pytester", "node"]
