"""A case from the first word to the last: opened, answered, closed, and what is shown of it."""
