"""Yes and no as people, shops and their pages write them."""

_YES = frozenset({
    "yes", "true", "1", "y", "ja", "oui", "是", "subscribed", "on", "t", "wahr", "vrai", "verdadero", "vero", "waar",
    "✓", "✔", "☑",
})  # fmt: skip
_NO = frozenset({
    "no", "false", "0", "n", "nein", "non", "否", "unsubscribed", "not_subscribed", "not subscribed", "off", "f",
    "falsch", "faux", "falso", "onwaar", "✗", "✘", "☐",
})  # fmt: skip


def read(value: object) -> bool | None:
    """`True`, `1`, `"yes"`, `"是"`, `"Off"`; None for what is neither yes nor no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    return True if word in _YES else False if word in _NO else None
