"""Who gets a ticket: departments, who is there, whose turn it is."""
