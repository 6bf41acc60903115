"""Commands: flags in, report out. `main` holds the one error boundary."""
