"""One module per system served: its schemas, and how its files become records."""
