"""Whose words a card of the board repeats.

What is there already: a card made from a line of a customer counts as the words of whoever asked for it first, unless a
colleague gave it another title since; then the earlier title does. Some had typed it in their own words: nobody can
tell, and it matters only once that customer is forgotten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


_STEPS = (
    """UPDATE improvement SET words_of = (SELECT voice.contact_id FROM voice
    WHERE voice.improvement_id = improvement.id AND voice.said_id IS NOT NULL ORDER BY voice.asked_at, voice.id LIMIT 1)
    WHERE NOT EXISTS (SELECT 1 FROM improvementevent AS told
    WHERE told.name = 'title' AND told.improvement_id = improvement.id)""",
    """UPDATE improvementevent SET words_of = (SELECT voice.contact_id FROM voice
    WHERE voice.improvement_id = improvementevent.improvement_id AND voice.said_id IS NOT NULL
    ORDER BY voice.asked_at, voice.id LIMIT 1) WHERE name = 'title'""",
)


def upgrade() -> None:
    with op.batch_alter_table("improvement", schema=None) as batch_op:
        batch_op.add_column(sa.Column("words_of", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.create_index(batch_op.f("ix_improvement_words_of"), ["words_of"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_improvement_words_of"), "contact", ["words_of"], ["id"])

    with op.batch_alter_table("improvementevent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("words_of", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.create_index(batch_op.f("ix_improvementevent_words_of"), ["words_of"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_improvementevent_words_of"), "contact", ["words_of"], ["id"])
    for step in _STEPS:
        op.execute(step)


def downgrade() -> None:
    with op.batch_alter_table("improvementevent", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_improvementevent_words_of"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_improvementevent_words_of"))
        batch_op.drop_column("words_of")

    with op.batch_alter_table("improvement", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_improvement_words_of"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_improvement_words_of"))
        batch_op.drop_column("words_of")
