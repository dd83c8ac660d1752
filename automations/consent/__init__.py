"""Saying yes and no to mail: signing up with a second yes from the mailbox, and what leaving ends."""
