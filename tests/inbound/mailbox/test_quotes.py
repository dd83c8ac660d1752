"""What somebody wrote themselves, in replies of several programs and languages."""

import pytest

from bot.inbound.mailbox import quotes

OWN = "I want the blue one."
OLD = "> Hello Ada,\n> you left a lamp behind.\n>\n> Juniper & Oak\n"
BOX = "<news@shop.example>"

REPLIES = {
    "gmail": f"{OWN}\n\nOn Tue, Mar 3, 2026 at 9:00 AM Juniper & Oak {BOX} wrote:\n\n{OLD}",
    "gmail wrapped": f"{OWN}\n\nOn Tue, Mar 3, 2026 at 9:00 AM Juniper & Oak\n{BOX} wrote:\n{OLD}",
    "german": f"{OWN}\n\nAm Di., 3. März 2026 um 09:00 Uhr schrieb Juniper & Oak <\nnews@shop.example>:\n\n{OLD}",
    "chinese": f"{OWN}\n\n在 2026年3月3日，Juniper & Oak {BOX} 写道：\n\n{OLD}",
    "japanese": f"{OWN}\n\n2026年3月3日(火) 9:00 Juniper & Oak {BOX}:\n\n{OLD}",
    "apple": f"{OWN}\n\nSent from my iPhone\n\n> On 3 Mar 2026, at 09:00, Juniper & Oak {BOX} wrote:\n> \n{OLD}",
    "outlook": (
        f"{OWN}\n\n________________________________\nFrom: Juniper & Oak {BOX}\nSent: Tuesday, March 3, 2026 9:00 AM\n"
        "To: Ada <ada@example.org>\nSubject: You left a lamp behind\n\nHello Ada,\nyou left …"
    ),
    "outlook german": (
        f"{OWN}\n\n-----Ursprüngliche Nachricht-----\nVon: Juniper & Oak\nGesendet: Dienstag, 3. März 2026\n"
        "An: Ada\nBetreff: Lampe\n\nHallo"
    ),
    "foxmail": (f"{OWN}\n\n发件人： Juniper & Oak {BOX}\n发送时间： 2026年3月3日\n收件人： Ada\n主题： 灯\n\n您好"),
    "below": f"On Tue, Mar 3, 2026 Juniper wrote:\n{OLD}\n{OWN}\n",
    "signed": f"{OWN}\n-- \nAda Lovelace\nLondon\n\nOn 3 Mar 2026 Juniper wrote:\n{OLD}",
}


