"""What columns are called: ours, and those of shop systems, newsletters and hand-made sheets in many languages.

Several columns may say the same; of each line the first that is filled counts, in the order of the names here.
"""

from bot.inbound.files import consents

EMAIL = (
    "email", "e mail", "email address", "e mail address", "emailaddress", "user email", "billing email",
    "email billing", "customer email", "customer email address", "email adresse", "e mail adresse", "mail",
    "mailadresse", "adresse email", "adresse e mail", "adresse mail", "courriel", "correo", "correo electrónico",
    "correo electronico", "dirección de correo", "dirección de correo electrónico", "email 1", "primary email",
    "contact email", "邮箱", "эл почта", "электронная почта", "почта", "adres e mail", "indirizzo email", "电子邮箱",
    "邮箱地址", "电子邮件", "邮件地址", "买家邮箱", "電子郵件", "電子信箱", "電子郵箱", "信箱", "郵箱", "訂購人信箱",
    "メールアドレス", "メール", "eメール", "이메일", "e postadress", "e post", "epost", "e mailadres",
    "e mailadresse", "kontakt email", "adresse électronique", "adresse de courriel", "adresse courriel",
    "correo electronico del cliente", "email del cliente", "contact email address",
)  # fmt: skip
_PHONE = (
    "phone", "phone number", "billing phone", "phone billing", "default address phone", "mobile", "mobile phone",
    "mobile number", "telephone", "tel", "cell phone", "telefon", "телефон", "numer telefonu", "telefone",
    "numero di telefono", "telefonnummer", "handy", "handynummer", "mobil", "mobiltelefon", "téléphone",
    "telephone portable", "téléphone portable", "portable", "teléfono", "telefono", "móvil", "movil",
    "shipping phone", "手机", "手机号", "手机号码", "电话", "联系电话", "联系手机", "收货人手机号", "收货人手机",
    "收货人电话", "收货人手机号/提货人手机号", "买家手机号", "客户手机号", "手機", "手機號碼", "電話", "聯絡電話",
    "連絡電話", "訂購人電話", "收件人電話", "収件人手机", "電話番号", "携帯電話", "携帯電話番号", "전화번호",
    "휴대폰", "mobil nr", "telefon mobil", "tel portable", "numéro de téléphone", "número de teléfono",
    "teléfono móvil", "celular", "telefoonnummer", "telefon nr", "shipping address phone", "billing address phone",
    "行動電話", "联系手机号", "购买人手机",
    "address phone", "收货电话", "收货手机", "收货人联系方式", "联系方式", "手机号/电话", "移动电话",
)  # fmt: skip

