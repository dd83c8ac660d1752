"""One mail to a whole segment: who gets it, when, and what a person can do meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import newsroom
import pytest
import sqlalchemy as sa
import structlog
from newsroom import Newsroom
from shop_world import DAY, HOUR, MINUTE

from automations.audiences.segment import Segment
from automations.audiences.segment_watch import SegmentWatch
from automations.broadcasts import broadcast_files, control, preview
from automations.broadcasts.broadcast_files import Around
from automations.broadcasts.control import Standing
from automations.care import Care
from automations.definition import versions
from automations.definition.flow_files import Flows
from automations.gate.marketing import Marketing
from automations.reports import why
from bot import contacts
from bot.base import paths
from bot.base.config import Config
from bot.base.database import Database, table
from bot.base.errors import FindingsError
from bot.base.texts import Texts
from bot.outbound.email.templates import MailTemplates
from bot.outbound.outbox import Outbox
from bot.tables.automations import FlowVersion


@pytest.fixture
async def room(database: Database, texts: Texts) -> Newsroom:
    return await newsroom.opened(database, texts)


async def test_everybody_in_the_segment_gets_it_once(room: Newsroom) -> None:
    await room.readers(12)
    await room.shop.person("eve@example.org", consent=False)  # not in the segment of subscribers
    await room.starts()
    await room.passes(5 * MINUTE)
    assert sorted(room.addresses()) == sorted(f"reader{number}@example.org" for number in range(12))
    assert (await room.row())["status"] == "finished"
    found = await room.progress()
    assert (found.enrolled, found.sent, found.open, found.skipped) == (12, 12, 0, {})
    await room.passes(3 * DAY)
    assert len(room.addresses()) == 12


async def test_the_gate_decides_about_each_of_them_and_the_reason_is_kept(room: Newsroom) -> None:
    _, ben, _ = await room.readers(3)
    room.going.segments = newsroom.segments().with_one("everybody", _everybody())
    await room.starts(segment="everybody")  # whatever they allow: consent is asked at the gate
    async with room.shop.database.transaction() as session:
        await contacts.suppress(
            session, room.shop.ground.secret, "email", "reader1@example.org", "hard_bounce", room.shop.now
        )  # fmt: skip
    await room.passes(5 * MINUTE)
    assert sorted(room.addresses()) == ["reader0@example.org", "reader2@example.org"]
    assert (await room.progress()).skipped == {"suppressed": 1}
    async with room.shop.database.reading() as session:
        (told,) = await why.explain(session, ben, "broadcast:news")
    assert (told.status, told.reason) == ("skipped", "suppressed")


def _everybody() -> Segment:
    return Segment.model_validate({"not": {"tag": ["nobody_has_this"]}})


async def test_consent_taken_back_before_its_turn_counts(room: Newsroom) -> None:
    await room.readers(3)
    await room.starts(throttle="1 per 10m")
    await room.passes(MINUTE)
    assert len(room.addresses()) == 1
    async with room.shop.database.transaction() as session:
        found = await contacts.find_or_create(session, [("email", "reader2@example.org")], room.shop.now)
        await contacts.withdraw(
            session, room.shop.ground.secret, found.id, "email", "reader2@example.org", "marketing", "page",
            room.shop.now,
        )  # fmt: skip
    await room.passes(HOUR)
    assert sorted(room.addresses()) == ["reader0@example.org", "reader1@example.org"]
    assert (await room.progress()).skipped == {"unsubscribed": 1}


async def test_who_comes_into_the_segment_later_does_not_get_it(room: Newsroom) -> None:
    await room.readers(2)
    await room.starts(throttle="1 per 10m")
    await room.passes(MINUTE)
    await room.readers(2, "late")
    await room.passes(HOUR)
    assert sorted(room.addresses()) == ["reader0@example.org", "reader1@example.org"]


async def test_it_waits_for_its_time_in_the_zone_of_the_shop(room: Newsroom) -> None:
    await room.readers(2, timezone="Asia/Tokyo")
    await room.starts(when="2026-03-05 10:00", zone="Europe/Berlin")  # 09:00 UTC
    await room.passes(20 * HOUR)
    assert room.addresses() == [] and (await room.row())["status"] == "scheduled"
    await room.passes(2 * HOUR)
    assert len(room.addresses()) == 2
    assert {row["settled_at"] for row in await room.shop.written()} == {datetime(2026, 3, 5, 9, tzinfo=UTC)}


async def test_each_gets_it_at_their_own_local_time(room: Newsroom) -> None:
    await room.readers(1, "tokyo", timezone="Asia/Tokyo")
    await room.readers(1, "berlin", timezone="Europe/Berlin")
    await room.readers(1, "denver", country="US", timezone="America/Denver")
    await room.readers(1, "china", country="CN")  # no zone known but that of the country
    await room.starts(when="2026-03-06 10:00", zone="recipient")
    await room.passes(4 * DAY)
    at = {row["payload"].get("to") or row["receiver"]: row["settled_at"] for row in await room.shop.written()}
    assert at == {
        "tokyo0@example.org": datetime(2026, 3, 6, 1, tzinfo=UTC),
        "china0@example.org": datetime(2026, 3, 6, 2, tzinfo=UTC),
        "berlin0@example.org": datetime(2026, 3, 6, 9, tzinfo=UTC),
        "denver0@example.org": datetime(2026, 3, 6, 17, tzinfo=UTC),
    }


async def test_across_the_change_to_summer_time_it_is_still_ten_in_the_morning(room: Newsroom) -> None:
    room.shop.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    await room.readers(1, timezone="Europe/Berlin")
    await room.starts(when="2026-03-29 10:00", zone="recipient")
    await room.passes(2 * DAY)
    assert [row["settled_at"] for row in await room.shop.written()] == [datetime(2026, 3, 29, 8, tzinfo=UTC)]


@pytest.mark.parametrize(("late", "sent"), [("send", 2), ("skip", 1)])
async def test_whose_local_time_is_past_is_written_to_at_once_or_not_at_all(
    room: Newsroom, late: str, sent: int
) -> None:
    await room.readers(1, "tokyo", timezone="Asia/Tokyo")  # 10:00 there was eleven hours ago
    await room.readers(1, "denver", timezone="America/Denver")
    await room.starts(when="2026-03-04 10:00", zone="recipient", late=late, max_lateness="6h")
    await room.passes(MINUTE)
    assert room.addresses() == (["tokyo0@example.org"] if late == "send" else [])
    await room.passes(DAY)
    assert len(room.addresses()) == sent
    assert (await room.progress()).skipped == ({} if late == "send" else {"late": 1})


async def test_a_throttle_spaces_the_mails(room: Newsroom) -> None:
    await room.readers(30)
    began = room.shop.now
    await room.starts(throttle="6 per 1h")
    await room.passes(HOUR)
    assert 6 <= len(room.addresses()) <= 7
    found = await room.progress()
    assert found.finish is not None and timedelta(hours=4) < found.finish - began < timedelta(hours=5, minutes=1)
    await room.passes(5 * HOUR)
    handed = [row["handed_at"] for row in await room.shop.written()]
    assert len(handed) == 30 and min(newsroom.spread(handed)) >= 600 - 5


async def test_a_throttle_holds_after_a_time_without_the_program(room: Newsroom) -> None:
    await room.readers(30)
    await room.starts(throttle="6 per 1h")
    await room.passes(HOUR)
    await room.shop.sleeps(3 * HOUR)
    back = room.shop.now
    await room.passes(5 * HOUR)
    handed = [row["handed_at"] for row in await room.shop.written() if row["handed_at"] >= back]
    assert len(room.addresses()) == 30 and min(newsroom.spread(handed)) >= 600 - 60


async def test_without_a_throttle_what_waited_for_the_program_leaves_at_once(room: Newsroom) -> None:
    await room.readers(30)
    await room.starts()
    while (await room.row())["status"] != "sending":
        await room.going.run()
    await room.shop.sleeps(HOUR)
    await room.passes(MINUTE)
    assert len(room.addresses()) == 30


async def test_what_is_too_late_after_a_time_without_the_program_is_not_sent(room: Newsroom) -> None:
    await room.readers(4)
    await room.starts(throttle="1 per 1h", max_lateness="3h")
    await room.passes(MINUTE)
    await room.shop.sleeps(DAY)
    await room.passes(DAY)
    assert len(room.addresses()) == 1 and (await room.progress()).skipped == {"stale": 3}


async def test_paused_nothing_leaves_and_resumed_the_rest_does(room: Newsroom) -> None:
    await room.readers(6)
    await room.starts(throttle="1 per 10m")
    await room.passes(15 * MINUTE)
    assert len(room.addresses()) == 2
    async with room.shop.database.transaction() as session:
        await control.pause(session, "news", room.shop.now)
    await room.passes(2 * HOUR)
    assert len(room.addresses()) == 2 and (await room.progress()).open == 4
    async with room.shop.database.transaction() as session:
        await control.resume(session, "news", room.shop.now)
    back = room.shop.now
    await room.passes(2 * HOUR)
    assert len(room.addresses()) == 6
    handed = [row["handed_at"] for row in await room.shop.written() if row["handed_at"] >= back]
    assert min(newsroom.spread(handed)) >= 600 - 60
    assert (await room.row())["status"] == "finished"


async def test_resumed_without_what_is_late_the_others_get_it(room: Newsroom) -> None:
    await room.readers(6)
    await room.starts(throttle="1 per 10m")
    await room.passes(MINUTE)
    async with room.shop.database.transaction() as session:
        await control.pause(session, "news", room.shop.now)
    await room.passes(25 * MINUTE)
    async with room.shop.database.transaction() as session:
        await control.resume(session, "news", room.shop.now, "skip")
    await room.passes(2 * HOUR)
    found = await room.progress()
    assert (found.sent, found.skipped) == (4, {"stale": 2})


async def test_cancelled_nobody_else_gets_it(room: Newsroom) -> None:
    await room.readers(6)
    await room.starts(throttle="1 per 10m")
    await room.passes(15 * MINUTE)
    async with room.shop.database.transaction() as session:
        await control.cancel(session, "news", room.shop.now)
    await room.passes(DAY)
    found = await room.progress()
    assert (await room.row())["status"] == "cancelled"
    assert (found.sent, found.open, found.skipped) == (2, 0, {"cancelled": 4})
    assert len(await room.shop.enrolled()) == 6, "nothing of people is deleted"


async def test_cancelled_before_its_time_it_reaches_nobody(room: Newsroom) -> None:
    await room.readers(2)
    await room.starts(when="2026-03-06 10:00")
    await room.passes(MINUTE)
    async with room.shop.database.transaction() as session:
        await control.cancel(session, "news", room.shop.now)
    await room.passes(4 * DAY)
    assert room.addresses() == [] and (await room.row())["status"] == "cancelled"


async def test_it_is_started_once(room: Newsroom) -> None:
    await room.readers(1)
    standing = await room.starts()
    with pytest.raises(FindingsError, match="started already"):
        await room.starts()
    async with room.shop.database.transaction() as session:
        with pytest.raises(FindingsError, match="started already"):
            await control.start(session, room.shop.ground.config, standing, room.shop.now)
    with pytest.raises(FindingsError, match="is past"):
        await room.starts("older", when="2026-03-01 10:00")


async def test_quiet_hours_and_the_cap_hold_as_in_any_flow(database: Database, texts: Texts) -> None:
    room = await newsroom.opened(database, texts)
    await room.readers(2, timezone="Europe/Berlin")
    await room.starts("first", quiet_hours="shop", when="2026-03-04 22:30", zone="Europe/Berlin")
    await room.passes(9 * HOUR + 30 * MINUTE)  # 22:30 is 21:30 UTC: night until 08:00
    assert room.addresses() == []
    await room.passes(10 * HOUR)
    sent = [row["settled_at"] for row in await room.shop.written()]
    assert len(sent) == 2 and all(datetime(2026, 3, 5, 7, tzinfo=UTC) <= at for at in sent)
    await room.starts("second")
    await room.passes(5 * MINUTE)
    assert (await room.progress("second")).skipped == {"frequency_cap": 2}


async def test_a_hold_out_gets_nothing_and_is_counted(room: Newsroom) -> None:
    await room.readers(60)
    await room.starts(holdout=0.3)
    await room.passes(5 * MINUTE)
    found = await room.progress()
    assert found.withheld + found.sent == 60 and 6 < found.withheld < 30


async def test_the_hold_out_of_the_shop_is_the_same_people_as_in_its_flows(database: Database, texts: Texts) -> None:
    room = await newsroom.opened(database, texts, automations={"holdout": 0.4, "frequency_cap": []})
    await room.readers(20)
    await room.starts("first")
    await room.starts("second")
    await room.passes(5 * MINUTE)
    held: dict[str, set[int]] = {"broadcast:first": set(), "broadcast:second": set()}
    for row in await room.shop.written():
        if row["status"] == "withheld":
            held[row["flow"]].add(row["contact_id"])
    assert held["broadcast:first"] == held["broadcast:second"] != set()


async def test_two_people_who_turn_out_to_be_one_get_one_mail(room: Newsroom) -> None:
    first, second = await room.readers(2)
    await room.starts(throttle="1 per 1h", cap="ignore")
    await room.passes(MINUTE)
    async with room.shop.database.transaction() as session:
        await contacts.merge(session, first, second, room.shop.now)
    await room.passes(DAY)
    assert len(room.addresses()) == 1 and (await room.row())["status"] == "finished"


async def test_publishing_the_flows_leaves_it_running(room: Newsroom) -> None:
    await room.readers(3)
    await room.starts(throttle="1 per 10m")
    await room.passes(MINUTE)
    async with room.shop.database.transaction() as session:  # as each start of the program does
        await versions.publish(session, Flows(), room.shop.now)
    await room.passes(HOUR)
    assert len(room.addresses()) == 3
    async with room.shop.database.reading() as session:
        rows = table(FlowVersion)
        assert await session.scalar(sa.select(rows.c.status).where(rows.c.flow == "broadcast:news")) == "stopped"


async def test_clicks_and_orders_that_follow_are_told(room: Newsroom) -> None:
    await room.readers(2)
    await room.starts()
    await room.passes(MINUTE)
    await room.shop.clicks(0)
    await room.shop.clicks(0)
    await room.shop.clicks(1, label="prefetch")
    who = str(room.shop.mails.sent[0].payload["to"])
    await room.shop.happens(
        "Order Completed", who, order_id="o1", currency="EUR", revenue=40, products=[{"product_id": "lamp"}]
    )  # fmt: skip
    found = await room.progress()
    assert (found.clicks, found.orders, found.revenue) == (1, 1, {"EUR": 4000})


async def test_a_segment_that_is_gone_is_told_and_waited_for(room: Newsroom) -> None:
    await room.readers(1)
    await room.starts(segment="gone")
    with structlog.testing.capture_logs() as said:
        await room.passes(HOUR)
    assert [(one["log_level"], one["reason"]) for one in said if "broadcast" in one["event"]] == [
        ("warning", "there is no segment 'gone'")
    ]
    assert "there is no segment 'gone'" in (await room.row())["error"] and room.addresses() == []
    room.going.segments = newsroom.segments().with_one("gone", _everybody())
    await room.passes(MINUTE)
    row = await room.row()
    assert row["error"] == "" and row["status"] != "scheduled" and len(room.addresses()) == 1


async def test_a_segment_whose_file_is_new_is_known_at_once(room: Newsroom, tmp_path: Path) -> None:
    watch = SegmentWatch(Config.model_validate({"automations": {"segments_folder": str(tmp_path)}}))
    room.going.segments, room.going.reload = watch.segments, watch.take_changes
    await room.readers(1)
    (tmp_path / "tea_fans.toml").write_text("[not]\ntag = 'nobody_has_this'\n", "utf-8")
    await room.starts(segment="tea_fans")
    with structlog.testing.capture_logs() as said:
        await room.settle()
    assert len(room.addresses()) == 1 and not [one for one in said if one["log_level"] in ("warning", "error")]


async def test_two_workers_enrol_everybody_once(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automations.broadcasts.going.RANGE", 3)
    await room.readers(20)
    other = await newsroom.another_worker(room)
    await room.starts()
    for _ in range(30):
        await room.going.run()
        await other.going.run()
    await room.passes(5 * MINUTE)
    assert len(room.addresses()) == 20 == len(set(room.addresses()))
    assert (await room.row())["enrolled"] == 20 == len(await room.shop.enrolled())


async def test_a_step_that_is_cut_off_is_done_again_without_harm(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automations.broadcasts.going.RANGE", 5)
    await room.readers(20)
    await room.starts()
    await room.going.run()
    await room.going.run()
    before = await room.row()
    await room.going.run()
    async with room.shop.database.transaction() as session:  # as if the cursor had been lost and the rows not
        again = {name: before[name] for name in ("cursor", "spacing", "enrolled", "due_at")}
        await session.execute(sa.update(newsroom.ROWS).values(**again))
    await room.passes(5 * MINUTE)
    assert len(room.addresses()) == 20 == len(set(room.addresses()))


async def test_a_look_before_it_is_started_shows_the_mail_as_somebody_would_get_it(room: Newsroom) -> None:
    await room.readers(7)
    variants = [{"name": "plain"}, {"name": "short", "subject": "For {{ customer.first_name }}"}]
    tree = {**newsroom.PLAIN, "test": {"share": 0.5, "wait": "2h", "variants": variants}}
    found = broadcast_files.of_tree("news", tree, Around())
    mails = MailTemplates([paths.templates()])
    async with room.shop.database.reading() as session:
        standing = Standing(found.broadcast, found.tree, None)
        shown = await preview.look(session, room.shop.ground, newsroom.segments(), mails, standing, room.shop.now)
    assert shown.people == 7 and len(shown.samples) == preview.SAMPLES
    assert shown.reader == shown.samples[0].email == "reader6@example.org"
    assert shown.mails["short"].subject == "For R6" and "Hello R6" in shown.mails["plain"].text


async def test_two_workers_together_keep_to_the_throttle(room: Newsroom) -> None:
    await room.readers(24)
    await room.starts(throttle="60 per 1h")
    while (await room.row())["status"] != "sending":
        await room.going.run()
    shop, other = room.shop, await newsroom.another_worker(room)
    gate = Marketing(shop.ground, MailTemplates([paths.templates()]), Care({}))
    second = Outbox(shop.database, {"email": shop.mails}, {"marketing": gate}, other.going.worker, now=lambda: shop.now)
    await shop.sleeps(10 * MINUTE)  # ten of them are due: each takes a turn, whoever sends it
    began = shop.now
    for _ in range(30):
        while await shop.engine.move_due(shop.now):
            pass
        await asyncio.gather(shop.outbox.deliver_due("email"), second.deliver_due("email"))
        await asyncio.gather(second.deliver_due("email"), shop.outbox.deliver_due("email"))
        shop.now += MINUTE
    handed = [row["handed_at"] for row in await shop.written() if row["handed_at"]]
    assert len(set(room.addresses())) == len(room.addresses()) == len(handed)
    for minutes in range(0, 30, 5):
        start = began + minutes * MINUTE
        assert sum(start <= at < start + 5 * MINUTE for at in handed) <= 6
    assert len(handed) >= 20