INTRODUCTIONS = [
    f"On Tue, Mar 3, 2026 at 9:00 AM Juniper & Oak {BOX} wrote:",
    "On Tue, Mar 3, 2026 at 9:00 AM Juniper & Oak <\nnews@shop.example> wrote:",
    "---- On Tue, 03 Mar 2026 09:00:00 +0100 Juniper & Oak wrote ----",
    f"Juniper & Oak {BOX} schrieb am Di., 3. März 2026, 09:00:",
    f"Am 03.03.2026 um 09:00 schrieb Juniper & Oak {BOX}:",
    f"Le mar. 3 mars 2026 à 09:00, Juniper & Oak {BOX} a écrit :",
    f"Le mar. 3 mars 2026 à 09:00, Juniper & Oak {BOX}\na écrit :",
    f"El mar, 3 mar 2026 a las 9:00, Juniper & Oak ({BOX}) escribió:",
    f"Em ter., 3 de mar. de 2026 às 09:00, Juniper & Oak {BOX} escreveu:",
    f"Il giorno mar 3 mar 2026 alle ore 09:00 Juniper & Oak {BOX} ha scritto:",
    f"Op di 3 mrt 2026 om 09:00 schreef Juniper & Oak {BOX}:",
    f"Op 3 mrt. 2026, om 09:00 heeft Juniper & Oak {BOX} het volgende geschreven:",
    f"Den tis 3 mars 2026 kl 09:00 skrev Juniper & Oak {BOX}:",
    f"tir. 3. mar. 2026 kl. 09:00 skrev Juniper & Oak {BOX}:",
    f"ti 3. maalisk. 2026 klo 9.00 Juniper & Oak {BOX} kirjoitti:",
    f"W dniu 3.03.2026 o 09:00, Juniper & Oak pisze:\nwt., 3 mar 2026 o 09:00 Juniper & Oak {BOX} napisał(a):",
    f"út 3. 3. 2026 v 9:00 odesílatel Juniper & Oak {BOX} napsal:",
    f"Juniper & Oak {BOX} ezt írta (időpont: 2026. márc. 3., K, 9:00):",
    f"În mar., 3 mar. 2026 la 09:00, Juniper & Oak {BOX} a scris:",
    f"вт, 3 мар. 2026 г. в 09:00, Juniper & Oak {BOX}:",
    f"03.03.2026 09:00, Juniper & Oak {BOX} пише:",
    f"Στις Τρί 3 Μαρ 2026 στις 9:00 π.μ., ο χρήστης Juniper & Oak {BOX} έγραψε:",
    f"Juniper & Oak {BOX}, 3 Mar 2026 Sal, 09:00 tarihinde şunu yazdı:",
    f"Juniper & Oak {BOX} 于2026年3月3日周二 09:00写道：",
    f"2026年3月3日(火) 9:00 Juniper & Oak {BOX}:",
    f"2026년 3월 3일 (화) 오전 9:00, Juniper & Oak {BOX}님이 작성:",
    f"Vào Th 3, 3 thg 3, 2026 vào lúc 09:00 Juniper & Oak {BOX} đã viết:",
    f"בתאריך יום ג׳, 3 במרץ 2026 ב-9:00 מאת Juniper & Oak {BOX}:",
    "-----Original Message-----",
    "-------- Ursprüngliche Nachricht --------",
    "------------------ 原始邮件 ------------------",
    f"From: Juniper & Oak {BOX}\nSent: Tuesday, March 3, 2026 9:00 AM\nTo: Ada\nSubject: Lamp",
    f"*De :* Juniper & Oak {BOX}\n*Envoyé :* mardi 3 mars 2026 09:00\n*À :* Ada\n*Objet :* Lampe",
    f"寄件者: Juniper & Oak {BOX}\n寄件日期: 2026年3月3日\n收件者: Ada\n主旨: 燈",
]


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
def test_what_is_introduced_is_a_quotation_without_marks_too(introduction: str) -> None:
    reply = quotes.split(f"{OWN}\n\n{introduction}\n\nHello Ada,\n\nyou left a lamp behind: it waits.\n")
    assert reply.own == OWN


@pytest.mark.parametrize(
    "text",
    [
        "Name: Ada\nEmail: ada@example.org\nOrder: 1001\nProblem: broken\n\nPlease help",
        "On 3 March 2026 I wrote to help@shop.example about my lamp.\nNothing came since:\nwhere is it?",
        "I ordered on 2026-03-03:\n- a lamp\n- a chair",
        "My colleague wrote to me: the lamp is broken.",
        "From: Berlin\nTo: Hamburg\nWhen can you deliver?",
        "> Which colour?\n\nBlue, please.",
        "See below.\n\n---------- Forwarded message ---------\nFrom: Carrier <i@c.example>\nDate: today\n"
        "Subject: Parcel\nTo: ada@example.org\n\nIt goes back.",
        "See below.\n\nBegin forwarded message:\n\n> From: Carrier <i@c.example>\n> Subject: Parcel\n>\n> Back.",
        "Sent from the wrong address, sorry:\nplease use this one.",
        "Ada wrote on 3 March 2026 that the lamp\nis broken.",
        "The lamp is broken.\n\nImportant: ring me before you deliver, the recipient is away.",
        "The lamp is broken.\n\nThis message is for your manager, it is confidential.",
        f"Hi,\n\nOn 3 Mar 2026 Juniper {BOX} wrote:\n> Would you like to have the money back or rather another lamp?\n"
        "the money\n> And when may we come to take the old one with us?\ntomorrow",
        "I read this below your mail:\n\nThis e-mail is confidential. Am I the intended recipient?",
    ],
)
def test_own_words_are_never_taken_away(text: str) -> None:
    assert quotes.split(text).own == text


