"""record: add records as they happen, through the outbox; search, count, archive and follow them."""
