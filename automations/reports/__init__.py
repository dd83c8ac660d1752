"""What became of the flows, and why somebody got a mail or not."""
