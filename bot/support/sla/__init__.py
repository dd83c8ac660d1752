"""Promises in time: which one holds, the clock of it, and how well they were kept."""
