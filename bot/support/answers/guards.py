"""What must not get a ready answer: danger, a person asked for, anger, and words that only sound like a request."""

import re

from bot.support.answers import danger, wishes

_ANGER = re.compile(
    r"\b(?:scam(?:mer|med)?s?|fraud|rip ?-?off|lawyer|solicitor|trading standards|consumer protection|charge ?back"
    r"|complain(?:t|ts|ing)?|unacceptable|disgusting|ridiculous|outrageous|furious"
    r"|terrible service|worst (?:shop|service)"
    r"|(?:service|support|shop) (?:is|was) (?:terrible|awful|horrible|useless)|very unhappy|fed up|sick of"
    r"|fuck\w*|bullshit|wtf|idiots?|liars?|thieves)\b"
    r"|投诉|骗子|诈骗|消协|12315|工商|律师|起诉|曝光|差评|太差了|垃圾|气死|混蛋|坑人|黑店|忍无可忍"
)
_PUNCTUATION = re.compile(r"[!！]{3,}|[?？]{3,}|[!?！？]{4,}")

_DONE = r"(?:cancell?ed|refunded|returned|exchanged|replaced|changed|modified|deleted|closed)"
_ASKED = r"(?:cancel|refund|return|exchange|replace|change|modify|delete|close)"
_NO_REQUEST = re.compile(
    rf"\b(?:is|was|are|were|been|got|gets|already|getting)(?: \w+)? {_DONE}\b"
    r"|\bno (?:cancellation|refund|return|exchange)\b"
    r"|\b(?:do not|don't|didn't|did not|never|won't|will not|not)(?: want| wish| need| going| ask(?:ed)?)?(?: to| for)?"
    rf"(?: a| my| the)? {_ASKED}\b"
    r"|\b(?:got|received|have got|have received)(?: \w+)? (?:refund|replacement|exchange)\b"
    r"|(?:不要|别|不想|不用|不需要|没有?说要?|没|无需)(?:给我|帮我)?(?:取消|退款|退货|换货|注销|修改|改地址)"
    r"|(?:已经?|被|早就)(?:给我|自动)?(?:取消|退款|退货|退了|换货|注销|修改)"
    r"|(?:取消|退货|退款|换货|注销)(?:已经?)?(?:成功|完成|了吗)"
    r"|收到(?:了)?(?:退款|换货)|退款(?:已经?)?(?:收到|到账了)"
)

_THANKS = re.compile(r"\b(?:thanks?|thx|ty|cheers|appreciated?)\b|谢|感恩|🙏|👍|❤|😊|🤗|💐|🌹")
_POLITE = re.compile(
    r"\b(?:thanks?|thx|ty|cheers|appreciated?|you|u|so|very|much|a|lot|again|many|for|your|the|help|it|this|all|that"
    r"|that's|thats|is|was|great|perfect|good|ok|okay|awesome|cool|lovely|super|nice|wonderful|amazing|really|just"
    r"|what|i|needed|have|day|evening|weekend|bye|goodbye|dear|team|guys|everyone|works|fine|now|got|solved|sorted)\b"
    r"|谢谢|多谢|感谢|谢啦|谢了|好的|收到|非常|十分|万分|真的|很|太|帮助|帮忙|支持|辛苦|客服|你们|你|您|了|啦|哈|呀|啊|哦|嗯|的"
    r"|再见|拜拜|没问题|可以|解决|已经|都|一切|顺利|祝|好"
)
_UNDONE = re.compile(
    r"[?？\d]|\b(?:but|not|no|still|however|when|where|how|why|except|without|never)\b|n't|没(?!问题)|不|但|还|吗|呢"
)
_NO_LETTER = re.compile(r"[^\w\s']|_", re.UNICODE)

_SHORT = 80


def only_thanks(raw: str) -> bool:
    """Nothing but a short thank-you ("ok thanks a lot 🙏"): any other word, number or question says no."""
    text = raw.strip().lower().replace("’", "'")
    if not text or len(text) > _SHORT or not _THANKS.search(text) or _UNDONE.search(text):
        return False
    return not _POLITE.sub(" ", _NO_LETTER.sub(" ", text)).strip()


def in_danger(raw: str) -> bool:
    """Life or health of somebody is at stake: nothing but a person may answer."""
    return danger.is_told(raw)


def wants_human(raw: str) -> bool:
    """Somebody asks for a person in so many words."""
    return wishes.is_told(raw)


def is_angry(raw: str, text: str) -> bool:
    """Complaint and anger words, shouting in capitals (three words or more), `!!!`."""
    if _ANGER.search(text) or _PUNCTUATION.search(raw):
        return True
    words = re.findall(r"[A-Za-z]{3,}", raw)
    return len(words) >= 3 and all(word.isupper() for word in words)


def only_sounds_like_a_request(text: str) -> bool:
    """A state or a negation ("my order is cancelled", "no cancellation"): no action entry may answer it."""
    return _NO_REQUEST.search(text) is not None