CUSTOMERS = {
    "shopify_id": ("customer id",),
    "woocommerce_id": ("woocommerce id", "wp user id", "user login"),
    "user_id": (
        "user id", "userid", "klantnummer", "external id", "ext id", "id", "kundennummer", "kunden nr", "kundennr",
        "numéro client", "n° client", "número de cliente", "用户id", "客户id", "客户编号", "会员id", "会员编号",
        "kunden id", "numéro de client", "nº de cliente", "n° cliente", "id cliente", "会员号", "會員編號",
        "顧客編號", "客戶編號", "会員番号", "会員id", "顧客id", "顧客番号", "お客様番号", "회원번호",
    ),
    "email": EMAIL,
    "phone": _PHONE,
    "phone_abroad": ("sms", "sms phone number", "whatsapp"),
    "first_name": (
        "first name", "firstname", "billing first name", "first name billing", "given name", "vorname", "prénom",
        "prenom", "nombre", "nombre de pila", "имя", "imię", "nome", "名", "名字", "voornaam", "förnamn", "fornavn",
        "first", "fname", "名前 名", "お名前 名", "名字 名",
    ),
    "last_name": (
        "last name", "lastname", "billing last name", "last name billing", "family name", "surname", "nachname",
        "familienname", "nom de famille", "apellido", "apellidos", "фамилия", "nazwisko", "cognome", "sobrenome",
        "姓", "姓氏", "achternaam", "efternamn", "etternavn", "last", "lname", "nom famille", "primer apellido",
        "お名前 姓", "名前 姓",
    ),
    "name": (
        "name", "full name", "customer name", "display name", "contact name", "kundenname", "vollständiger name",
        "nom complet", "nombre completo", "nom", "姓名", "客户姓名", "联系人", "收货人", "收货人姓名", "客户名称",
        "昵称", "客户昵称", "naam", "namn", "navn", "contact", "kunde", "client", "cliente", "interlocuteur",
        "顧客姓名", "客戶姓名", "購買人", "訂購人", "訂購人姓名", "氏名", "お名前", "名前", "顧客名", "会員名",
        "注文者氏名", "이름", "성명", "会员名", "买家昵称", "微信昵称", "会员姓名", "会员昵称", "用户名", "用户昵称",
    ),
    "language": (
        "language", "locale", "bevorzugte sprache", "langue préférée", "idioma preferido", "preferred language",
        "preferred locale", "sprache", "langue", "idioma", "语言", "taal", "språk", "客户语言", "言語", "語言",
    ),
    "country": (
        "country code", "default address country code", "billing country", "country", "country / region",
        "country/region", "land / region", "pays / région", "país / región", "country code billing",
        "country billing", "cc", "land", "pays", "país", "pais", "国家", "страна", "kraj", "paese", "国家/地区",
        "國家", "land iso", "country iso", "default address country", "address country", "country name", "国/地域",
        "国", "所在国家", "国家或地区", "國家/地區",
    ),
    "timezone": ("timezone", "time zone", "zeitzone", "fuseau horaire", "zona horaria", "时区"),
    "birthday": (
        "birthday", "birth date", "date of birth", "birthdate", "dob", "geburtstag", "geburtsdatum",
        "date de naissance", "anniversaire", "fecha de nacimiento", "cumpleaños", "生日", "дата рождения",
        "data urodzenia", "data di nascita", "data de nascimento", "出生日期", "date naissance", "datenaissance",
        "fecha nacimiento", "fecha de cumpleaños", "geb datum", "birth day", "bday", "geboortedatum", "verjaardag",
        "födelsedatum", "fødselsdato", "生年月日", "誕生日", "出生年月日", "생년월일", "出生年月", "会员生日",
    ),
    "created_at": (
        "created at", "sign up", "registered", "user registered", "date registered", "customer since", "signup date",
        "profile created on", "date added", "added time", "date identified", "dateidentified", "data rejestracji",
        "дата регистрации", "created", "registriert am", "kunde seit", "angelegt am", "date d'inscription",
        "inscrit le", "client depuis", "fecha de registro", "fecha de alta", "cliente desde", "注册时间", "创建时间",
        "成为客户时间", "加入时间", "subscribe date", "date subscribed", "date d'ajout", "date d’inscription",
        "date de création", "date ajout", "hinzugefügt am", "erstellt am", "eintragsdatum", "fecha de creación",
        "fecha de suscripción", "註冊日期", "註冊時間", "加入日期", "注册日期", "入会日期", "登録日", "登録日時",
        "会員登録日", "入会日", "가입일", "首次访问时间", "成为会员时间",
    ),
    "euid": ("euid",),
    "leid": ("leid",),
    **consents.FIELDS,
}  # fmt: skip

