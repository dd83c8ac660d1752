"""Practice with scripted customers."""
