"""sync: files to a target, through the outbox. Scan, settle, parse, put (on disk), lease, deliver, acknowledge."""
