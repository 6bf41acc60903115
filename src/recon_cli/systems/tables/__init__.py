"""Tables that feeds write to: columns declared once for every engine, the statements that make them, what is amiss."""
