"""FileStore: where bytes live."""
