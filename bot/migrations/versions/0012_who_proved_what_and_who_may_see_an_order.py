"""Who proved what, and who may see an order.

Of what is there already: an order gets the address that the newest event of the shop itself names on it; where no event
is left it has none, and is its customer's as before. A chat whose person has one mail address, and showed it, has
proved it. Whoever has several shows them anew: which of them was shown in the chat, and whose they all are, cannot be
told now.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.base.database import Json, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AT_ONCE = 5000
_orders = sa.table("orders", sa.column("store"), sa.column("order_id"), sa.column("email"))
_event = sa.table(
    "event", sa.column("id"), sa.column("store"), sa.column("name"), sa.column("rank"), sa.column("ts", UtcDateTime),
    sa.column("body", Json),
)  # fmt: skip
_PROVEN = (
    "INSERT INTO proof (contact_id, channel, chat, purpose, address, code_hash, asked, tries, created_at, expires_at, "
    "used_at) SELECT mail.contact_id, 'telegram', chat.value, 'orders', mail.value, '', '', 0, mail.created_at, "
    "mail.created_at, mail.created_at FROM identity AS mail JOIN identity AS chat ON chat.contact_id = mail.contact_id "
    "AND chat.kind = 'telegram' WHERE mail.kind = 'email' AND mail.proven AND "
    "(SELECT count(*) FROM identity AS other WHERE other.contact_id = mail.contact_id "
    "AND other.kind IN ('email', 'telegram')) = 2"
)


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(), server_default="", nullable=False))
        batch_op.create_index("ix_orders_email", ["email"], unique=False)
    with op.batch_alter_table("proof", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("chat", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("purpose", sa.String(), server_default="orders", nullable=False))
        batch_op.create_index("ix_proof_chat", ["channel", "chat"], unique=False)
        batch_op.create_index("ix_proof_created_at", ["created_at"], unique=False)
    op.execute(_PROVEN)
    _name()


def _name() -> None:
    connection = op.get_bind()
    newest: dict[tuple[str, str], tuple[Any, str]] = {}
    for order, ts, address in _told(connection):
        if order not in newest or newest[order][0] <= ts:
            newest[order] = ts, address
    mine = _orders.c.store == sa.bindparam("of"), _orders.c.order_id == sa.bindparam("known_as")
    named = sa.update(_orders).where(*mine).values(email=sa.bindparam("address"))
    rows = [
        {"of": store, "known_as": order_id, "address": address} for (store, order_id), (_, address) in newest.items()
    ]
    for start in range(0, len(rows), _AT_ONCE):
        connection.execute(named, rows[start : start + _AT_ONCE])


def _told(connection: sa.Connection) -> Iterator[tuple[tuple[str, str], Any, str]]:
    last = 0
    while rows := connection.execute(
        sa.select(_event).where(_event.c.id > last).order_by(_event.c.id).limit(_AT_ONCE)
    ).mappings().all():  # fmt: skip
        last = rows[-1]["id"]
        for row in rows:
            body = row["body"] or {}
            order_id, address = (body.get("properties") or {}).get("order_id"), body.get("email")
            named = isinstance(address, str) and "@" in address
            if named and order_id and row["rank"] == "shop" and row["name"].startswith("Order "):
                known_as = str(order_id).removesuffix(".0").strip()
                yield (row["store"], known_as), row["ts"], str(address).strip().lower()


def downgrade() -> None:
    with op.batch_alter_table("proof", schema=None) as batch_op:
        batch_op.drop_index("ix_proof_created_at")
        batch_op.drop_index("ix_proof_chat")
        batch_op.drop_column("purpose")
        batch_op.drop_column("chat")
        batch_op.drop_column("channel")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_email")
        batch_op.drop_column("email")
