"""Settings: layers with provenance, named places, secrets. Imports ops and core only."""
