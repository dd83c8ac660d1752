"""Every worked example of the promises, told as a history and folded into clocks."""

from collections.abc import Callable
from typing import Any

import pytest
from clockwork import Tale

HOUR = 3600
FRT, NRT, RT = "first_response", "next_response", "resolution"


def _tale(calendar: str, **promised: int) -> Tale:
    return Tale(calendar, promised)


def _frt(calendar: str, seconds: int, at: str) -> Tale:
    return _tale(calendar, first_response=seconds).opened(at)


def _row_2() -> Tale:
    tale = _frt("A", 30, "2026-03-04 12:00:00").tell("2026-03-04 12:00:01", "auto_answered", "bot", said=2)
    return tale.tell("2026-03-04 12:00:10", "noted", "staff:7", said=3).answered("2026-03-04 12:00:31")


def _row_16() -> Tale:
    tale = _tale("B", first_response=HOUR, next_response=4 * HOUR, resolution=8 * HOUR).opened("2026-03-02 09:00")
    tale.answered("2026-03-02 09:30").turned("2026-03-02 12:00", "resolved")
    return tale.said("2026-03-04 10:00").turned("2026-03-04 10:00", "open", "customer")


def _row_18() -> Tale:
    tale = _tale("A", first_response=60, next_response=60).opened("2026-03-04 09:00").answered("2026-03-04 09:00:30")
    tale.said("2026-03-04 10:00:00").turned("2026-03-04 10:00:10", "snoozed")
    return tale.tell("2026-03-04 10:01:00.001", "timer_breached", "clock", metric=NRT, cycle=1)


def _row_19(raised: str) -> Tale:
    tale = _frt("B", 4 * HOUR, "2026-03-04 10:00")
    return tale.tell(raised, "priority_changed", old="normal", new="urgent").promise(raised, first_response=HOUR)


def _row_23() -> Tale:
    written = {"agent_at": "2026-03-04T12:00:20+00:00", "why": "blocked", "said": 4}
    return _frt("A", 30, "2026-03-04 12:00:00").tell("2026-03-04 12:00:22", "not_delivered", "bot", **written)


def _row_25() -> Tale:
    tale = _tale("A", first_response=30, next_response=300).opened("2026-03-04 09:00", "staff")
    return tale.said("2026-03-04 09:30").answered("2026-03-04 09:34")


def _row_28() -> Tale:
    tale = _tale("A", first_response=60, next_response=60).opened("2026-03-04 09:00").answered("2026-03-04 09:00:30")
    return tale.said("2026-03-04 10:00:00").tell("2026-03-04 10:00:30", "no_reply_needed", "staff:7")


_MET: dict[str, Any] = {"state": "met"}
_RUNS: dict[str, Any] = {"state": "running"}
_NOON = "2026-03-04 12:00:00"

