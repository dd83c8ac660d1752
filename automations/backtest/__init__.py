"""What a flow would have done: the real engine over recorded events, in a copy, with a clock that we move."""
