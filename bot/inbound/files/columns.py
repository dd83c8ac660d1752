"""What the columns are called: ours, Shopify's, WooCommerce's, and what Chinese shop systems write."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.base.errors import Finding, FindingsError

CUSTOMERS = {
    "shopify_id": ("customer id",),
    "woocommerce_id": ("woocommerce id", "wp user id", "user login"),
    "user_id": ("user id", "userid", "external id", "id", "用户id", "客户id"),
    "email": ("email", "e mail", "email address", "user email", "billing email", "customer email", "邮箱", "电子邮箱"),
    "phone": ("phone", "billing phone", "default address phone", "phone number", "mobile", "手机", "手机号", "电话"),
    "phone_abroad": ("sms",),
    "first_name": ("first name", "billing first name", "firstname", "given name", "名"),
    "last_name": ("last name", "billing last name", "lastname", "family name", "surname", "姓"),
    "name": ("name", "full name", "customer name", "display name", "姓名"),
    "language": ("language", "locale", "语言"),
    "country": (
        "country code", "default address country code", "billing country", "country", "country / region", "国家",
    ),
    "timezone": ("timezone", "time zone", "时区"),
    "birthday": ("birthday", "birth date", "date of birth", "birthdate", "生日"),
    "consent": (
        "marketing consent", "accepts email marketing", "accepts marketing", "email marketing consent", "newsletter",
        "订阅",
    ),
    "consent_at": ("accepts email marketing at", "consent at", "subscribed at"),
    "created_at": ("created at", "sign up", "registered", "user registered", "注册时间"),
}  # fmt: skip

PRODUCTS = {
    "product_id": ("product id", "id", "商品id"),
    "handle": ("handle", "slug"),
    "variant_id": ("variant id", "variation id"),
    "parent": ("parent",),
    "sku": ("variant sku", "sku", "货号"),
    "name": ("title", "name", "product name", "商品名称"),
    "category": ("product category", "categories", "category", "type", "product type", "分类"),
    "brand": ("vendor", "brand", "brands", "品牌"),
    "url": ("url", "product url", "link", "external url", "链接"),
    "image_url": ("image src", "image url", "images", "image", "图片"),
    "price": ("variant price", "sale price", "price", "regular price", "价格"),
    "currency": ("currency", "币种"),
    "stock": ("variant inventory qty", "stock", "stock quantity", "inventory quantity", "库存"),
    "status": ("status", "published", "状态"),
}

ORDERS = {
    "order_id": ("id", "order id", "订单id"),
    "number": ("name", "order number", "number", "订单号"),
    "email": ("email", "customer email", "billing email", "email billing", "customer email address", "邮箱"),
    "phone": ("phone", "billing phone", "phone billing", "手机", "电话"),
    "name": ("billing name", "customer name", "shipping name", "收货人", "姓名"),
    "status": ("financial status", "order status", "status", "订单状态"),
    "fulfilment": ("fulfillment status", "fulfilment status", "发货状态"),
    "currency": ("currency", "order currency", "币种"),
    "subtotal": ("subtotal", "order subtotal", "order subtotal amount", "小计"),
    "total": ("total", "order total", "order total amount", "net sales", "总计"),
    "refunded": ("refunded amount", "order refund amount", "退款金额"),
    "ordered_at": ("created at", "order date", "date", "date created", "下单时间"),
    "paid_at": ("paid at", "paid date", "date paid", "付款时间"),
    "shipped_at": ("fulfilled at", "shipped at", "发货时间"),
    "cancelled_at": ("cancelled at", "canceled at", "取消时间"),
    "item_id": ("lineitem product id", "product id", "item id", "商品id"),
    "item_sku": ("lineitem sku", "sku", "item sku", "货号"),
    "item_name": ("lineitem name", "item name", "product name", "商品名称"),
    "item_quantity": ("lineitem quantity", "quantity", "item quantity", "数量"),
    "item_price": ("lineitem price", "item cost", "item price", "单价"),
}


def plain(name: str) -> str:
    """A header without case, marks and signs: `Customer_E-mail*` and `customer e mail` are the same."""
    return re.sub(r"[\s_\-*:().#]+", " ", name.lower()).strip()


def places(header: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Which column holds what; the earlier alias is taken when there are several."""
    at = {plain(name): index for index, name in reversed(list(enumerate(header)))}
    return {
        field: at[alias]
        for field, aliases in known.items()
        if (alias := next((one for one in aliases if one in at), None)) is not None
    }


def need(path: Path | str, found: Mapping[str, int], *either: str, known: Mapping[str, Sequence[str]]) -> None:
    """Raises FindingsError unless one of these columns is there."""
    if not any(field in found for field in either):
        names = ", ".join(known[field][0] for field in either)
        raise FindingsError(Finding(f"no column that we know by; one of these must be there: {names}", path, 1))
