"""records: reading a table of records by a query, page by page or streamed."""
