"""What customers think: ratings, complaints, and the board of what should be better."""
