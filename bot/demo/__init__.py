"""Stand-ins for the world outside, used by `aftercart demo` and by tests: Telegram (telegram.py) and a mailbox."""
