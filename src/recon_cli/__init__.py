"""The operator's toolkit that keeps the records of small services alive."""

__version__ = "0.1.0"
