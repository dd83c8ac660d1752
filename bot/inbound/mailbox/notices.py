"""What firms have their mail servers write below every mail: that it is confidential, and for its receiver alone."""

import re

_LONGEST, _WHOLE = 200, 3_000  # characters of a line, of a notice that are looked at
_MOST_LINES = 60  # from the end, in which such a notice begins
_BEGINS = re.compile(
    r"^[\s*_>(\[]{0,8}(?:"
    r"(?:confidential|privacy|legal|disclaimer|important|privileged)[ \w/&]{0,30}[:.\-–]"
    r"|(?:this|the (?:information|contents?)(?: contained)? (?:in|of) this) (?:e-?mail|message|communication)"
    r"|(?:diese|die in dieser) (?:e-?mail|nachricht)|(?:ce|cet|le contenu de ce) (?:message|courriel|e-?mail|courrier)"
    r"|(?:este|el contenido de este) (?:mensaje|correo|e-?mail)|(?:esta|o conteúdo desta) mensagem"
    r"|(?:questa|il contenuto di questa|le informazioni contenute in questa) (?:e-?mail|comunicazione)"
    r"|(?:dit|de informatie in dit) (?:e-?mail)?\s?bericht|(?:ta|niniejsza) wiadomość"
    r"|(?:это|настоящее) (?:сообщение|письмо)|本(?:邮件|郵件|电子邮件|電子郵件)|(?:本|この)(?:電子)?メール"
    r")",
    re.I,
)
_SECRET = re.compile(
    r"confiden|privileged|vertraulich|geschützt|riservat|vertrouwelijk|poufn|конфиденциальн|保密|机密|機密|秘密", re.I
)
_RECEIVER = re.compile(
    r"recipient|addressee|intended|empfänger|adressat|destinat|ontvanger|geadresseerde|adresat|odbiorc|адресат|получател"
    r"|收件人|接收|收件者|受信者|宛先|名宛",
    re.I,
)


def apart(lines: list[str]) -> tuple[list[str], list[str]]:
    """The words, and the notice at their end if there is one: it speaks of a secret and of its receiver."""
    for n in range(max(1, len(lines) - _MOST_LINES), len(lines)):
        if not lines[n - 1].strip() and _BEGINS.match(lines[n][:_LONGEST]) and _is_notice(lines[n:]):
            above = lines[:n]
            return (above, lines[n:]) if any(line.strip() for line in above) else (lines, [])
    return lines, []


def _is_notice(lines: list[str]) -> bool:
    text = " ".join(lines)[:_WHOLE]
    return "?" not in text and "？" not in text and bool(_SECRET.search(text) and _RECEIVER.search(text))
