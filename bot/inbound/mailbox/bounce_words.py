"""What a mail server means by its words: an address that is none, a full box, a policy, a moment."""

import re
from typing import Literal

Meaning = Literal["hard", "policy", "soft"]

_FULL = re.compile(
    r"(?:mail)?box(?: is)?(?: currently)? (?:is )?(?:full|exceeded|over)|mailbox full|over ?quota"
    r"|quota (?:exceeded|limit|is full)|exceed\w* .{0,30}(?:quota|storage|space|size limit)"
    r"|insufficient (?:system )?(?:storage|disk)|not enough (?:storage|disk|space)|disk (?:quota|full)"
    r"|out of (?:storage|space)|user is over|has no space|too large|size limit|メールボックス.{0,12}(?:一杯"
    r"|容量)|邮箱.{0,4}(?:已满|空间)|boîte .{0,20}pleine|postfach .{0,20}voll|buzón .{0,20}lleno",
    re.I,
)
_POLICY = re.compile(
    r"black ?-?list|block ?-?list|\bblock(?:ed|ing)\b|\bspam|spamhaus|\bspf\b|\bdkim\b|\bdmarc\b|polic(?:y"
    r"|ies)\b|reputation|rate ?limit|too many|too fast|not (?:allowed|permitted|authori[sz]ed) to"
    r"|unrout\w+ sender|sender (?:address )?(?:was )?(?:rejected|denied|verif)|relay|\bptr\b|reverse dns|rdns"
    r"|\brbl\b|dnsbl|virus|malware|authenticat|gr[ae]y ?list|unsolicited|encrypt|\btls\b"
    r"|recipient preferences?|suspicio|phish|prohibited|abuse|bulk mail|content (?:rejected|filter|denied)"
    r"|message (?:content )?rejected|access denied|service refused|not accepting mail from|banned"
    r"|permission to post|restricted|whitelist|throttl",
    re.I,
)
_NO_HOST = (
    r"host (?:or domain(?: name)? )?(?:not found|unknown)|unknown host|domain (?:not found|does ?n[o']t exist"
    r"|name not found)|no such (?:domain|host)|(?:invalid|unknown|bad) (?:destination )?(?:domain|host)"
    r"|nxdomain|unrout(?:e)?able|couldn'?t find (?:a|any) (?:mail exchanger|host)|no (?:mx|mail exchanger)"
    r"|null mx|(?:host|domain) (?:\S+ )?does not accept mail|domain is not reachable"
    r"|dns error.{0,60}(?:not found|nxdomain)|domain .{0,80}couldn't be found"
    r"|cannot find your (?:recipient's )?domain|\bhost [\w.-]+ not found|indicated no smtp service"
    r"|domain does ?n['o]t exist"
)
_NO_USER = (
    r"(?:user|recipient|address|mailbox|account|local[- ]?part|addressee"
    r"|alias)\w* (?:\S{0,80} )?(?:is )?(?:unknown|not found|not known)|(?:unknown|no such|invalid|bad"
    r"|nonexist\w*|non-exist\w*|unlisted|undefined|illegal|unrecogni[sz]ed) (?:\S+ )?(?:local |final delivery "
    r"|virtual )?(?:user|recipient|address|mailbox|account|addressee|alias|person|name|id\b)|(?:user|recipient"
    r"|address|mailbox|account|email|e-mail|addressee|name|member|inbox)\w*(?:[^.\n]|\.(?=\S)){0,120}"
    r"(?:does ?n['o]?t exist"
    r"|do ?n['o]?t exist|not exist|no longer (?:exist|valid|available|active|on|in use)"
    r"|could ?n['o]?t be found|was ?n['o]?t found|cannot be found|not listed|is invalid|is not (?:valid"
    r"|a valid|known)|not recogni[sz]ed|has been (?:deleted|closed|removed|terminated))"
    r"|(?:does ?n['o]?t|do not|not) (?:have|a"
    r"|our|match|recogni[sz]ed?)(?: an?)? (?:\S+ )?(?:account|user|customer|valid (?:user|recipient|mailbox"
    r"|address))|no (?:mailbox|account|user|recipient)(?: is)? (?:here|by that name|with that|found|such"
    r"|matching)|no such user here|user ?unknown|unknown ?user|recipient address rejected\.?\s*(?:$"
    r"|access denied)|recipient (?:rejected|no longer)|mailbox (?:is )?(?:unavailable|not available)|has moved"
    r"|no forwarding address|no valid recipients|that (?:domain|user) isn't in|not a known user|wasn't found at"
    r"|見つかりません"
    r"|存在しません|リストにありません|(?:用户|邮箱|收件人|地址).{0,8}不存在|adresse .{0,20}(?:invalide"
    r"|inconnue)|empfänger .{0,20}(?:unbekannt|existiert nicht)|destinatario .{0,20}desconocido"
)
_NONE = re.compile(f"{_NO_HOST}|{_NO_USER}", re.I)
_AT_REST = re.compile(
    r"(?:account|mailbox|user)\b.{0,40}\b(?:is |has been )?(?:disabled|suspended|inactive|locked)", re.I
)
"""An address that is there and may be given back to its owner."""
_DENIED = re.compile(r"recipient address rejected: access denied", re.I)
_MOMENT = re.compile(
    r"malformed|name server reply|try again|temporar|timed? ?out|expired|defer|delayed|connection refused"
    r"|too (?:old|long)|retry|unreachable|not responding|lost connection|busy|undeliverable for"
    r"|could not connect|system error|out of memory",
    re.I,
)
_PROGRAM = re.compile(
    r"(?:procmail|maildrop|mailbot|lmtp|mail\.local|deliver): .{0,60}"
    r"(?:(?:can'?t|can ?not|couldn'?t|unable to) (?:create|open|write|lock)|permission denied)",
    re.I,
)
"""The program that was to store it could not: the address is there."""
_LINK = re.compile(r"https?://\S+|\bwww\.\S+", re.I)
_RETURNED = re.compile(
    r"^\W*(?:this is (?:a )?(?:the )?copy of|below (?:this line )?is (?:a|the) (?:copy|header)"
    r"|original message (?:follows|headers)|received: from|(?:the )?(?:returned|original|unsent"
    r"|undelivered) message|message (?:header|contents?|follows)|return-path:|your message is below)",
    re.I | re.M,
)
_SUBJECT = re.compile(
    r"undeliver|undelivr|deliver\w*[ :-]+(?:\w+ )?(?:fail|status|problem|error|notif|report|unsuccess)"
    r"|fail\w* (?:notice|to deliver|deliver|mail)|returned (?:e?-?mail|to sender)|return(?:ing|ed) message"
    r"|(?:could|can) ?not (?:be )?(?:send|sent|deliver)|non[- ]?deliver|mail (?:system )?error"
    r"|mail(?:er)?[ -]daemon|automatically rejected mail|message (?:status|you sent blocked)|bounce|unzustellbar"
    r"|nicht zugestellt|non remis|non distribu|no entregado|no se ha entregado|mancato recapito|onbestelbaar"
    r"|niet afgeleverd|недостав|не доставлен|退信|退件|无法投递|系统退信|メールエラー|配信(?:不能|エラー)"
    r"|送信(?:エラー|失敗)|전송 ?실패|배달 ?실패",
    re.I,
)
_UNDELIVERED = re.compile(
    r"(?:not|n['’]t|never) (?:be |been |yet been |able to )?deliver|unable to deliver|delivery (?:has )?failed"
    r"|did not receive th|(?:has|have) been returned|was rejected|n'a pas pu être (?:remis|distribu|livr)"
    r"|konnte nicht zugestellt|no (?:se )?pudo (?:ser )?entreg|non è stato possibile (?:recapit|consegn)"
    r"|无法(?:发送|投递|送达)|無法(?:傳送|投遞|送達)|退回来|配信できません|送信できません"
    r"|не (?:удалось|может быть) доставл",
    re.I,
)
_AFTER_DATA = re.compile(
    r"in reply to\s+(?:the\s+)?(?:end\s+of\s+)?data\s+command|after\s+(?:end\s+of\s+)?data\b", re.I
)
_BEFORE_RECEIVER = re.compile(
    r"(?:in reply to|after)\s+(?:the\s+)?(?:mail\s+from|ehlo|helo|starttls|initial connection)\b"
    r"|my name was rejected|>>> (?:mail from|ehlo|helo)\b(?![^<]*>>> (?:rcpt|data))",
    re.I,
)
_LATE = re.compile(
    r"delayed|still (?:being )?(?:tr|retr|queued)|will (?:continue|keep|be retried|try)|no action is required"
    r"|has not (?:yet )?been delivered|not yet been delivered|warning: (?:could not|message)",
    re.I,
)
_FINAL = re.compile(
    r"giving up|gave up|permanent|fail(?:ed|ure)|returned|undeliverable|will not (?:be )?(?:retr|try)", re.I
)


