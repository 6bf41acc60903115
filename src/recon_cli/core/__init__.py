"""Pure decisions: records, plans, evidence, errors. No I/O, no clock, no randomness, no third-party imports."""
