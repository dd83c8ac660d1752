"""Whether words lead somewhere: an address that a mail program makes a link of, or that a person reads out of them.

Read as people do: the width and style of letters, marks, signs that nobody sees and blanks around a dot change nothing.
Of ordinary titles nothing is lost: "Dr. Hauschka", "No. 5", "Gen.2" and "台灯。暖光" lead nowhere.
"""

import html
import re
import unicodedata

_WEST = "A-Za-z0-9\u00c0-\u052f"
_STOPS = "。۔܁܂։᙮᠃ꓸ꘎⸼"  # full stops of other scripts; browsers take the first for a dot
_POINTS = "·•∙⋅・‧●◦⚫˙٠۰"  # what only looks like one
_SURE = r"(?:c\s?o\s?m|o\s?r\s?g|biz|xyz|icu|io|ru|su|cn|рф|ру)"
"""Ends of hosts that are no words: with them a dot counts among blanks too."""
_ENDS = (
    rf"(?:{_SURE}|n\s?e\s?t|info|app|dev|site|online|shop|store|top|club|vip|link|click|live|me|co|cc|tk|ws|eu|uk|de|fr"
    r"|at|ch|us|jp|kr|hk|tw|中国|中國|公司|网络|網絡|网址|商城|网店|中文网|我爱你|コム|みんな|닷컴|닷넷|한국|рус|сайт|онлайн)"
)
_SPELLED = r"(?:dot|punkt|punto|point|ponto|точка|点|點)"
_SPELLED_ENDS = rf"(?:{_SURE}|net|info|co|cc|me|eu|uk|cn)"
_CALL = r"(?:call|dial|tel|phone|fon|hotline|whatsapp|sms|viber|anrufen?|电话|電話|拨打|致电|热线|熱線|微信|vx|qq)"
_GAP = r"[\s().·_\/\u2010-\u2015\u2212-]{0,3}"

_FOREIGN_DOT = re.compile(
    rf"(?<=[{_WEST}])[{_STOPS}](?=[{_WEST}])|[{_STOPS}](?=\s?{_ENDS}\b)"
    rf"|(?<=\w)\s?[{_POINTS}]\s?(?={_SURE}\b)|(?<=\w)[{_POINTS}](?=(?:net|info)\b)",
    re.I,
)
_ADDRESS = re.compile(
    rf"""
      \w\s?:\s?//                                   # any scheme
    | \b(?:mailto|tel|sms|javascript|data)\s?:     # a scheme that needs no slashes
    | \bh(?:tt|xx)ps?\b                            # or that lacks them
    | (?<![^\W_])(?:www|w\sw\sw)\d?(?![^\W_])      # a host without one
    | \S@\w | (?:^|\W)@(?:\w{{3}}|[^\W\d]\w)       # a mail address, a name in a chat
    | [^\s.]\s?\.[^\W\d_]{{2,}}                    # a bare domain: shop.example, evil.com/x, evil .com
    | [^\W_]\s\.\s[^\W\d_]{{2,}}                   # evil . shop
    | (?:^|[^\s.]\s?)\.{{1,3}}\s?{_SURE}\b         # evil. com; ".com" alone, as what follows another word
    | [^\W\d_]{{3}}\.\s(?:info\b|net\b(?!\s?(?:\d|wt|weight|content|carbs)))  # but "12 oz. net", "750 g. Net wt"
    | \w\.\s{_ENDS}/                               # evil. shop/x
    | \b(?:c\s?o\s?m\s?/|t\s?me\s?/)\w             # evil com/x, t me/x
    | \w,com\b
    | [\[({{<]\s?(?:\.|{_SPELLED}|at|@)\s?[\])}}>]
    | (?<=[^\W_])(?<!polka)(?<!swiss)[\s_*-]{_SPELLED}[\s_*-]{_SPELLED_ENDS}\b  # evil dot com, no polka dot net
    | [^\W_](?:点|點){_SPELLED_ENDS}\b
    | \bpunkt\sde\b | \bdot\s(?:de|shop|store|app)\s?(?:$|/)
    | \d{{1,3}}(?:\s?\.\s?\d{{1,3}}){{3}}          # an address of four numbers
    | (?:\+|\b00)\s?\d(?:{_GAP}\d){{6,}}           # a telephone number with its country
    | \b\d(?:{_GAP}\d){{8,}}                       # or long enough to be dialled
    | (?<![^\W_]){_CALL}(?!\w?[a-z])\D{{0,8}}\d(?:{_GAP}\d){{5,}}  # or that one is asked to dial
    | \b1-8\d\d-[a-z0-9]
    | (?<![^\W_])(?:instagram|insta|ig|telegram|tg|whatsapp|wechat|weixin|微信|vx|qq|snapchat|discord)
      \s?(?:id|号|號)?\s?:\s?\S                    # who to write to elsewhere
    """,
    re.X | re.I,
)


def leads_somewhere(words: str) -> bool:
    return _ADDRESS.search(_read(words)) is not None


def _read(words: str) -> str:
    """As somebody would read it out: without marks and blanks that are not seen, each dot as one dot."""
    apart = unicodedata.normalize("NFKD", html.unescape(words).replace("%2e", ".").replace("%2E", "."))
    seen = (" " if one.isspace() or one in "\u115f\u1160\u2800" else one for one in apart)
    bare = "".join(one for one in seen if unicodedata.category(one)[0] not in "MC")
    return _FOREIGN_DOT.sub(".", " ".join(unicodedata.normalize("NFC", bare).split()))
