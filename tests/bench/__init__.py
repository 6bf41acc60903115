"""Benchmarks: whole commands of ours and of others, run in turn; see docs/performance.md."""
