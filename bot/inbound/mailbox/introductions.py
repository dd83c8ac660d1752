"""The lines by which mail programs of many languages introduce what they repeat: `On Tuesday Ada wrote:`, headers."""

import re


def _any_of(wordings: str) -> str:
    """One pattern of many, which stand two blanks apart; the longest first."""
    return "|".join(sorted(re.split(r"\s{2,}|\n", wordings.strip()), key=len, reverse=True))


_WROTE = _any_of(r"""
    wrote  writes  pisze
    schrieb\w*  a écrit  a écrit  écrivait  ha scritto  scrive  escribió  escribio  escreveu  schreef
    geschreven  skrev  skrifaði  kirjoitti  napisał(?:\(a\)|a)?  napsal(?:\(a\)|a)?  napísal(?:\(a\)|a)?  írta  ezt írta
    a scris  написал(?:\(а\)|а)?  пишет  пише
    написа[вл]?(?:\(ла\)|ла)?  έγραψε  yazdı  şunu yazdı  yazmış
    napisao  napisala  je napisal(?:\(a\)|a)?  rašė  parašė  rakstīja  kirjutas  va escriure  đã viết  menulis  เขียนว่า
    כתב/?ה?  כתבה  كتب  写道  寫道  写到  书写道  さんは書きました  書きました  님이 작성  작성
""")
_ORIGINAL = _any_of(r"""
    original message  original-nachricht  ursprüngliche nachricht  originalnachricht  message d['’]origine
    message original  mensaje original  mensagem original  messaggio originale  oorspronkelijk bericht
    origineel bericht  ursprungligt meddelande  original ?meddelelse  oprindelig (?:meddelelse|besked)
    opprinnelig melding  alkuperäinen viesti
    wiadomość oryginalna  oryginalna wiadomość  původní (?:zpráva|e-?mail)  pôvodná správa  eredeti üzenet
    mesaj original  исходное сообщение  оригинальное сообщение  оригінальне повідомлення  αρχικό μήνυμα
    orijinal mesaj  özgün ileti  原始邮件  原邮件  原始郵件  原始信件  元のメッセージ  オリジナルメッセージ
    원본 ?메시지  원본 ?메일  thư gốc  pesan asli  reply message
""")
_FORWARDED = _any_of(r"""
    forwarded message  forwarded by  weitergeleitete nachricht  message transféré  message réexpédié  mensaje reenviado
    mensagem encaminhada  messaggio inoltrato  doorgestuurd bericht  vidarebefordrat meddelande  videresendt melding
    videresendt meddelelse  välitetty viesti  przekazana wiadomość  wiadomość przekazana  přeposlaná zpráva
    továbbított üzenet  mesaj redirecționat  пересылаемое сообщение  переадресоване повідомлення
    προωθημένο μήνυμα  iletilmiş mesaj  転送メッセージ  转发的邮件  转发邮件  轉寄郵件  전달된 메시지
""")
_FROM = _any_of(r"""
    from  von  de  da  van  från  fra  lähettäjä  od  odesílatel  feladó  от  від  od kogo  απ[οό]  kimden  gönderen
    发件人  寄件者  寄件人  差出人  送信者  보낸 ?사람  từ  dari  מאת  من  expéditeur  message du  mittente  remitente
    remetente
""")
_OTHERS = _any_of(r"""
    sent  date  to  cc  bcc  subject  reply-to  gesendet(?: am)?  datum  an  betreff  kopie  envoyé(?: le)?  à  a
    copie à  objet  sujet  enviado(?: el| em)?  enviada(?: em)?  fecha  data  para  asunto  assunto  inviato  risposta
    oggetto  verzonden  aan  onderwerp  skickat  till  ämne  sendt  dato  til  emne  lähetetty  vastaanottaja
    aihe  päiväys  wysłano  wysłane  do  temat  odesláno  komu  předmět  elküldve  címzett  tárgy  trimis  către
    subiect  дата  отправлено  кому  тема  копия  надіслано  ημερομηνία  προς  θέμα  tarih  kime  konu  gönderilme
    发送时间  发送日期  日期  时间  收件人  抄送  主题  寄件日期
    收件者  主旨  副本
    送信日時  日時  宛先  件名
    보낸 ?날짜  날짜  받는 ?사람  제목  gửi  đến
    chủ đề  kepada  perihal  נשלח  אל  נושא  importance  priority  attachments
""")
_ADDRESS = r"[^\s<>\"()@]{1,64}@[^\s<>\"()@]{1,120}"
_WROTE_AT_ALL = re.compile(rf"(?<!\w)(?:{_WROTE})(?!\w)|写道|寫道|写到|書きました", re.I)
_HAS_ADDRESS = re.compile(_ADDRESS)
_HAS_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}(?!\d)|\b(?:19|20)\d\d\b|\d{4}年|\b\d{1,2}[:.h]\d\d\b|\b\d{1,2}\.? \w{3}")
_ENDS = re.compile(rf"[:：]\**\s*$|(?:{_WROTE})\s*[:：]?[\s*_-]*$", re.I)
_NAME_LAST = re.compile(rf"(?:{_WROTE})(?!\w).{{0,100}}<\s?{_ADDRESS}", re.I)
_NAME_FIRST = re.compile(rf"^[^<>]{{0,80}}<{_ADDRESS}>\s+(?:{_WROTE})(?!\w).{{0,60}}$", re.I)
_DATED = re.compile(rf"^\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}\b.{{0,120}}(?:<{_ADDRESS}>|GMT[+-]\d\d:\d\d.{{0,60}})\s*$")
_MAY_END = re.compile(rf"[:：>*_-]\s*$|{_ADDRESS}$|GMT[+-]", re.I)
_RULE = re.compile(rf"^[\s*]*[-_=*]{{2,}}\s*(?:{_ORIGINAL})\s*[-_=*:]{{2,}}[\s*]*$", re.I)
_TITLE = re.compile(rf"^[\s*]*(?:{_ORIGINAL})[\s*:]*$", re.I)
_RULED = re.compile(rf"^\s*-{{2,}}\s?\S.{{0,200}}(?:{_WROTE})\s?-{{2,}}\s*$", re.I)
_FORWARD = re.compile(
    rf"^[\s>*]*[-_=]{{2,}}\s*(?:{_FORWARDED})|^[\s>]*(?:begin forwarded message"
    r"|anfang der weitergeleiteten (?:nachricht|e-mail)|début du (?:message|courriel) (?:réexpédié|transféré)"
    r"|inizio messaggio inoltrato|inicio del mensaje reenviado"
    r"|下面是被转发的邮件|開始轉寄|転送されたメッセージ)\s*[:：]",
    re.I,
)
_FIELD = re.compile(rf"^[\s>]{{0,8}}\**(?:({_FROM})|{_OTHERS})\s?\**\s?[:：]\**(?:\s|\S|$)", re.I)
_SHARED = re.compile(r"\w\s?-{3,}\s?\w")
_LEFT_OVER = re.compile(rf"^\s*>\s*(?:{_WROTE})\s*[:：]\s*$", re.I)
_SENTENCE = re.compile(r"[^\W\d_]{4,}[.!?]$")
_RULES = ("-", "_", "=", "*")
_LINES_OF_ONE = 6