def meaning(words: str) -> Meaning | None:
    """A full box and a policy count before the address: on their word nobody's address is given up."""
    plain = _LINK.sub(" ", words)
    if _FULL.search(plain):
        return "policy"
    if _PROGRAM.search(plain):
        return "soft"
    if _DENIED.search(plain):
        return "hard"
    if _POLICY.search(plain) or _AT_REST.search(plain) or "spamhaus" in words:
        return "policy"
    if _NONE.search(plain):
        return "hard"
    return "soft" if _MOMENT.search(plain) else None


def before_what_came_back(text: str) -> str:
    """The report's own words: those of our mail below them mean nothing."""
    text = text[:20_000]
    found = _RETURNED.search(text)
    return text[: found.start()] if found and text[: found.start()].strip() else text


def after_data(text: str) -> bool:
    """The last server took the address and refused the mail."""
    return bool(_AFTER_DATA.search(text[:20_000]))


def before_receiver(text: str) -> bool:
    """The last server refused us before it heard for whom the mail is."""
    return bool(_BEFORE_RECEIVER.search(text[:20_000]))


def is_bounce(subject: str) -> bool:
    return bool(_SUBJECT.search(subject))


def is_undelivered(words: str) -> bool:
    """It says no more than that."""
    return bool(_UNDELIVERED.search(words[:3000]))


def is_late(subject: str, words: str) -> bool:
    """It is still on its way."""
    return bool(_LATE.search(f"{subject}\n{words[:3000]}")) and not _FINAL.search(subject)
