"""Ranks of sources.

What is there already: events of shop systems, of imports and of our own are the shop's; those that came under a write
key are a page's, as nobody can tell now which of them a backend sent. Webhooks were signed, Telegram says who wrote,
and a mail is its person's if it answers one of ours to the same person.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("event", "receivedmail", "telegramupdate", "webhookdelivery")
_STEPS = (
    "UPDATE event SET rank = 'shop' WHERE source IN ('shopify', 'woocommerce', 'aftercart', 'import')",
    "UPDATE telegramupdate SET rank = 'person'",
    "UPDATE webhookdelivery SET rank = 'shop'",
    "UPDATE receivedmail SET rank = 'person' WHERE EXISTS (SELECT 1 FROM message WHERE message.id = "
    "receivedmail.about_id AND message.contact_id = receivedmail.contact_id)",
)


def upgrade() -> None:
    for name in _TABLES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(sa.Column("rank", sa.String(), server_default="page", nullable=False))
    for step in _STEPS:
        op.execute(step)


def downgrade() -> None:
    for name in _TABLES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column("rank")
