"""Mail of senders whom we do not know and nothing proves: in a rush of such it waits, bundled in one notice."""
