"""What the bot does by itself: ready answers, order status, and the proof of who asks."""