PRODUCTS = {
    "product_id": ("product id", "id", "artikelnummer", "artikel nr", "商品id", "商品编号", "商品编码", "宝贝id"),
    "handle": ("handle", "url handle", "slug", "产品标识", "ハンドル"),
    "variant_id": ("variant id", "variation id", "规格id", "skuid"),
    "parent": (
        "parent", "übergeordnetes produkt", "übergeordnetes",
        "superior", "principal", "genitore", "bovenliggend", "父级", "父级产品",
        "母產品", "overordnet", "parent sku", "produit parent", "producto superior", "親", "上級",
    ),
    "kind": ("product type woo",),
    "sku": (
        "variant sku", "sku", "货号", "商家编码", "规格编码", "ugs", "artikelnummer", "art nr", "code article",
        "référence", "reference", "référence produit", "referencia", "codice", "sku code", "商品sku", "sku编码",
        "外部系统编号", "货品编号", "商品コード", "品番", "商品番号", "商品編號", "貨號",
    ),
    "name": (
        "title", "name", "product name", "artikel", "artikelname", "produktname", "bezeichnung", "produit",
        "nom du produit", "nom", "désignation", "producto", "nombre", "nombre del producto", "商品名称", "商品标题",
        "宝贝标题", "名称", "产品名称", "artikelbezeichnung", "product title", "titel", "titre", "título",
        "nombre producto", "intitulé", "libellé", "nazwa", "nome", "naam", "标题", "品名", "商品名", "商品名稱",
        "品項", "商品名称 必填", "产品标题",
    ),
    "category": (
        "product category", "categories", "category", "type", "product type", "kategorie", "kategorien", "catégorie",
        "catégories", "categoría", "categorías", "分类", "商品分类", "类目", "warengruppe", "rubrique", "famille",
        "rayon", "类别", "所属类目", "商品类目", "商品分组", "產品分類", "分類", "商品分類", "カテゴリ", "カテゴリー",
        "categorie", "categorieën",
    ),
    "brand": (
        "vendor", "brand", "brands", "marke", "hersteller", "marque", "marca", "品牌", "merk", "fabricant",
        "fabricante", "proveedor", "fournisseur", "ブランド",
    ),
    "url": (
        "url", "product url", "link", "permalink", "external url", "链接", "商品链接", "externe url", "url externe",
        "url externa", "外部 url", "产品链接", "商品网址", "produkt url", "produktlink", "lien", "enlace",
    ),
    "image_url": (
        "image src", "product image url", "image url", "images", "image", "bild", "bild url", "imagen", "图片",
        "主图", "bilder", "bild urls", "image principale", "photo", "imágenes", "afbeeldingen", "immagini", "图像",
        "图片链接", "主图链接", "商品图片", "圖片", "画像", "画像url",
    ),
    "variant_image": ("variant image", "variant image url"),
    "sale_price": (
        "sale price", "angebotspreis", "prix promo", "precio rebajado", "促销价", "tarif promo", "prix soldé",
        "prix promotionnel", "aktionspreis", "sonderpreis", "precio de oferta", "precio oferta", "actieprijs",
        "aanbiedingsprijs", "prezzo in offerta", "促销价格", "活动价", "折扣价", "特價", "促銷價", "セール価格",
    ),
    "sale_from": (
        "date sale price starts", "datum an dem angebotspreis beginnt", "date de début de promo",
        "día en que empieza el precio rebajado", "促销开始日期", "促销价开始日期", "startdatum actieprijs",
    ),
    "sale_until": (
        "date sale price ends", "datum an dem angebotspreis endet", "date de fin de promo",
        "día en que termina el precio rebajado", "促销结束日期", "促销价结束日期",
    ),
    "price": (
        "variant price", "price", "regular price", "preis", "verkaufspreis", "prix", "precio", "价格", "售价",
        "销售价", "一口价", "单价", "regulärer preis", "normalpreis", "einzelpreis", "vk", "vk brutto", "bruttopreis",
        "tarif régulier", "tarif normal", "prix régulier", "prix ttc", "prix de vente", "precio normal",
        "precio de venta", "pvp", "reguliere prijs", "prijs", "prezzo di listino", "prezzo", "cena", "常规售价",
        "原价", "商品价格", "标价", "零售价", "價格", "售價", "定價", "単価", "価格", "販売価格", "税込価格",
    ),
    "currency": ("currency", "währung", "devise", "moneda", "币种", "货币"),
    "stock": (
        "variant inventory qty", "inventory quantity", "stock", "stock quantity", "inventory", "bestand",
        "lagerbestand", "stock actuel", "quantité", "existencias", "cantidad", "库存", "库存数量", "lager",
        "lagermenge", "lagerstand", "menge auf lager", "stock disponible", "qté en stock", "quantité en stock",
        "inventario", "voorraad", "magazzino", "可用库存", "总库存", "商品库存", "数量", "庫存", "庫存數量", "在庫",
        "在庫数",
    ),
    "in_stock": (
        "in stock?", "in stock", "stock status", "verfügbar", "vorrätig?", "en stock ?", "en stock?",
        "¿en inventario?", "¿hay existencias?", "op voorraad?", "in stock ?", "有货？", "有货?", "是否有货",
        "in magazzino?",
    ),
    "tracker": ("variant inventory tracker", "inventory tracker"),
    "policy": ("variant inventory policy", "continue selling when out of stock"),
    "status": (
        "status", "状态", "商品状态", "statut", "estado", "statut du produit", "销售状态", "上架状态", "販売状態",
        "公開状態",
    ),
    "on_show": (
        "published", "published on online store", "veröffentlicht", "是否上架", "publié", "publicado", "gepubliceerd",
        "pubblicato", "opublikowano", "已发布", "已發佈", "发布", "sichtbar", "aktiv", "actif", "activo", "visible",
    ),
    "option1": (
        "option1 value", "attribute 1 value s", "规格", "规格名称", "attribut 1 wert e", "valeur s de l'attribut 1",
        "valeur s de l’attribut 1", "valor es del atributo 1", "商品规格", "销售属性", "规格值", "属性 1 值", "规格1",
    ),
    "option2": ("option2 value", "attribute 2 value s"),
    "option3": ("option3 value", "attribute 3 value s"),
}  # fmt: skip

