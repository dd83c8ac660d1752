"""Where customers stand (scores, tiers) and the segments that flows and broadcasts are for."""
