"""What pauses, reopening, merging, splitting, spam and edited promises do to the clocks of a ticket."""

from clockwork import CALENDARS, Tale

FRT, NRT, RT, FIXED = "first_response", "next_response", "resolution", "fixed"
ALL = {FRT: 60, NRT: 60, RT: 3600}


def at(time: str) -> str:
    return f"2026-03-04 {time}"


def _ticket(ticket_id: int = 1, time: str = "12:00:00", **promised: int) -> Tale:
    return Tale("A", promised or ALL, ticket_id).opened(at(time))


def _states(tale: Tale) -> list[tuple[str, int, str, str | None]]:
    return [(one.metric, one.cycle, one.state, one.cause or one.reason) for one in tale.folded().clocks]


def _start(tale: Tale, metric: str, cycle: int = 1) -> object:
    clock = tale.clock(metric, cycle)
    return clock.start_at if clock else None


def test_the_next_answer_is_owed_to_the_oldest_word_and_only_after_the_first_answer() -> None:
    tale = _ticket().said(at("12:00:10"))
    assert tale.clock(NRT) is None
    tale.answered(at("12:00:20")).said(at("12:01:00")).said(at("12:01:30"))
    assert _start(tale, NRT) == tale.folded().waiting_since == tale.at(at("12:01:00"))


def test_an_answer_that_was_accepted_before_the_customer_wrote_does_not_answer_them() -> None:
    tale = _ticket().said(at("12:00:21")).answered(at("12:00:20"))  # written down the other way round
    assert [one[::2] for one in _states(tale) if one[0] != RT] == [(FRT, "met"), (NRT, "running")]


def test_waiting_for_the_customer_pauses_the_resolution_to_the_millisecond() -> None:
    tale = _ticket().answered(at("12:00:30")).turned(at("12:00:30.250"), "waiting_customer")
    paused = tale.clock(RT)
    assert paused is not None and paused.state == "paused"
    tale.said(at("14:00:30.750")).turned(at("14:00:30.750"), "open")
    clock = tale.clock(RT)
    assert clock is not None and (clock.state, clock.target_at) == ("running", tale.at(at("15:00:00.500")))


def test_pauses_stay_when_the_promise_changes() -> None:
    tale = _ticket().answered(at("12:00:30")).turned(at("12:10:00"), "snoozed").turned(at("13:10:00"), "open")
    tale.promise(at("13:11:00"), **{RT: 7200})
    clock = tale.clock(RT)
    assert clock is not None and clock.target_at == tale.at(at("15:00:00"))


def test_a_shorter_promise_that_had_run_out_before_the_pause_is_missed_when_it_is_made() -> None:
    tale = _ticket().answered(at("12:00:30")).turned(at("12:30:00"), "snoozed").promise(at("12:40:00"), **{RT: 600})
    clock = tale.clock(RT)
    assert clock is not None and (clock.state, clock.cause) == ("breached", "retarget")
    assert clock.breached_at == tale.at(at("12:40:00"))


def test_a_resolution_that_ran_out_before_a_pause_is_missed() -> None:
    tale = _ticket().answered(at("12:00:30")).turned(at("13:00:01"), "waiting_customer")
    assert (RT, 1, "breached", None) in _states(tale)


def test_closing_what_had_run_out_leaves_it_missed() -> None:
    assert (FRT, 1, "breached", None) in _states(_ticket().turned(at("12:01:01"), "resolved"))


def test_reopened_time_shares_the_budget_and_the_earlier_verdict_stays() -> None:
    tale = _ticket().answered(at("12:00:30")).turned(at("12:40:00"), "resolved").said(at("18:00:00"))
    tale.turned(at("18:00:00"), "open").answered(at("18:00:30")).turned(at("18:20:01"), "resolved")
    assert [one for one in _states(tale) if one[0] == RT] == [(RT, 1, "met", None), (RT, 2, "breached", None)]
    assert [one for one in _states(tale) if one[0] == FRT] == [(FRT, 1, "met", None)]


def test_words_that_nobody_had_seen_when_it_was_closed_still_wait() -> None:
    tale = _ticket().answered(at("12:00:30")).turned(at("12:10:05"), "resolved")
    tale.said(at("12:10:00")).turned(at("12:10:10"), "open", "customer")
    assert (NRT, 1, "running", None) in _states(tale)
    assert tale.folded().waiting_since == tale.at(at("12:10:00"))


