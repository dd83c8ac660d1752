"""Yes and no of both shop systems: with their own date, on each channel, and never instead of a newer word."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOON
from intake import SECRET, Intake, payload

from automations.consent.signing_up import welcomes
from bot import contacts
from bot.base.database import Database
from bot.contacts import consent
from bot.events import consent_bases
from bot.tables.people import Consent

ADA = "ada@example.org"
PHONE = "+493012345678"


def at(days: float) -> str:
    return (NOON + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def order(days: float, *, ticked: bool = True, since: float | None = None, number: int = 1) -> dict[str, Any]:
    """One of Shopify; with `since` the shop also tells when the customer said yes."""
    body = payload("shopify_order", id=number, buyer_accepts_marketing=ticked) | {"name": f"#{number}"}
    body |= {"created_at": at(days), "processed_at": at(days), "updated_at": at(days)}
    if since is not None:
        told = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": at(since)}
        body["customer"] = {**body["customer"], "email_marketing_consent": told}
    return body


def changed(state: str | None, days: float | None, level: str | None = None) -> dict[str, Any]:
    told = {"state": state, "opt_in_level": level, "consent_updated_at": None if days is None else at(days)}
    return {"customer_id": 207119551, "email_address": ADA, "email_marketing_consent": told}


def woo_order(days: float, meta: Mapping[str, Any], *, customer: int = 0, number: int = 727) -> dict[str, Any]:
    stamp = at(days)[:19]
    data = [{"id": place, "key": key, "value": value} for place, (key, value) in enumerate(meta.items())]
    dates = {"date_created_gmt": stamp, "date_modified_gmt": stamp, "date_paid_gmt": stamp}
    return payload("woocommerce_order", id=number, customer_id=customer, meta_data=data, **dates)


def woo_customer(days: float, value: object) -> dict[str, Any]:
    data = [{"id": 9, "key": "mailchimp_woocommerce_is_subscribed", "value": value}]
    return payload("woocommerce_customer", date_modified_gmt=at(days)[:19], meta_data=data)


async def leaves(intake: Intake, days: float) -> None:
    """By the link in one of our mails."""
    async with intake.database.transaction() as session:
        found = await contacts.find(session, "email", ADA)
        await consent.withdraw(
            session, SECRET, found.id if found else None, "email", ADA, "marketing", "one_click",
            NOON + timedelta(days=days),
        )  # fmt: skip


@pytest.mark.parametrize("since", [-300, -1, None])
@pytest.mark.parametrize("topic", ["orders/create", "orders/updated", "checkouts/update"])
async def test_a_box_of_an_order_takes_back_no_no(database: Database, topic: str, since: float | None) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", order(-20))
    assert await intake.consent(ADA) == "granted"
    await leaves(intake, 0)
    later: dict[str, Any] = order(2, since=since, number=2)
    if topic == "checkouts/update":
        later = payload("shopify_checkout", buyer_accepts_marketing=True, created_at=at(2), updated_at=at(2))
    await intake.deliver("shopify", topic, later)
    assert await intake.consent(ADA) == "withdrawn"


async def test_a_yes_that_the_shop_dates_after_the_no_counts(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", order(-20))
    await leaves(intake, 0)
    topic = "customers_email_marketing_consent/update"
    await intake.deliver("shopify", topic, changed("SUBSCRIBED", 2, "CONFIRMED_OPT_IN"))
    assert await intake.consent(ADA) == "granted"
    [told] = [one for one in intake.heard if one.properties.get("opt_in")]
    assert welcomes(told, double_opt_in=False)
    await intake.deliver("shopify", "orders/create", order(3, since=1, number=3))
    assert [one.at for one in await intake.rows(Consent)][-1] == NOON + timedelta(days=2)


@pytest.mark.parametrize(
    ("state", "days", "expected"),
    [("unsubscribed", 1, "withdrawn"), ("redacted", 1, "withdrawn"), ("unsubscribed", None, "withdrawn"),
     ("pending", 1, "granted"), ("not_subscribed", 1, "granted"), ("invalid", 1, "granted"), (None, None, "granted"),
     ("unsubscribed", -30, "granted")],
)  # fmt: skip
async def test_states_of_shopify(database: Database, state: str, days: float | None, expected: str) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "orders/create", order(-20))
    await intake.deliver("shopify", "customers_email_marketing_consent/update", changed(state, days))
    assert await intake.consent(ADA) == expected


@pytest.mark.parametrize("state", ["pending", "not_subscribed", "invalid"])
async def test_what_is_no_answer_allows_nothing(database: Database, state: str) -> None:
    intake = Intake(database)
    await intake.deliver("shopify", "customers/update", payload("shopify_customer", email_marketing_consent={}))
    await intake.deliver("shopify", "customers_email_marketing_consent/update", changed(state, 1))
    await intake.deliver("shopify", "customers_email_marketing_consent/update", changed("subscribed", None))
    assert await intake.consent(ADA) is None


async def test_other_channels_have_their_own_word(database: Database) -> None:
    intake = Intake(database)
    sms = {"state": "subscribed", "opt_in_level": "confirmed_opt_in", "consent_updated_at": at(-3),
           "consent_collected_from": "SHOPIFY"}  # fmt: skip
    customer = payload("shopify_customer", phone=PHONE, sms_marketing_consent=sms, email_marketing_consent=None)
    await intake.deliver("shopify", "customers/create", customer)
    assert (await intake.consent(PHONE, "sms"), await intake.consent(ADA)) == ("granted", None)
    assert not any(welcomes(one, double_opt_in=False) for one in intake.heard)
    left = {"id": 207119551, "phone": PHONE, "sms_marketing_consent": {**sms, "state": "unsubscribed",
                                                                       "consent_updated_at": at(1)}}  # fmt: skip
    await intake.deliver("shopify", "customers_marketing_consent/update", left)
    assert await intake.consent(PHONE, "sms") == "withdrawn"
    asked = {"state": "subscribed", "opt_in_level": "single_opt_in", "updated_at": at(2)}
    told = {"customer_id": 207119551, "phone_number": PHONE, "whats_app_marketing_consent": asked}
    await intake.deliver("shopify", "customers_whats_app_marketing_consent/update", told)
    assert (await intake.consent(PHONE, "whatsapp"), await intake.consent(ADA)) == ("granted", None)


async def test_what_a_customer_allows_is_not_for_the_number_of_an_order(database: Database) -> None:
    intake = Intake(database)
    body = order(-2, ticked=False, since=-5)
    told = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": at(-5)}
    body |= {"phone": "+493055555555", "email": "gift@example.org", "contact_email": "gift@example.org"}
    body["customer"] = {**body["customer"], "phone": PHONE, "sms_marketing_consent": told}
    await intake.deliver("shopify", "customers/update", payload("shopify_customer", email_marketing_consent=None))
    await intake.deliver("shopify", "orders/create", body)
    for address, channel, expected in (
        (PHONE, "sms", "granted"), ("+493055555555", "sms", None), (ADA, "email", "granted"),
        ("gift@example.org", "email", None),
    ):  # fmt: skip
        assert await intake.consent(address, channel) == expected


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"mailchimp_woocommerce_is_subscribed": "1"}, "granted"),
        ({"mailchimp_woocommerce_is_subscribed": True}, "granted"),
        ({"mailchimp_woocommerce_is_subscribed": "0"}, None),
        ({"mailchimp_woocommerce_is_subscribed": ""}, None),
        ({"_woo_ml_subscribe": "1"}, "granted"),
        ({"ws_opt_in": "1"}, "granted"),
        ({"_wc_other/SendinblueWoocommerce/newsletter_opt_in": "1"}, "granted"),
        ({"ckwc_opt_in": "yes"}, "granted"),
        ({"ckwc_opt_in": "no"}, None),
        ({"_billing_kl_newsletter_checkbox": "1"}, "granted"),
        ({"_mailpoet_woocommerce_checkout_optin": "1"}, "granted"),
        ({"newsletter_theme_colour": "1", "is_vat_exempt": "no"}, None),
        ({"ckwc_opt_in": {"odd": 1}, "kl_newsletter_checkbox": "perhaps"}, None),
    ],
)
async def test_what_plug_ins_of_woocommerce_keep_with_an_order(
    database: Database, meta: dict[str, Any], expected: str | None
) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "order.created", woo_order(-5, meta))
    assert await intake.consent(ADA) == expected
    if expected:
        [row] = await intake.rows(Consent)
        said = (row.at, row.source, row.ip, row.user_agent)
        assert said == (NOON - timedelta(days=5), "checkout", "203.0.113.7", "Mozilla/5.0")


async def test_a_guest_says_yes_again_and_a_customer_of_long_ago_does_not(database: Database) -> None:
    intake = Intake(database)
    yes = {"mailchimp_woocommerce_is_subscribed": "1"}
    await intake.deliver("woocommerce", "order.created", woo_order(-5, yes))
    await leaves(intake, 0)
    await intake.deliver("woocommerce", "order.updated", {**woo_order(-5, yes), "date_modified_gmt": at(1)[:19]})
    assert await intake.consent(ADA) == "withdrawn"
    await intake.deliver("woocommerce", "order.created", woo_order(2, yes, customer=25, number=728))
    assert await intake.consent(ADA) == "withdrawn"
    await intake.deliver("woocommerce", "order.created", woo_order(3, yes, number=729))
    assert await intake.consent(ADA) == "granted"


async def test_how_a_customer_of_woocommerce_stands_counts_when_it_changes(database: Database) -> None:
    intake = Intake(database)
    heard = []
    for days, value in ((-9, "0"), (-8, "1"), (-7, "0"), (-6, "1"), (-5, "unsubscribed"), (-4, "1")):
        await intake.deliver("woocommerce", "customer.updated", woo_customer(days, value))
        heard.append(await intake.consent(ADA))
    assert heard == [None, "granted", "withdrawn", "granted", "withdrawn", "granted"]
    await leaves(intake, -3)
    await intake.deliver("woocommerce", "customer.updated", woo_customer(-2, "1"))
    assert await intake.consent(ADA) == "withdrawn"  # it says yes as it did before they left


async def test_a_no_that_was_heard_before_takes_back_no_yes_of_later(database: Database) -> None:
    intake = Intake(database)
    await intake.deliver("woocommerce", "customer.updated", woo_customer(-9, "unsubscribed"))
    await intake.tell("Subscribed", {"email": ADA}, source="crm", ts=NOON - timedelta(days=8), email=ADA)
    assert await intake.consent(ADA) == "granted"
    for days, value in ((-7, "unsubscribed"), (-6, "0")):
        await intake.deliver("woocommerce", "customer.updated", woo_customer(days, value))
        assert await intake.consent(ADA) == "granted"


def test_nothing_but_a_shop_s_word_is_weighed() -> None:
    assert consent_bases.counts(None, True, []) and consent_bases.counts("anything", False, [])
    assert not consent_bases.counts("off", True, [])
