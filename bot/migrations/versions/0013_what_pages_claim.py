"""What pages claim.

User ids, addresses and telephones that only a page told become claims: those that a page's event names, and no event of
the shop, no mail, no code or confirmed link. What cannot be told is left as it is: an identity that no kept event names
may be an import's, so it stays the shop's; events of a backend that used a write key look like those of a page, so what
they told is a claim now, until the shop tells it again under a server key. People that were joined by a page's word
stay joined. Of carts those of nobody, and of customers whom a shop system knows, are the shop's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.base.database import Json, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_AT_ONCE = 5000
_CLAIMS = ("user_id", "email", "phone")
_identity = sa.table(
    "identity", sa.column("id"), sa.column("contact_id"), sa.column("kind"), sa.column("value"),
    sa.column("proven", sa.Boolean), sa.column("rank"), sa.column("created_at", UtcDateTime),
    sa.column("unreachable_at", UtcDateTime),
)  # fmt: skip
_claimed = sa.table(
    "claimedidentity", sa.column("contact_id"), sa.column("kind"), sa.column("value"), sa.column("at", UtcDateTime),
    sa.column("unreachable_at", UtcDateTime),
)  # fmt: skip
_event = sa.table(
    "event", sa.column("id"), sa.column("contact_id"), sa.column("source"), sa.column("rank"), sa.column("body", Json)
)
_contact = sa.table("contact", sa.column("id"), sa.column("claimed", sa.Boolean))
_SHOWN = (
    "SELECT DISTINCT lower(sender) FROM receivedmail WHERE sender <> ''",
    "SELECT DISTINCT lower(address) FROM optin WHERE confirmed_at IS NOT NULL",
    "SELECT DISTINCT lower(address) FROM proof WHERE used_at IS NOT NULL",
)
_CARTS = (
    "UPDATE cart SET rank = 'shop' WHERE contact_id IS NULL OR contact_id IN "
    "(SELECT contact_id FROM identity WHERE kind IN ('shopify', 'woocommerce'))"
)


def upgrade() -> None:
    _make()
    connection = op.get_bind()
    connection.execute(sa.text(_CARTS))
    page, shop = _told(connection)
    shown = {("email", value) for query in _SHOWN for (value,) in connection.execute(sa.text(query))}
    moved, ranks = [], dict[str, list[int]]()
    for row in connection.execute(sa.select(_identity)).mappings().all():
        named = (row["contact_id"], row["kind"], row["value"])
        theirs = row["proven"] or row["kind"] == "telegram" or (row["kind"], row["value"]) in shown
        if row["kind"] == "anonymous_id":
            ranks.setdefault("shop" if named in shop else "page", []).append(row["id"])
        elif theirs and named not in shop:
            ranks.setdefault("person", []).append(row["id"])
        elif row["kind"] in _CLAIMS and named in page and named not in shop:
            moved.append(row)
        else:
            ranks.setdefault("shop", []).append(row["id"])
    for rank, ids in ranks.items():
        for part in _parts(ids):
            connection.execute(sa.update(_identity).where(_identity.c.id.in_(part)).values(rank=rank))
    _move(connection, moved)


def _make() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "claimedidentity",
        sa.Column("id", big, nullable=False),
        sa.Column("contact_id", big, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("unreachable_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_claimedidentity_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claimedidentity")),
        sa.UniqueConstraint("contact_id", "kind", "value", name=op.f("uq_claimedidentity_contact_id_kind_value")),
    )
    op.create_index("ix_claimedidentity_value", "claimedidentity", ["kind", "value"], unique=False)
    for name, column in (
        ("cart", sa.Column("rank", sa.String(), server_default="page", nullable=False)),
        ("contact", sa.Column("claimed", sa.Boolean(), server_default=sa.false(), nullable=False)),
        ("identity", sa.Column("rank", sa.String(), server_default="person", nullable=False)),
    ):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(column)


def _told(connection: sa.Connection) -> tuple[set[Any], set[Any]]:
    """What pages named, and what the shop did: (contact, kind, value)."""
    page, shop, last = set[Any](), set[Any](), 0
    while rows := connection.execute(
        sa.select(_event).where(_event.c.id > last).order_by(_event.c.id).limit(_AT_ONCE)
    ).mappings().all():  # fmt: skip
        last = rows[-1]["id"]
        for row in rows:
            if row["contact_id"] is not None and row["source"] != "aftercart":
                told = page if row["rank"] == "page" else shop
                told.update((row["contact_id"], *pair) for pair in _named(row["body"] or {}))
    return page, shop


def _named(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    traits = body.get("traits") or {}
    for kind, key in (("user_id", "userId"), ("anonymous_id", "anonymousId")):
        if body.get(key) is not None:
            yield kind, str(body[key]).removesuffix(".0").strip()
    for email in (body.get("email"), traits.get("email")):
        if isinstance(email, str):
            yield "email", email.strip().lower()
    if isinstance(traits.get("phone"), str):
        yield "phone", "".join(filter(str.isdigit, traits["phone"])).removeprefix("00")


def _move(connection: sa.Connection, moved: list[sa.RowMapping]) -> None:
    rows = [
        {"contact_id": row["contact_id"], "kind": row["kind"], "value": row["value"], "at": row["created_at"],
         "unreachable_at": row["unreachable_at"]}
        for row in moved
    ]  # fmt: skip
    for part in _parts(rows):
        connection.execute(sa.insert(_claimed), part)
    for part in _parts([row["id"] for row in moved]):
        connection.execute(sa.delete(_identity).where(_identity.c.id.in_(part)))
    kept: dict[int, set[str]] = {row["contact_id"]: set() for row in moved}
    for contact_id, kind in connection.execute(sa.select(_identity.c.contact_id, _identity.c.kind)):
        if contact_id in kept:
            kept[contact_id].add(kind)
    browsers = [contact_id for contact_id, kinds in kept.items() if kinds <= {"anonymous_id"}]
    for part in _parts(browsers):
        connection.execute(sa.update(_contact).where(_contact.c.id.in_(part)).values(claimed=True))
    named = [
        {"contact_id": row["contact_id"], "kind": "claimed_user", "value": row["value"], "proven": False,
         "rank": "page", "created_at": row["created_at"]}
        for row in moved if row["kind"] == "user_id" and not kept[row["contact_id"]]
    ]  # fmt: skip
    for part in _parts(named):
        connection.execute(sa.insert(_identity), part)


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), 500):
        yield rows[start : start + 500]


def downgrade() -> None:
    connection = op.get_bind()
    connection.execute(sa.delete(_identity).where(_identity.c.kind == "claimed_user"))
    for name, column in (("identity", "rank"), ("contact", "claimed"), ("cart", "rank")):
        op.execute(f"ALTER TABLE {name} DROP COLUMN {column}")  # rows refer to them, so none is made anew
    op.drop_index("ix_claimedidentity_value", table_name="claimedidentity")
    op.drop_table("claimedidentity")