def test_our_own_queue_is_named_when_it_made_the_miss() -> None:
    tale = Tale("A", ALL).opened(at("12:00:00"))
    tale.tell(at("12:00:50"), "relayed", "bot", said=tale.events[-1].data["said"], seconds=50)
    assert (FRT, 1, "breached", "queue_delay") in _states(tale.answered(at("12:01:30")))


def test_a_metric_that_is_not_promised_any_more_is_left_out_and_comes_back_with_its_start() -> None:
    tale = _ticket().promise(at("12:00:10"), **{RT: 3600})
    assert (FRT, 1, "cancelled", "withdrawn") in _states(tale)
    tale.promise(at("12:00:20"), **ALL)
    assert (FRT, 1, "running", None) in _states(tale) and _start(tale, FRT) == tale.at(at("12:00:00"))


def test_edited_opening_hours_count_for_what_runs_and_not_for_what_is_settled() -> None:
    tale = Tale("B", {FRT: 4 * 3600, NRT: 4 * 3600}).opened(at("10:00")).answered(at("11:00")).said(at("15:00"))
    tale.promise(at("16:00"), "D")
    first, following = tale.folded().clocks
    assert first.calendar_version == CALENDARS["B"].version
    assert (following.calendar_version, following.target_at) == (CALENDARS["D"].version, tale.at(at("19:00")))


def test_spam_leaves_out_what_runs_and_taking_it_back_restores_the_start() -> None:
    tale = _ticket().tell(at("12:00:10"), "spam", "staff:7").turned(at("12:00:10"), "resolved")
    assert {one[2:] for one in _states(tale)} == {("cancelled", "spam")}
    tale.turned(at("12:00:40"), "open").tell(at("12:00:40"), "unspam", "staff:7")
    assert {one[2:] for one in _states(tale)} == {("running", None)}
    assert _start(tale, FRT) == tale.at(at("12:00:00"))


def test_a_merge_takes_over_the_earlier_start_and_erases_no_miss() -> None:
    gone, kept = _ticket(1, "12:00:00"), _ticket(2, "12:00:30")
    gone.tell(at("12:00:40"), "merged", "staff:7", into=2)
    kept.others = {1: gone.events}
    kept.tell(at("12:00:40"), "merged_from", "staff:7", ticket=1)
    assert {one[2:] for one in _states(gone)} == {("cancelled", "merged")}
    assert _start(kept, FRT) == kept.at(at("12:00:00"))
    late = _ticket(1, "11:00:00").tell(at("12:00:40"), "merged", "staff:7", into=2)
    assert (FRT, 1, "breached", None) in _states(late)


def test_an_answer_in_the_ticket_that_goes_is_none_in_the_one_that_stays() -> None:
    gone, kept = _ticket(1, "12:00:00").answered(at("12:00:10")), _ticket(2, "12:00:05")
    kept.others = {1: gone.events}
    kept.tell(at("12:00:20"), "merged_from", "staff:7", ticket=1)
    assert (FRT, 1, "running", None) in _states(kept) and _start(kept, FRT) == kept.at(at("12:00:05"))


def test_an_unanswered_word_of_the_merged_ticket_waits_in_the_other() -> None:
    gone = _ticket(1, "12:00:00").answered(at("12:00:10")).said(at("12:00:50"))
    kept = _ticket(2, "12:00:05").answered(at("12:00:20"))
    kept.others = {1: gone.events}
    kept.tell(at("12:01:00"), "merged_from", "staff:7", ticket=1)
    assert _start(kept, NRT) == kept.at(at("12:00:50"))
    kept.answered(at("12:01:10"))
    assert (NRT, 1, "met", None) in _states(kept)


def test_a_merge_that_was_taken_back_is_as_if_it_had_never_been() -> None:
    gone, kept = _ticket(1, "12:00:00"), _ticket(2, "12:00:30")
    before = gone.folded().clocks, kept.folded().clocks
    gone.tell(at("12:00:40"), "merged", "staff:7", into=2).turned(at("12:00:40"), "resolved")
    kept.tell(at("12:00:40"), "merged_from", "staff:7", ticket=1)
    kept.tell(at("12:00:50"), "unmerged", "staff:7", **{"from": 1})
    gone.tell(at("12:00:50"), "unmerged", "staff:7", out_of=2).turned(at("12:00:50"), "new")
    gone.others, kept.others = {2: kept.events}, {1: gone.events}
    assert (gone.folded().clocks, kept.folded().clocks) == before


