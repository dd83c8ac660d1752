"""What a customer may ask of us about their data: a copy of it, and to be forgotten."""
