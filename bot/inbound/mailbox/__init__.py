"""Mail that reaches us: read by IMAP, stored first, then taken for what it is. Start reading at reading.py."""
