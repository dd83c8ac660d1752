"""What reaches us. A door unpacks, checks, calls one decision, and commits."""
