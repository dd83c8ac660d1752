"""What the columns are called: ours, and those of shop systems, newsletters and hand-made sheets in five languages.

Several columns may say the same; of each line the first that is filled counts, in the order of the names here.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import near
from bot.inbound.files import consents

EMAIL = (
    "email", "e mail", "email address", "e mail address", "emailaddress", "user email", "billing email",
    "email billing", "customer email", "customer email address", "email adresse", "e mail adresse", "mail",
    "mailadresse", "adresse email", "adresse e mail", "adresse mail", "courriel", "correo", "correo electrónico",
    "correo electronico", "dirección de correo", "dirección de correo electrónico", "email 1", "primary email",
    "contact email", "邮箱", "эл почта", "электронная почта", "почта", "adres e mail", "indirizzo email", "电子邮箱",
    "邮箱地址", "电子邮件", "邮件地址", "买家邮箱", "電子郵件",
)  # fmt: skip
_PHONE = (
    "phone", "phone number", "billing phone", "phone billing", "default address phone", "mobile", "mobile phone",
    "mobile number", "telephone", "tel", "cell phone", "telefon", "телефон", "numer telefonu", "telefone",
    "numero di telefono", "telefonnummer", "handy", "handynummer", "mobil", "mobiltelefon", "téléphone",
    "telephone portable", "téléphone portable", "portable", "teléfono", "telefono", "móvil", "movil",
    "shipping phone", "手机", "手机号", "手机号码", "电话", "联系电话", "联系手机", "收货人手机号", "收货人手机",
    "收货人电话", "收货人手机号/提货人手机号", "买家手机号", "客户手机号", "手机号/电话", "移动电话",
)  # fmt: skip

CUSTOMERS = {
    "shopify_id": ("customer id",),
    "woocommerce_id": ("woocommerce id", "wp user id", "user login"),
    "user_id": (
        "user id", "userid", "external id", "ext id", "id", "kundennummer", "kunden nr", "kundennr", "numéro client",
        "n° client", "número de cliente", "用户id", "客户id", "客户编号", "会员id", "会员编号",
    ),
    "email": EMAIL,
    "phone": _PHONE,
    "phone_abroad": ("sms", "sms phone number", "whatsapp"),
    "first_name": (
        "first name", "firstname", "billing first name", "first name billing", "given name", "vorname", "prénom",
        "prenom", "nombre", "nombre de pila", "имя", "imię", "nome", "名", "名字",
    ),
    "last_name": (
        "last name", "lastname", "billing last name", "last name billing", "family name", "surname", "nachname",
        "familienname", "nom de famille", "apellido", "apellidos", "фамилия", "nazwisko", "cognome", "sobrenome",
        "姓", "姓氏",
    ),
    "name": (
        "name", "full name", "customer name", "display name", "contact name", "kundenname", "vollständiger name",
        "nom complet", "nombre completo", "nom", "姓名", "客户姓名", "联系人", "收货人", "收货人姓名", "客户名称",
        "昵称", "客户昵称",
    ),
    "language": (
        "language", "locale", "preferred language", "preferred locale", "sprache", "langue", "idioma", "语言",
    ),
    "country": (
        "country code", "default address country code", "billing country", "country", "country / region",
        "country/region", "country code billing", "country billing", "cc", "land", "pays", "país", "pais", "国家",
        "страна", "kraj", "paese", "国家/地区", "國家",
    ),
    "timezone": ("timezone", "time zone", "zeitzone", "fuseau horaire", "zona horaria", "时区"),
    "birthday": (
        "birthday", "birth date", "date of birth", "birthdate", "dob", "geburtstag", "geburtsdatum",
        "date de naissance", "anniversaire", "fecha de nacimiento", "cumpleaños", "生日", "дата рождения",
        "data urodzenia", "data di nascita", "data de nascimento", "出生日期",
    ),
    "created_at": (
        "created at", "sign up", "registered", "user registered", "date registered", "customer since", "signup date",
        "profile created on", "date added", "added time", "date identified", "dateidentified", "data rejestracji",
        "дата регистрации", "created", "registriert am", "kunde seit", "angelegt am", "date d'inscription",
        "inscrit le", "client depuis", "fecha de registro", "fecha de alta", "cliente desde", "注册时间", "创建时间",
        "成为客户时间", "加入时间",
    ),
    "euid": ("euid",),
    "leid": ("leid",),
    **consents.FIELDS,
}  # fmt: skip

PRODUCTS = {
    "product_id": ("product id", "id", "artikelnummer", "artikel nr", "商品id", "商品编号", "商品编码", "宝贝id"),
    "handle": ("handle", "url handle", "slug"),
    "variant_id": ("variant id", "variation id", "规格id", "skuid"),
    "parent": ("parent",),
    "kind": ("product type woo",),
    "sku": ("variant sku", "sku", "货号", "商家编码", "规格编码"),
    "name": (
        "title", "name", "product name", "artikel", "artikelname", "produktname", "bezeichnung", "produit",
        "nom du produit", "nom", "désignation", "producto", "nombre", "nombre del producto", "商品名称", "商品标题",
        "宝贝标题", "名称", "产品名称",
    ),
    "category": (
        "product category", "categories", "category", "type", "product type", "kategorie", "kategorien", "catégorie",
        "catégories", "categoría", "categorías", "分类", "商品分类", "类目",
    ),
    "brand": ("vendor", "brand", "brands", "marke", "hersteller", "marque", "marca", "品牌"),
    "url": ("url", "product url", "link", "permalink", "external url", "链接", "商品链接"),
    "image_url": (
        "image src", "product image url", "image url", "images", "image", "bild", "bild url", "imagen", "图片",
        "主图",
    ),
    "variant_image": ("variant image", "variant image url"),
    "sale_price": ("sale price", "angebotspreis", "prix promo", "precio rebajado", "促销价"),
    "sale_from": ("date sale price starts",),
    "sale_until": ("date sale price ends",),
    "price": (
        "variant price", "price", "regular price", "preis", "verkaufspreis", "prix", "precio", "价格", "售价",
        "销售价", "一口价", "单价",
    ),
    "currency": ("currency", "währung", "devise", "moneda", "币种", "货币"),
    "stock": (
        "variant inventory qty", "inventory quantity", "stock", "stock quantity", "inventory", "bestand",
        "lagerbestand", "stock actuel", "quantité", "existencias", "cantidad", "库存", "库存数量",
    ),
    "in_stock": ("in stock?", "in stock", "stock status", "verfügbar"),
    "tracker": ("variant inventory tracker", "inventory tracker"),
    "policy": ("variant inventory policy", "continue selling when out of stock"),
    "status": ("status", "状态", "商品状态"),
    "on_show": ("published", "published on online store", "veröffentlicht", "是否上架"),
    "option1": ("option1 value", "attribute 1 value s", "规格", "规格名称"),
    "option2": ("option2 value", "attribute 2 value s"),
    "option3": ("option3 value", "attribute 3 value s"),
}  # fmt: skip

ORDERS = {
    "order_id": ("id", "order id", "订单id"),
    "number": (
        "name", "order number", "order", "number", "order no", "bestellnummer", "bestell nr", "auftragsnummer",
        "numéro de commande", "n° de commande", "commande", "número de pedido", "pedido", "订单号", "订单编号",
        "主订单编号",
    ),
    "user_id": ("user id", "kundennummer", "客户id"),
    "shopify_id": (),
    "woocommerce_id": (),
    "email": EMAIL,
    "phone": _PHONE,
    "name": (
        "billing name", "customer name", "customer", "shipping name", "kunde", "kundenname", "client",
        "nom du client", "cliente", "收货人", "收货人姓名", "收货人/提货人", "姓名", "客户姓名",
    ),
    "first_name": ("first name billing", "billing first name", "first name", "vorname", "prénom"),
    "last_name": ("last name billing", "billing last name", "last name", "nachname"),
    "country": (
        "billing country", "country code billing", "country billing", "country", "land", "pays", "país", "国家",
    ),
    "payment": (
        "financial status", "payment status", "paid", "zahlungsstatus", "bezahlt", "statut du paiement", "payé",
        "payée", "estado del pago", "pagado", "付款状态", "支付状态",
    ),
    "status": (
        "order status", "status", "bestellstatus", "statut", "statut de la commande", "estado", "estado del pedido",
        "订单状态", "状态", "交易状态",
    ),
    "fulfilment": (
        "fulfillment status", "fulfilment status", "shipping status", "versandstatus", "statut de livraison",
        "estado del envío", "发货状态", "物流状态",
    ),
    "currency": ("currency", "order currency", "währung", "devise", "moneda", "币种", "货币"),
    "subtotal": (
        "subtotal", "order subtotal", "order subtotal amount", "zwischensumme", "sous total", "小计", "商品金额",
        "商品总价", "商品金额合计",
    ),
    "total": (
        "total", "order total", "order total amount", "net sales", "n revenue", "grand total", "amount", "gesamt",
        "gesamtbetrag", "gesamtsumme", "betrag", "summe", "montant", "montant total", "total ttc", "importe",
        "importe total", "实付金额", "订单实付金额", "买家实际支付金额", "买家实付金额", "实际支付金额", "总金额",
        "买家应付货款", "应付金额", "订单金额", "总计",
    ),
    "refunded": (
        "refunded amount", "order refund amount", "refund amount", "refunded", "erstattet", "remboursé",
        "reembolsado", "退款金额", "订单退款金额",
    ),
    "ordered_at": (
        "created at", "order date", "date", "date created", "ordered at", "bestelldatum", "datum", "bestellt am",
        "date de commande", "fecha", "fecha del pedido", "下单时间", "订单创建时间", "创建时间", "拍下时间", "日期",
    ),
    "paid_at": (
        "paid at", "paid date", "date paid", "bezahlt am", "payé le", "fecha de pago", "付款时间", "订单付款时间",
        "支付时间", "买家付款时间",
    ),
    "shipped_at": ("fulfilled at", "shipped at", "versendet am", "expédié le", "fecha de envío", "发货时间"),
    "cancelled_at": ("cancelled at", "canceled at", "storniert am", "annulé le", "取消时间"),
    "item_id": ("lineitem product id", "product id", "item id", "商品id"),
    "item_sku": ("lineitem sku", "sku", "item sku", "货号", "商家编码", "规格编码"),
    "item_name": (
        "lineitem name", "item name", "product name", "product", "artikel", "produkt", "produit", "producto",
        "商品名称", "商品标题", "宝贝标题", "宝贝名称", "全部商品名称",
    ),
    "item_quantity": (
        "lineitem quantity", "quantity refund", "quantity", "item quantity", "qty", "menge", "anzahl", "quantité",
        "cantidad", "数量", "商品数量", "购买数量", "宝贝总数量", "宝贝数量",
    ),
    "item_price": (
        "lineitem price", "item cost", "item price", "unit price", "einzelpreis", "prix unitaire", "precio unitario",
        "单价", "商品单价", "商品价格", "宝贝单价",
    ),
}  # fmt: skip

DATES = (
    "created_at", "birthday", "consent", "consent_at", "confirmed_at", "asked_at", "left_at", "cleaned_at",
    "ordered_at", "paid_at", "shipped_at", "cancelled_at", "sale_from", "sale_until", "until",
)  # fmt: skip
"""Fields that hold dates."""

Places = dict[str, tuple[int, ...]]


def plain(name: str) -> str:
    """A header without case, marks and signs: `Customer_E-mail*` and `customer e mail` are the same."""
    return re.sub(r"[\s_\-*:().#]+", " ", unicodedata.normalize("NFKC", name).lower()).strip()


def places(
    header: Sequence[str], known: Mapping[str, Sequence[str]], mapped: Mapping[str, str] | None = None
) -> Places:
    """Which columns hold what, the earlier alias first. `mapped` says of columns what they hold, over their names."""
    said = {plain(column): field for column, field in (mapped or {}).items()}
    at: dict[str, int] = {}
    for index, name in enumerate(header):
        at.setdefault(plain(name), index)
    found: Places = {}
    for field, aliases in known.items():
        theirs = [at[column] for column, named in said.items() if named == field and column in at]
        theirs += [at[alias] for alias in aliases if alias in at and alias not in said]
        if theirs:
            found[field] = tuple(dict.fromkeys(theirs))
    return found


def read_map(given: Sequence[str], header: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """`COLUMN=FIELD` as typed; FIELD may be empty or `-` for a column that is to be left out. Raises FindingsError."""
    found: dict[str, str] = {}
    names = {plain(name): name for name in header}
    for one in given:
        column, _, field = one.rpartition("=")
        field = field.strip().lower().replace(" ", "_")
        if plain(column) not in names:
            raise FindingsError(Finding(f"no column {column!r} in the file; {near(column, names.values())}", "--map"))
        if field not in ("", "-") and field not in known:
            raise FindingsError(Finding(f"{field!r} is nothing that we know; {near(field, known)}", "--map"))
        found[names[plain(column)]] = field if field != "-" else ""
    return found


def need(
    path: Path | str, found: Mapping[str, Sequence[int]], *either: str, known: Mapping[str, Sequence[str]]
) -> None:
    """Raises FindingsError unless one of these columns is there."""
    if not any(field in found for field in either):
        names = ", ".join(known[field][0] for field in either if known[field])
        words = (
            f"no column that we know by; one of these must be there: {names}. Or say which it is: --map COLUMN=FIELD"
        )
        raise FindingsError(Finding(words, path, 1))
