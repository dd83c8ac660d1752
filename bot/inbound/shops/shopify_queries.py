"""What is asked of Shopify's Admin API, in its language."""

VERSION = "2026-07"

FIRST = {
    "variants": 20, "lineItems": 10, "refundLineItems": 20, "refundShippingLines": 5, "transactions": 10,
    "fulfillments": 10, "refunds": 10, "trackingInfo": 1,
}  # fmt: skip
"""How much of a list comes with its thing. What `REST` names is paged on, what `LONGER` names is asked for again; of
the numbers of a parcel the first is all that we keep."""

_MONEY = "shopMoney { amount currencyCode }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_PLACE = "firstName lastName phone address1 address2 city zip province country countryCodeV2"
_PERSON = f"""
  legacyResourceId firstName lastName state tags note verifiedEmail createdAt updatedAt numberOfOrders
  defaultEmailAddress {{ emailAddress marketingState marketingOptInLevel marketingUpdatedAt }}
  defaultPhoneNumber {{ phoneNumber }}
  defaultAddress {{ {_PLACE} }}
"""
_LINE = f"""
  id title name variantTitle sku vendor quantity currentQuantity
  product {{ legacyResourceId }} variant {{ legacyResourceId }}
  originalUnitPriceSet {{ {_MONEY} }} totalDiscountSet {{ {_MONEY} }}
  taxLines {{ title rate priceSet {{ {_MONEY} }} }}
"""
_VARIANT = """
  legacyResourceId title sku price compareAtPrice inventoryPolicy inventoryQuantity updatedAt
  inventoryItem { legacyResourceId sku tracked updatedAt }
"""
_PARCEL = f"""
  legacyResourceId status displayStatus createdAt updatedAt
  trackingInfo(first: {FIRST["trackingInfo"]}) {{ company number url }}
"""
_BACK = f"""
  quantity subtotalSet {{ {_MONEY} }} totalTaxSet {{ {_MONEY} }}
  lineItem {{ id title name sku product {{ legacyResourceId }} variant {{ legacyResourceId }}
    originalUnitPriceSet {{ {_MONEY} }} }}
"""

PRODUCTS = f"""
query Products($first: Int!, $after: String, $query: String) {{
  products(first: $first, after: $after, query: $query, sortKey: ID) {{
    nodes {{
      legacyResourceId title handle vendor productType status tags createdAt updatedAt publishedAt
      featuredMedia {{ preview {{ image {{ url }} }} }}
      id variants(first: {FIRST["variants"]}) {{ nodes {{ {_VARIANT} }} {_PAGE} }}
    }}
    {_PAGE}
  }}
}}"""

CUSTOMERS = f"""
query Customers($first: Int!, $after: String, $query: String) {{
  customers(first: $first, after: $after, query: $query, sortKey: ID) {{
    nodes {{ {_PERSON} }}
    {_PAGE}
  }}
}}"""

ORDERS = f"""
query Orders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: ID) {{
    nodes {{
      legacyResourceId name email phone createdAt updatedAt processedAt cancelledAt cancelReason closedAt currencyCode
      presentmentCurrencyCode taxesIncluded test tags note customerLocale statusPageUrl clientIp sourceName
      customerAcceptsMarketing displayFinancialStatus displayFulfillmentStatus discountCodes
      subtotalPriceSet {{ {_MONEY} }} currentSubtotalPriceSet {{ {_MONEY} }} totalPriceSet {{ {_MONEY} }}
      totalTaxSet {{ {_MONEY} }} totalDiscountsSet {{ {_MONEY} }} totalShippingPriceSet {{ {_MONEY} }}
      billingAddress {{ {_PLACE} }} shippingAddress {{ {_PLACE} }}
      customer {{ {_PERSON} }}
      fulfillments(first: {FIRST["fulfillments"]}) {{ {_PARCEL} }}
      refunds(first: {FIRST["refunds"]}) {{ id }}
      id lineItems(first: {FIRST["lineItems"]}) {{ nodes {{ {_LINE} }} {_PAGE} }}
    }}
    {_PAGE}
  }}
}}"""

EXIST = "query Exist($ids: [ID!]!) { nodes(ids: $ids) { id } }"

OLDEST_ORDER = "query Oldest { orders(first: 1, sortKey: ID) { nodes { legacyResourceId } } }"
"""Of those that the app may see: without a right of its own none that is older than 60 days."""

SHOP = "query Shop { shop { myshopifyDomain } }"

COUNTS = {
    "products": "query Count { productsCount(limit: null) { count } }",
    "customers": "query Count { customersCount(limit: null) { count } }",
    "orders": "query Count { ordersCount(limit: null) { count } }",
}

_SHIPPING_BACK = f"subtotalAmountSet {{ {_MONEY} }}"
_PAYMENT = f"kind status amountSet {{ {_MONEY} }}"
_REFUND = f"""
  id legacyResourceId createdAt
  refundLineItems(first: {FIRST["refundLineItems"]}) {{ nodes {{ {_BACK} }} {_PAGE} }}
  refundShippingLines(first: {FIRST["refundShippingLines"]}) {{ nodes {{ {_SHIPPING_BACK} }} {_PAGE} }}
  transactions(first: {FIRST["transactions"]}) {{ nodes {{ {_PAYMENT} }} {_PAGE} }}
"""

REFUNDS = f"query Refunds($id: ID!) {{ order(id: $id) {{ refunds(first: {FIRST['refunds']}) {{ {_REFUND} }} }} }}"

ONE_REFUND = f"query Refund($id: ID!) {{ refund(id: $id) {{ {_REFUND} }} }}"


def _rest(kind: str, connection: str, fields: str) -> str:
    return f"""
query Rest($id: ID!, $first: Int!, $after: String) {{
  node(id: $id) {{ ... on {kind} {{ {connection}(first: $first, after: $after) {{ nodes {{ {fields} }} {_PAGE} }} }} }}
}}"""


REST = {
    "variants": _rest("Product", "variants", _VARIANT),
    "lineItems": _rest("Order", "lineItems", _LINE),
    "refundLineItems": _rest("Refund", "refundLineItems", _BACK),
    "refundShippingLines": _rest("Refund", "refundShippingLines", _SHIPPING_BACK),
    "transactions": _rest("Refund", "transactions", _PAYMENT),
}
"""What of a list did not fit into the first answer."""


def _longer(name: str, fields: str) -> str:
    return f"""
query Longer($id: ID!, $first: Int!) {{ order(id: $id) {{ {name}(first: $first) {{ {fields} }} }} }}"""


LONGER = {"fulfillments": _longer("fulfillments", _PARCEL), "refunds": _longer("refunds", "id")}
"""Lists without pages: Shopify cuts them where it is told to, and does not say so."""

HOOKS = f"""
query Hooks($after: String) {{
  webhookSubscriptions(first: 100, after: $after) {{ nodes {{ id topic uri }} {_PAGE} }}
}}"""

MAKE_HOOK = """
mutation MakeHook($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id }
    userErrors { message }
  }
}"""