ROWS: list[tuple[str, Callable[[], Tale], str, str, dict[str, Any]]] = [
    (
        "1 a second message moves nothing and equality is met",
        lambda: _frt("A", 30, _NOON).said("2026-03-04 12:00:20").answered("2026-03-04 12:00:30"),
        FRT, "2026-03-04 12:00:30", _MET,
    ),
    ("2 neither the bot nor a note answers", _row_2, FRT, "2026-03-04 12:00:30", {"state": "breached", "cause": None}),
    (
        "3 an answer outside of the hours counts",
        lambda: _frt("B", 4 * HOUR, "2026-03-06 15:30").answered("2026-03-08 20:00"),
        FRT, "2026-03-09T10:30:00Z", _MET,
    ),
    ("4 summer time begins", lambda: _frt("B", 4 * HOUR, "2026-03-27 16:00"), FRT, "2026-03-30T10:00:00Z", _RUNS),
    ("5 four real hours", lambda: _frt("D", 4 * HOUR, "2026-10-25 00:30"), FRT, "2026-10-25T02:30:00Z", _RUNS),
    (
        "8 a shift past midnight",
        lambda: _tale("N", resolution=4 * HOUR).opened("2026-06-11 05:30"),
        RT, "2026-06-11T23:30:00Z", _RUNS,
    ),
    (
        "9 a closed date takes the night before with it",
        lambda: _tale("N date", resolution=4 * HOUR).opened("2026-06-11 05:30"),
        RT, "2026-06-15 23:30", _RUNS,
    ),
    (
        "10 a closed shift leaves the night before",
        lambda: _tale("N shift", resolution=4 * HOUR).opened("2026-06-11 05:30"),
        RT, "2026-06-12 01:30", _RUNS,
    ),
    ("12 a short day", lambda: _frt("H", 4 * HOUR, "2026-12-23 16:00"), FRT, "2026-12-24T11:00:00Z", _RUNS),
    ("12 and a second", lambda: _frt("H", 4 * HOUR + 1, "2026-12-23 16:00"), FRT, "2026-12-28 09:00:01", _RUNS),
    ("14 a start at closing", lambda: _frt("B", 1800, "2026-03-04 17:00"), FRT, "2026-03-05 09:30", _RUNS),
    ("14 an end at closing", lambda: _frt("B", 1800, "2026-03-04 16:30"), FRT, "2026-03-04 17:00", _RUNS),
    ("16 the resolution goes on", _row_16, RT, "2026-03-04 15:00", {"state": "running", "cycle": 2}),
    ("16 a next answer is owed", _row_16, NRT, "2026-03-04 14:00", _RUNS),
    ("16 the first one is not owed again", _row_16, FRT, "2026-03-02 10:00", {"state": "met", "cycle": 1}),
    ("18 a snooze does not stop it", _row_18, NRT, "2026-03-04 10:01:00", {"state": "breached"}),
    ("19 raised early", lambda: _row_19("2026-03-04 10:20"), FRT, "2026-03-04 11:00", _RUNS),
    (
        "19 raised late",
        lambda: _row_19("2026-03-04 11:30"),
        FRT, "2026-03-04 11:00", {"state": "breached", "cause": "retarget", "breached_at": "2026-03-04 11:30"},
    ),
    (
        "21 a weekend",
        lambda: _frt("B", 30, "2026-03-07 14:00").answered("2026-03-09 09:00:10"),
        FRT, "2026-03-09 09:00:30", _MET,
    ),
    (
        "22 we delivered late",
        lambda: _frt("A", 30, _NOON).answered("2026-03-04 12:00:33", "2026-03-04 12:00:25"),
        FRT, "2026-03-04 12:00:30", {"state": "breached", "cause": "delivery_delay"},
    ),
    ("23 blocked", _row_23, FRT, "2026-03-04 12:00:30", {"state": "cancelled", "reason": "unreachable"}),
    ("25 staff began", _row_25, NRT, "2026-03-04 09:35", _MET),
    (
        "26 closed without an answer",
        lambda: _frt("A", 30, _NOON).turned("2026-03-04 12:00:20", "resolved"),
        FRT, "2026-03-04 12:00:30", {"state": "cancelled", "reason": "closed_without_reply"},
    ),
    ("28 thanks", _row_28, NRT, "2026-03-04 10:01:00", {"state": "cancelled", "reason": "no_reply_needed"}),
    ("split day", lambda: _frt("S", HOUR, "2026-03-04 11:30"), FRT, "2026-03-04 14:00", _RUNS),
    ("New York", lambda: _frt("NY", 2 * HOUR, "2026-03-06 17:00"), FRT, "2026-03-09 10:00", _RUNS),
    ("Kolkata", lambda: _frt("K", 2 * HOUR, "2026-03-07 18:00"), FRT, "2026-03-09 11:00", _RUNS),
]  # fmt: skip


@pytest.mark.parametrize(("told", "metric", "due", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_worked_examples(told: Callable[[], Tale], metric: str, due: str, verdict: dict[str, Any]) -> None:
    tale = told()
    (clock,) = [one for one in tale.folded().clocks if one.metric == metric and one.cycle == verdict.get("cycle", 1)]
    times = {name: tale.at(value) for name, value in verdict.items() if name.endswith("_at")}
    assert clock.target_at == tale.at(due)
    for name, value in (verdict | times).items():
        assert getattr(clock, name) == value, name


def test_a_ticket_that_staff_began_owes_no_first_answer() -> None:
    assert _row_25().clock(FRT) is None


def test_an_absence_mail_writes_nothing_and_so_starts_nothing() -> None:
    tale = _frt("B", 4 * HOUR, "2026-03-02 09:00").answered("2026-03-02 09:30")
    before = tale.folded()
    assert [clock.state for clock in before.clocks] == ["met"] and before.waiting_since is None
