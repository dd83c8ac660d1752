"""How far the source of something can be believed; decided at the door and kept in the row."""

from typing import Literal

Rank = Literal["shop", "person", "page"]
"""`shop`: proven by a secret that no browser has (signed webhook, import, API key, server key). `person`: a shopper who
proved who they are (a chat, a signed identity, a code or link that came back from the address). `page`: anybody who can
read the source of a page of the shop.
"""

OUR_SOURCES = frozenset({
    "aftercart", "api", "import", "mail", "page", "shopify", "telegram", "woocommerce",
})  # fmt: skip
"""Names of sources that no key may take."""
