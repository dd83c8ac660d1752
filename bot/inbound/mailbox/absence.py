"""Whether a subject is that of an absence note, as programs and people write them in many languages."""

import re

_PROGRAMS = r"""
    auto(?:matic(?:ally)?)?[ -]?(?:reply|response|responder|generated reply|answer)(?: message)?  autoreply
    autoresponse  vacation(?: auto)?[ -]?(?:reply|response|message|notice|notification)
    automatische (?:antwort|rückantwort)  auto(?:matische)?[ -]?antwort  abwesenheits\w*
    abwesenheits-?assistent\w*  réponse automatique  message d['’ ]?absence(?: du bureau)?
    notification d['’ ]?absence  avis d['’ ]?absence  respuesta automática  respuesta automatica
    resposta automática  resposta automatica  risposta automatica
    automatisch(?:e)? (?:antwoord|beantwoording|reactie)  afwezigheids\w*  autosvar  automatisk[t]? svar
    automaattinen vastaus  automaattivastaus  poissaoloilmoitus  frånvaro\w*  fraværs\w*  fravær
    automatyczna odpowiedź  autoodpowiedź  odpowiedź automatyczna  automatická odpov[eě]ď
    automatick[aá] odpoveď  automatikus válasz  răspuns automat  автоматический ответ  автоответ
    автоматична відповідь  автоматичен отговор  αυτόματη απάντηση  otomatik (?:yanıt|cevap)  automatski odgovor
    samodejni odgovor  automatinis atsakymas  automātiskā atbilde  automaatvastus  trả lời tự động
    balasan otomatis  ตอบกลับอัตโนมัติ  הודעת היעדרות  תשובה אוטומטית  מענה אוטומטי  رد تلقائي  الرد التلقائي
    自动回复  自動回覆  自动答复  自動回復  自動答覆  自動返信  自動応答  不在通知  不在のお知らせ  자동 ?(?:응답|회신)
    부재중 ?(?:알림|안내|메시지)?
"""
_PEOPLE = r"""
    (?:i(?:['’]m| am) )?(?:currently )?(?:out of (?:the |my )?office|ooo)
    (?:i(?:['’]m| am) )?(?:currently )?away from (?:the |my )?(?:office|mail|email|desk)
    (?:i(?:['’]m| am) )?(?:currently )?on (?:vacation|holiday|annual leave|leave|parental leave|maternity leave)
    (?:ich bin )?(?:derzeit |zurzeit |momentan )?(?:nicht im (?:büro|hause)|außer haus|abwesend|im urlaub|in elternzeit)
    (?:je suis )?(?:actuellement )?(?:absente? du bureau|absente?|en congés?|en vacances)  absence du bureau
    (?:estoy )?fuera de (?:la )?oficina  (?:estoy )?de vacaciones  ausente  ausencia
    (?:estou )?fora do escritório  ausência(?: temporária)?  (?:estou )?de férias  ausente do escritório
    fuori (?:sede|ufficio)  assente(?: dall['’ ]ufficio)?  (?:sono )?in ferie  assenza
    (?:ik ben )?(?:niet op kantoor|afwezig|met vakantie|op vakantie)  ej på kontoret  inte på kontoret
    på semester  ikke på kontoret  ikke til stede  på ferie  poissa  lomalla  poissa toimistolta
    (?:jestem )?(?:poza biurem|nieobecn(?:y|a|ość)(?: w biurze)?|na urlopie)  mimo kancelář  nepřítomnost
    dovolená  mimo kancelárie  házon kívül  irodán kívül  szabadságon  în concediu  absent din birou  в отпуске
    вне офиса  отсутствую  у відпустці  извън офиса  εκτός γραφείου  ofis dışında(?:yım)?  ofiste değilim
    tatildeyim  izinde(?:yim)?  van ureda  na godišnjem  không có mặt tại văn phòng  vắng mặt  sedang cuti
    di luar kantor  מחוץ למשרד  خارج المكتب  إجازة  不在办公室  不在辦公室  外出  休假(?:中)?
    不在  休暇(?:中)?  外出中  부재중  휴가 ?(?:중)?
"""


def _any_of(wordings: str) -> str:
    """One pattern of many, which stand two blanks apart; the longest first."""
    return "|".join(sorted(re.split(r"\s{2,}|\n", wordings.strip()), key=len, reverse=True))


_MARKS = r"[\[(【]?\s*"
_PROGRAM = re.compile(rf"{_MARKS}(?:{_any_of(_PROGRAMS)})(?!\w)", re.I)
_PERSON = re.compile(rf"{_MARKS}(?:{_any_of(_PEOPLE)})(?!\w)", re.I)
_ENDS = re.compile(
    r"\s*$|\s*[\])】:：]|\s*[!.。]\s*$|\s*[-–—|,(（]?\s*(?:until|till?|through|from|to|since|auto\S*|notice|message|reply"
    r"|notification|bis|vom|von|ab|jusqu\S*|du|hasta|del|desde|até|ate|de|dal|fino|al|tot|t/m|van|fram|fra|do|od|до|с|по"
    r"|\d\S*)(?!\w)",
    re.I,
)


def is_note(subject: str, *, answers: bool) -> bool:
    """`answers`: the mail answers one of ours; then it may say more behind the words that people use.

    "Out of office chairs in black?" is a question, "On holiday, please keep my parcel" a wish.
    """
    if _PROGRAM.match(subject):
        return True
    found = _PERSON.match(subject)
    if found is None or "?" in subject or "？" in subject:
        return False
    return answers or bool(_ENDS.match(subject, found.end()))
