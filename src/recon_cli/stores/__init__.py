"""RecordStore: where records live."""
