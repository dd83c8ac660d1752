"""May this message leave, and why not."""
