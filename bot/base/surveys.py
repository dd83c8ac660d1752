"""The two surveys: how likely they would recommend the shop (nps, 0 to 10), how satisfied they are (csat, 1 to 5)."""

from collections.abc import Mapping, Sequence

SCORES: Mapping[str, Sequence[int]] = {"nps": range(11), "csat": range(1, 6)}
LOW: Mapping[str, int] = {"nps": 6, "csat": 2}
"""The highest score that somebody should look after."""

HAPPY = 4
"""From this score on a csat answer counts as satisfied."""

PROMOTES = 9
"""From this score on an nps answer counts as a promoter; low ones are detractors, those between neither."""
