"""The only place that knows a terminal: reports, errors and progress as people and programs want to read them."""
