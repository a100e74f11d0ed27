"""Which window of the edge store to copy next, and what to think of each row."""
