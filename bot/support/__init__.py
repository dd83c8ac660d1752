"""Decisions of customer service: rows, settings and `now` in, changed rows out. No door, no commit."""