def test_split_words_wait_in_their_new_ticket_from_when_they_were_said() -> None:
    old = _ticket(1).answered(at("12:00:10")).said(at("12:01:00"), 51).said(at("12:01:20"), 52)
    new = Tale("A", ALL, 2).opened(at("12:01:20"), "staff")
    new.others = {1: old.events}
    new.tell(at("12:01:30"), "split_from", "staff:7", ticket=1, lines=[52])
    old.tell(at("12:01:30"), "split", "staff:7", into=2, lines=[52])
    assert new.clock(FRT) is None and _start(new, NRT) == new.at(at("12:01:20"))
    assert _start(old, NRT) == old.at(at("12:01:00"))
    old.tell(at("12:01:40"), "split", "staff:7", into=3, lines=[51])
    assert (NRT, 1, "cancelled", "split") in _states(old)


def test_a_complaint_runs_until_the_customer_says_that_it_is_fixed() -> None:
    tale = _ticket().answered(at("12:00:30"))
    tale.tell(at("12:10:00"), "kind_changed", "staff:7", old="question", new="complaint")
    tale.promise(at("12:10:00"), **ALL, **{FIXED: 3600}).turned(at("12:30:00"), "resolved")
    assert (FIXED, 1, "paused", None) in _states(tale)
    assert (FIXED, 1, "met", None) in _states(tale.tell(at("20:00:00"), "fixed"))
    tale.tell(at("20:00:10"), "not_fixed").turned(at("20:00:10"), "open", "customer")
    assert (FIXED, 2, "running", None) in _states(tale)


def test_the_bot_in_front_is_counted_apart_and_may_solve_it() -> None:
    tale = Tale("A", ALL).opened(at("12:00:00")).tell(at("12:00:02"), "auto_answered", "bot", said=2)
    clock = tale.clock(FRT)
    assert clock is not None and (clock.state, clock.auto_answered_at) == ("running", tale.at(at("12:00:02")))
    assert (FRT, 1, "cancelled", "bot_resolved") in _states(tale.turned(at("12:00:20"), "resolved", "customer"))


def test_a_visitor_who_leaves_before_it_is_due_is_left_out_and_after_it_missed() -> None:
    assert (FRT, 1, "cancelled", "abandoned") in _states(_ticket().tell(at("12:00:20"), "left"))
    assert (FRT, 1, "breached", None) in _states(_ticket().tell(at("12:01:01"), "left"))


def test_words_that_came_in_after_the_answer_wait_whatever_second_they_carry() -> None:
    tale = Tale("A", {FRT: 60, NRT: 60}).opened(at("12:00:00")).answered(at("12:00:30.500")).said(at("12:00:30"))
    running = [clock for clock in tale.folded().clocks if clock.state == "running"]
    assert [(clock.metric, clock.start_at.second) for clock in running] == [("next_response", 30)]
    assert tale.folded().waiting_since is not None


def test_a_ticket_taken_up_again_goes_on_by_the_promise_of_now() -> None:
    tale = Tale("A", {FRT: 60, RT: 8 * 3600}).opened(at("09:00:00")).answered(at("09:00:30"))
    tale.promise(at("09:10:00"), **{FRT: 60, RT: 3600}).turned(at("09:30:00"), "resolved")
    tale.said(at("12:00:00")).turned(at("12:00:00"), "open", "customer")
    again = tale.folded().clocks[-1]
    assert (again.cycle, again.target_seconds, again.target_at.strftime("%H:%M")) == (2, 3600, "12:30")


def test_a_closed_ticket_that_became_a_complaint_has_its_clock_once_it_is_open() -> None:
    tale = Tale("A", {FRT: 60, RT: 3600}).opened(at("09:00:00")).answered(at("09:00:30"))
    tale.turned(at("09:10:00"), "resolved").promise(at("09:20:00"), **{FRT: 60, RT: 3600, FIXED: 7200})
    tale.turned(at("09:30:00"), "open")
    fixed = [clock for clock in tale.folded().clocks if clock.metric == FIXED]
    assert [(clock.state, clock.start_at.strftime("%H:%M")) for clock in fixed] == [("running", "09:30")]
