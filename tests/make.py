"""Builders for tests: rows with sensible values, so that a test names only what it is about."""
