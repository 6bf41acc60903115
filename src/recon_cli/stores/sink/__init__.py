"""Sinks: targets that take rows again and again and end the same. tests/stores/sink/conformance.py holds them."""
