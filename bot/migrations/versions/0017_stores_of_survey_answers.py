"""Stores of survey answers.

An answer that is there already is of the store that the flow knew whose mail was answered.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.base.database import Json

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AT_ONCE = 5000
_answers = sa.table("surveyanswer", sa.column("id"), sa.column("message_id"), sa.column("store"))
_messages = sa.table("message", sa.column("id"), sa.column("enrolment_id"))
_enrolments = sa.table("enrolment", sa.column("id"), sa.column("context", Json))


def upgrade() -> None:
    with op.batch_alter_table("surveyanswer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_surveyanswer_survey_contact_id_order_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_surveyanswer_survey_contact_id_order_id_store"),
            ["survey", "contact_id", "order_id", "store"],
        )
    _name()


def _name() -> None:
    connection = op.get_bind()
    told = (
        sa.select(_answers.c.id, _enrolments.c.context)
        .join(_messages, _messages.c.id == _answers.c.message_id)
        .join(_enrolments, _enrolments.c.id == _messages.c.enrolment_id)
    )
    named = sa.update(_answers).where(_answers.c.id == sa.bindparam("known_as")).values(store=sa.bindparam("of"))
    last = 0
    while rows := connection.execute(
        told.where(_answers.c.id > last).order_by(_answers.c.id).limit(_AT_ONCE)
    ).all():  # fmt: skip
        last = rows[-1].id
        found: list[dict[str, Any]] = [
            {"known_as": row.id, "of": str(store)} for row in rows if (store := (row.context or {}).get("store"))
        ]
        if found:
            connection.execute(named, found)


def downgrade() -> None:
    with op.batch_alter_table("surveyanswer", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_surveyanswer_survey_contact_id_order_id_store"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_surveyanswer_survey_contact_id_order_id"), ["survey", "contact_id", "order_id"]
        )
        batch_op.drop_column("store")