def is_left_over(line: str) -> bool:
    """`> wrote:`, the end of an address and of an introduction that was wrapped there: no quoted line."""
    return bool(_LEFT_OVER.match(line))


def is_forward(line: str) -> bool:
    return bool(_FORWARD.match(line))


def is_rule(line: str) -> bool:
    """`-----Original Message-----`, `---- Ada wrote ----`."""
    return line.lstrip()[:1] in _RULES and bool(_RULE.match(line) or (line.rstrip()[-1:] == "-" and _RULED.match(line)))


def is_title(line: str) -> bool:
    """`Original Message` by itself, as telephones write it above a header."""
    return bool(_TITLE.match(line))


def shares_its_line(line: str) -> bool:
    """Own words stand before it: `bye--- On Tuesday Ada wrote:`."""
    return bool(_SHARED.search(line))


def may_end(line: str) -> bool:
    """Whether an introduction may end with this line: asked of many, so by little."""
    return bool(line) and bool(_MAY_END.search(line[-200:]) or _WROTE_AT_ALL.search(line))


def ending_at(lines: list[str], end: int) -> int | None:
    """Where the introduction begins whose last line this is; None if it is none."""
    last = lines[end].strip()
    if not may_end(last) or shares_its_line(last):
        return None
    paragraph = ""
    for start in range(end, max(-1, end - _LINES_OF_ONE), -1):
        line = lines[start].strip()
        if start < end and _SENTENCE.search(line):
            return None
        paragraph = f"{line} {paragraph}".strip()
        if len(paragraph) > 400:
            return None
        if line and not line.startswith(("<", "mailto:", ">")) and introduces(paragraph):
            return _with_its_date(lines, start, paragraph)
        if not line and not paragraph.startswith(("<", "mailto:", ">")):
            return None
    return None


def _with_its_date(lines: list[str], start: int, paragraph: str) -> int:
    """It may have been wrapped right behind its date."""
    if start and not _HAS_DATE.search(paragraph) and _HAS_DATE.search(above := lines[start - 1].strip()):
        return start - 1 if len(above) > 20 and introduces(f"{above} {paragraph}") else start
    return start


def introduces(text: str) -> bool:
    """A date, a name or an address, and that they wrote: two of these at least, and nothing behind."""
    if ("@" in text and _NAME_FIRST.match(text)) or _DATED.match(text):
        return True
    address, date = "@" in text and _HAS_ADDRESS.search(text), _HAS_DATE.search(text)
    wrote = _WROTE_AT_ALL.search(text)
    if _ENDS.search(text):
        return bool((address and (date or wrote)) or (wrote and date))
    return bool(wrote and date and _NAME_LAST.search(text))


def header_block(lines: list[str], start: int) -> bool:
    """The header of the mail repeated: who it is from, and two more of its fields, in the next lines."""
    if not _FIELD.match(lines[start]):
        return False
    names, others = 0, 0
    for line in lines[start : start + 9]:
        found = _FIELD.match(line)
        if found:
            names += bool(found[1])
            others += not found[1]
        elif not line.strip() and names + others > 2:
            break
        elif line.strip() and not line.lstrip().startswith("<") and names + others == 0:
            return False
    return names > 0 and others > 1
