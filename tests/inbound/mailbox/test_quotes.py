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