def test_words_above_and_below_an_introduced_quotation_are_both_theirs() -> None:
    text = f"Thank you.\n\nOn 3 Mar 2026 at 9:00 Juniper {BOX} wrote:\n{OLD}\nRegards, Ada"
    assert quotes.split(text).own == "Thank you.\n\n\nRegards, Ada"


@pytest.mark.parametrize("name", REPLIES)
def test_own_words_are_found(name: str) -> None:
    reply = quotes.split(REPLIES[name])
    assert reply.own == OWN


def test_answers_between_the_lines_stay_where_they_are() -> None:
    text = "> Which colour?\nBlue.\n> Which size?\nLarge.\n"
    assert quotes.split(text).own == text.strip()


def test_words_above_and_below_stay() -> None:
    text = f"Hello,\n\nyou wrote:\n{OLD}\nBut that is wrong, because it is 5 cm too long.\n"
    assert "too long" in quotes.split(text).own and "Hello" in quotes.split(text).own


def test_nothing_but_a_quotation_has_no_own_words() -> None:
    assert quotes.split(f"On Tue, Mar 3, 2026 Juniper wrote:\n{OLD}").own == ""


def test_lists_with_colons_are_no_header() -> None:
    text = "My order:\nSize: L\nColour: blue\nNumber: 2\nThank you"
    assert quotes.split(text).own == text


def test_a_signature_alone_goes_and_a_mail_of_nothing_else_stays() -> None:
    assert quotes.split("Yes.\n-- \nAda").own == "Yes."
    assert quotes.split("-- \nAda").own == "--\nAda"


OUTLOOK = f"From: Juniper & Oak {BOX}\nSent: Tuesday, March 3, 2026 9:00 AM\nTo: Ada\nSubject: Lamp\n\n"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        (f"{OWN}\n\n{OUTLOOK}Which size?\nLARGE PLEASE\n", "LARGE PLEASE"),
        (f"{OWN}\n\nOn Tue, Mar 3, 2026 at 9:00 AM Juniper {BOX} wrote:\n\nWhich size?\nLarge.\n", "Large."),
        (f"{OWN}\n\n> Which size?\n> (Large.)\n", "(Large.)"),
        (f"{OWN}\n\nOn 3 Mar 2026 Juniper wrote:\n> Which size?\n\n" + "-- \n" + "line of a signature\n" * 12,
         "line of a signature"),
        (f"{OWN}\n\nOn 3 Mar 2026 Juniper {BOX} wrote:\n> A long line of the letter that was quoted, and then"
         " wrapped by\nthe program on its way.\n> And one more line.\n", "the program on its way"),
        (f"{OWN}\n-- \n" + "a letter that begins with two dashes\n" * 12, "a letter that begins"),
        (f"{OWN}\n\nThis e-mail is confidential,\nand for the intended recipient alone.\n", "confidential"),
        (f"{OWN}\n\n本邮件含有保密信息，仅供收件人使用。\n", "仅供收件人"),
    ],
)  # fmt: skip
def test_what_may_be_theirs_is_folded_and_not_lost(text: str, folded: str) -> None:
    reply = quotes.split(text)
    assert reply.own == OWN
    assert folded in reply.folded


@pytest.mark.parametrize(
    "text",
    [
        f"{OWN}\n\nOn Tue, Mar 3, 2026 at 9:00 AM Juniper & Oak {BOX} wrote:\n\n{OLD}",
        f"{OWN}\n\n> On 3 Mar 2026, at 09:00, Juniper & Oak {BOX} wrote:\n> \n{OLD}",
        f"On Tue, Mar 3, 2026 Juniper wrote:\n{OLD}\n{OWN}\n",
        f"{OWN}\n-- \nAda\n",
        f"{OWN}\n\nAm 3. März 2026 um 09:00 schrieb Juniper {BOX}:\n{OLD}\n-- \nAda\n",
    ],
)
def test_what_is_surely_repeated_is_not_shown_again(text: str) -> None:
    reply = quotes.split(text)
    assert (reply.own, reply.folded) == (OWN, "")
