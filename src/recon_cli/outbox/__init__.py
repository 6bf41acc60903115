"""The durable queue between files and a target, and its dead letters."""