ORDERS = {
    "order_id": (
        "id", "order id", "订单id", "order item order id", "bestell id", "commande id", "注文id", "order key id",
    ),
    "number": (
        "order number formatted", "name", "order number", "order", "number", "order no", "bestellnummer",
        "bestell nr", "auftragsnummer", "numéro de commande", "n° de commande", "commande", "número de pedido",
        "pedido", "订单号", "订单编号", "主订单编号", "order name", "order nr", "ordernummer", "bestellung",
        "bestellungsnummer", "référence commande", "référence de commande", "n° commande", "numéro commande",
        "nº de pedido", "nº pedido", "n° de pedido", "n° pedido", "número pedido", "ordine", "numero ordine",
        "zamówienie", "交易编号", "订单流水号", "订单编码", "交易订单号", "訂單編號", "訂單號碼", "訂單號",
        "注文番号", "受注番号", "オーダー番号", "주문번호",
    ),
    "user_id": ("user id", "kundennummer", "客户id", "customer reference", "会員番号", "会員id", "會員編號"),
    "shopify_id": (),
    "woocommerce_id": (),
    "email": EMAIL,
    "phone": _PHONE,
    "name": (
        "billing name", "customer name", "customer", "shipping name", "kunde", "kundenname", "client",
        "nom du client", "cliente", "收货人", "收货人姓名", "收货人/提货人", "姓名", "客户姓名", "buyer",
        "buyer name", "recipient name", "empfänger", "käufer", "rechnungsname", "destinataire", "acheteur",
        "comprador", "destinatario", "nombre del cliente", "nom client", "收件人", "收件人姓名", "买家姓名", "订购人",
        "購買人", "訂購人", "訂購人姓名", "顧客姓名", "注文者氏名", "注文者", "注文者名", "購入者", "購入者名",
        "氏名", "お名前", "顧客名", "配送先氏名", "送付先氏名", "주문자",
    ),
    "first_name": (
        "first name billing", "billing first name", "first name", "vorname", "prénom", "nombre", "prenom",
        "billing address first name", "shipping first name", "名",
    ),
    "last_name": (
        "last name billing", "billing last name", "last name", "nachname", "familienname", "nom de famille",
        "apellidos", "apellido", "billing address last name", "shipping last name", "姓",
    ),
    "country": (
        "billing country", "country code billing", "country billing", "country", "land", "pays", "país", "国家",
        "shipping country", "billing country code", "shipping country code", "lieferland", "rechnungsland",
        "pays de livraison", "pays de facturation", "pais", "国家/地区", "收货国家", "國家", "国/地域",
    ),
    "payment": (
        "financial status", "payment status", "paid", "zahlungsstatus", "bezahlt", "statut du paiement", "payé",
        "payée", "estado del pago", "pagado", "付款状态", "支付状态", "zahlung", "zahlstatus", "paiement",
        "état du paiement", "pago", "estado de pago", "付款情况", "支付情况", "收款情形", "付款狀態", "支払い状況",
        "支払状況", "決済状況", "入金状況", "is paid", "payment state",
    ),
    "status": (
        "order status", "status", "bestellstatus", "statut", "statut de la commande", "estado", "estado del pedido",
        "订单状态", "状态", "交易状态", "order state", "auftragsstatus", "état", "état de la commande",
        "statut commande", "situación", "order status name", "交易状况", "订单状况", "訂單狀態", "狀態", "處理狀態",
        "ステータス", "注文ステータス", "注文状況", "対応状況", "受注状態", "주문상태",
    ),
    "fulfilment": (
        "fulfillment status", "fulfilment status", "shipping status", "versandstatus", "statut de livraison",
        "estado del envío", "发货状态", "物流状态", "delivery status", "shipment status", "lieferstatus",
        "statut d'expédition", "statut d’expédition", "statut expédition", "livraison statut", "estado de envío",
        "物流狀態", "出貨狀態", "发货情况", "配送状況", "発送状況", "出荷状況", "发货状态说明",
    ),
    "currency": (
        "currency", "order currency", "währung", "devise", "moneda", "币种", "货币", "currency code", "waehrung",
        "monnaie", "moneda del pedido", "幣別", "通貨", "币别",
    ),
    "subtotal": (
        "subtotal", "order subtotal", "order subtotal amount", "zwischensumme", "sous total", "小计", "商品金额",
        "商品总价", "商品金额合计", "items subtotal", "items total", "product total", "warenwert", "nettowarenwert",
        "total produits", "sous total commande", "total articles", "subtotal del pedido", "total productos",
        "商品总额", "商品总金额", "货款金额", "商品小计", "小計", "商品小計", "商品總價小計", "商品合計", "商品金額",
    ),
    "total": (
        "total", "order total", "order total amount", "net sales", "n revenue", "grand total", "amount", "gesamt",
        "gesamtbetrag", "gesamtsumme", "betrag", "summe", "montant", "montant total", "total ttc", "importe",
        "importe total", "实付金额", "订单实付金额", "买家实际支付金额", "买家实付金额", "实际支付金额", "总金额",
        "买家应付货款", "应付金额", "订单金额", "总计", "order amount", "order total amount incl tax", "total price",
        "total paid", "total amount", "total incl tax", "bestellwert", "rechnungsbetrag", "gesamtpreis",
        "summe brutto", "bruttobetrag", "total commande", "montant de la commande", "montant ttc", "prix total",
        "total pedido", "total del pedido", "importe del pedido", "实收金额", "实收款", "支付金额", "应收金额",
        "订单应付金额", "订单总额", "订单总金额", "付款金额", "应付款", "總金額", "總計", "訂單金額", "訂單總金額",
        "應付金額", "實付金額", "應收款", "合計金額", "合計", "総合計", "お支払金額", "お支払い金額", "請求金額",
        "注文合計", "購入金額", "결제금액", "총금액",
    ),
    "refunded": (
        "refunded amount", "order refund amount", "refund amount", "refunded", "erstattet", "remboursé",
        "refund", "erstattung", "remboursement", "reembolso",
        "reembolsado", "退款金额", "订单退款金额", "refunded total", "total refunded", "refund total",
        "order refund total", "amount refunded", "refunds", "erstattungsbetrag", "erstatteter betrag",
        "montant remboursé", "importe reembolsado", "订单已退款金额", "已退款金额", "退款总额", "实际退款金额",
        "退款金額", "返金額", "返金金額",
    ),
    "ordered_at": (
        "created at", "order date", "date", "date created", "ordered at", "bestelldatum", "datum", "bestellt am",
        "date de commande", "fecha", "fecha del pedido", "下单时间", "下单日期", "订购日期", "订单创建时间",
        "创建时间", "拍下时间", "日期", "order created", "order created at", "order created date", "created",
        "created date", "creation date", "date ordered", "order time", "order placed", "placed at", "purchase date",
        "completed date order", "bestellzeit", "bestellzeitpunkt", "auftragsdatum", "bestelltag",
        "date de la commande", "date commande", "date d'achat", "commandé le", "créée le", "fecha de pedido",
        "fecha pedido", "fecha de compra", "fecha de creación", "data ordine", "订单日期", "订单时间", "成交时间",
        "购买时间", "交易创建时间", "買家下單時間", "訂單日期", "訂單時間", "訂購日期", "下單時間", "下單日期",
        "注文日時", "注文日", "受注日", "受注日時", "購入日時", "주문일시", "주문일",
    ),
    "paid_at": (
        "paid at", "paid date", "date paid", "bezahlt am", "payé le", "fecha de pago", "付款时间", "订单付款时间",
        "支付时间", "买家付款时间", "payment date", "payment time", "zahlungsdatum", "bezahldatum",
        "date de paiement", "date paiement", "fecha pago", "付款确认时间", "付款日期", "买家付款日期",
        "付款時間", "入金日",
        "支払日時", "決済日時",
    ),
    "shipped_at": (
        "fulfilled at", "shipped at", "versendet am", "expédié le", "fecha de envío", "发货时间", "shipping date",
        "ship date", "date shipped", "versanddatum", "date d'expédition", "date d’expédition", "fecha envío",
        "卖家发货时间", "出貨日期", "出貨時間", "发货日期", "発送日", "発送日時", "出荷日",
    ),
    "cancelled_at": (
        "cancelled at", "canceled at", "storniert am", "annulé le", "取消时间", "stornodatum", "date d'annulation",
        "fecha de cancelación", "关闭时间", "取消日期", "キャンセル日",
    ),
    "shipping": (
        "shipping", "shipping total", "order shipping amount", "shipping amount", "shipping cost", "versand",
        "versandkosten", "frais de port", "frais de livraison", "gastos de envío", "运费", "邮费", "买家应付邮费",
        "運費", "物流費用", "送料",
    ),
    "tax": (
        "taxes", "tax", "tax total", "total tax", "order total tax amount", "order total tax", "mwst", "mwst betrag",
        "ust", "tva", "montant tva", "iva", "impuestos", "税费", "税额", "稅額", "消費税",
    ),
    "lines": ("line items", *(f"line item {at}" for at in range(1, 41))),
    "item_id": (
        "item product id", "lineitem product id", "product id", "item id", "商品id", "lineitem id", "宝贝id",
        "商品番号",
    ),
    "item_sku": (
        "lineitem sku", "sku", "item sku", "货号", "商家编码", "规格编码", "product sku", "artikelnummer",
        "artikel nr", "référence", "référence produit", "referencia", "外部系统编号", "商品编码", "商品编号",
        "sku编码", "sku id", "商品コード", "品番", "商品編號", "貨號", "产品编码",
    ),
    "item_name": (
        "lineitem name", "item name", "product name", "product", "artikel", "produkt", "produit", "producto",
        "商品名称", "商品标题", "宝贝标题", "宝贝名称", "全部商品名称", "item", "items", "product title", "products",
        "produktname", "artikelname", "artikelbezeichnung", "bezeichnung", "article", "désignation", "nom du produit",
        "artículo", "nombre del producto", "标题", "产品名称", "产品名", "宝贝", "品名", "商品", "商品名", "商品名稱",
        "品項", "상품명",
    ),
    "item_quantity": (
        "lineitem quantity", "quantity refund", "quantity", "item quantity", "qty", "menge", "anzahl", "quantité",
        "cantidad", "数量", "商品数量", "购买数量", "宝贝总数量", "宝贝数量", "item qty", "stück", "stk",
        "menge stück", "qté", "quantité commandée", "unidades", "件数", "商品件数", "宝贝件数", "购买件数", "订购数量",
        "數量",        "總數量", "数", "個数", "購入数量", "注文数", "수량",
    ),
    "item_price": (
        "lineitem price", "item cost", "item price", "unit price", "einzelpreis", "prix unitaire", "precio unitario",
        "单价", "商品单价", "商品价格", "宝贝单价", "item unit price", "product price", "price", "stückpreis",
        "京东价",
        "preis", "einzelpreis brutto", "prix", "prix unitaire ttc", "precio", "价格", "售价", "商品单价 元", "單價",
        "售價", "単価", "価格", "販売価格", "가격",
    ),
}  # fmt: skip

DATES = (
    "created_at", "birthday", "consent", "consent_at", "confirmed_at", "asked_at", "left_at", "cleaned_at",
    "suppressed_at", "ordered_at", "paid_at", "shipped_at", "cancelled_at", "sale_from", "sale_until", "until",
)  # fmt: skip
"""Fields that hold dates."""
