"""Whose an id is: the names of stores, and ids of people that carry the name of theirs."""

from urllib.parse import urlsplit

IMPORT = "import"
"""Where the rows of a file stand that names no store, as long as there is not exactly one that it can mean."""

UNCLEAR = "?"
"""What is said to be of a store and could be of several: nothing is written for it."""

BEFORE = "before"
"""Where rows of an older release stand of which nobody can tell the store."""

_BETWEEN = ":customer:"


def of_shopify(domain: str) -> str:
    """`shopify:x.myshopify.com`, by the domain that its webhooks name."""
    name = _host(domain)
    return f"shopify:{name}" if name else "shopify"


def of_woocommerce(address: str) -> str:
    """`woocommerce:shop.example/de`: one site may hold several shops, told apart by their folder."""
    name = _host(address)
    return f"woocommerce:{name}" if name else "woocommerce"


def _host(address: str) -> str:
    text = address.strip().lower()
    parts = urlsplit(text if "://" in text else f"//{text}")
    return (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/")[:200]


def of_key(source: str) -> str:
    """A server's own, if its key names none: apart from every shop."""
    return f"key:{source}"


def person(store: str, value: str) -> str:
    """An id of a customer as it is kept: 1001 of one shop is somebody else than 1001 of another."""
    return f"{store}{_BETWEEN}{value}" if store else value


def store_of(value: str) -> str:
    """The store that an id of a customer carries."""
    return value.rpartition(_BETWEEN)[0]


def plain(value: str) -> str:
    """The id of a customer as the shop itself writes it."""
    return value.rpartition(_BETWEEN)[2]


def loose(store: str) -> bool:
    """Rows that no shop has told of yet: a shop may find its own among them."""
    return store in ("", IMPORT, BEFORE, "shopify", "woocommerce") or store.startswith("key:")


def fit(one: str, other: str) -> bool:
    """Whether both may be the same store: one that is not known may be any."""
    return not one or not other or one == other
