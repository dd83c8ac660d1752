"""What leaves us. Start reading at outbox.py: queue() in the caller's transaction, deliver_due() afterwards."""
