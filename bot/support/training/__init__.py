"""Practice with scripted customers: a ticket like any other, that no report knows of."""
