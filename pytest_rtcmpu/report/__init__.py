"""From results to what people and machines read: ledger, terminal, JSON, HTML, JUnit."""
