"""Who is in which arm of a comparison, and what may be said about it."""
