"""Files in the encodings of the world: read rightly, or said that it may be another."""

from pathlib import Path

import pytest

from bot.inbound.files import csv_lines

GERMAN = ["Jörg Müller", "Jürgen Schäfer", "Günther Köhler", "Käthe Böhm", "Anna Weiß", "Uwe Groß", "Hans Maier"]
FRENCH = ["Hélène Dupré", "François Lefèvre", "Zoé Léger", "Benoît Châtelet", "Léa Noël", "Jérôme Besançon"]
SPANISH = ["José Núñez", "María Peña", "Ángel Muñoz", "Lucía Gómez", "Raúl Ordóñez", "Begoña Álvarez"]
MIXED = ["Jürgen Müller", "Hélène Dupré", "José Núñez", "Åsa Ström", "Søren Kjær"]
ENGLISH = ["John O’Brien", "Anna Smith – new", "“Ace” Pace", "Bob Jones", "Eve Low"]
POLISH = ["Łukasz Żółć", "Małgorzata Wiśniewska", "Stanisław Dąbrowski", "Zbigniew Świątek", "Agnieszka Gąsior"]
CZECH = ["Jiří Dvořák", "Tomáš Novák", "Zdeněk Černý", "Kateřina Svobodová", "Šárka Procházková"]
HUNGARIAN = ["Gergő Kovács", "László Szőke", "Zoltán Tóth", "Éva Szűcs", "Ödön Hős", "Tünde Győri"]
RUSSIAN = ["Анна Иванова", "Сергей Петров", "Ольга Смирнова", "Дмитрий Кузнецов", "Юрий Лебедев", "ПЁТР ЁЛКИН"]
GREEK = ["Γιώργος Παπαδόπουλος", "Μαρία Νικολάου", "Κώστας Αντωνίου", "Ελένη Γεωργίου", "Σοφία Βασιλείου"]
TURKISH = ["Ayşe Yılmaz", "Mehmet Şahin", "Gül Çelik", "İbrahim Öztürk", "Oğuz Kılıç"]
CHINESE = ["王小明", "欧阳娜娜", "李雷", "韩梅梅", "张伟", "刘洋", "陈静", "赵磊"]
TAIWANESE = ["陳怡君", "林志豪", "黃淑芬", "張雅婷", "李俊傑", "王美玲", "吳建宏"]
JAPANESE = ["佐藤 太郎", "鈴木 花子", "高橋 健一", "伊藤 さくら", "渡辺 翔太", "ナカムラ ユウキ"]
KOREAN = ["김민준", "이서연", "박지훈", "최수빈", "정하은", "강도윤"]

CASES = [
    *((one, "cp1252") for one in (GERMAN, FRENCH, SPANISH, MIXED, ENGLISH)),
    *((GERMAN, one) for one in ("mac_roman", "cp850")),
    *((one, "cp1250") for one in (POLISH, CZECH, HUNGARIAN)),
    (POLISH, "iso8859_2"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (RUSSIAN, "cp866"), (GREEK, "cp1253"),
    (TURKISH, "cp1254"), (CHINESE, "gbk"), (CHINESE, "gb18030"), (TAIWANESE, "big5"), (JAPANESE, "shift_jis"),
    (JAPANESE, "euc_jp"), (KOREAN, "euc_kr"),
    *(
        (one, encoding)
        for one in (GERMAN, POLISH, RUSSIAN, CHINESE, JAPANESE, KOREAN)
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
    ),
]  # fmt: skip


def _write(path: Path, names: list[str], encoding: str, count: int) -> Path:
    rows = [f"a{at}@example.org;{names[at % len(names)]}" for at in range(count)]
    path.write_bytes("\r\n".join(["email;name", *rows, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("count", [5, 300])
@pytest.mark.parametrize(("names", "encoding"), CASES)
def test_names_come_out_as_they_were_written(tmp_path: Path, names: list[str], encoding: str, count: int) -> None:
    sheet = csv_lines.look(_write(tmp_path / "people.csv", names, encoding, count))
    assert sheet.header == ["email", "name"]
    assert [line.values[1] for line, _ in sheet.lines()] == [names[at % len(names)] for at in range(count)]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Müller", "cp1252"), ("Muñoz", "cp1252"), ("Győri", "cp1250"), ("Şahin", "cp1254"), ("Анна", "cp1251"),
     ("Wójcik Żaneta", "cp1250"), ("李雷", "gbk"), ("홍길동", "euc_kr"), ("陳怡君", "big5"), ("山田太郎", "shift_jis"),
     ("דוד כהן", "cp1255")],
)  # fmt: skip
def test_a_single_name_is_read_rightly_or_its_other_reading_is_told(tmp_path: Path, name: str, encoding: str) -> None:
    file = _write(tmp_path / "one.csv", [name], encoding, 1)
    sheet = csv_lines.look(file)
    readings = [sheet.encoding, *(other for other, _ in sheet.others)]
    assert any(name in file.read_bytes().decode(one, "replace") for one in readings)


def test_words_are_shown_as_read_and_so_is_another_reading(tmp_path: Path) -> None:
    sheet = csv_lines.look(_write(tmp_path / "one.csv", ["Muñoz"], "cp1252", 1))
    assert (sheet.encoding, sheet.sample) == ("cp1252", "Muñoz")
    assert sheet.others == (("cp1250", "Muńoz"),)
    assert csv_lines.look(_write(tmp_path / "many.csv", GERMAN, "cp1252", 50)).others == ()


def test_a_few_broken_letters_in_utf8_cost_their_lines_not_the_file(tmp_path: Path) -> None:
    file = _write(tmp_path / "mixed.csv", GERMAN, "utf-8", 40)
    file.write_bytes(file.read_bytes() + b"last@example.org;J\xf6rg\r\n")
    sheet = csv_lines.look(file)
    found = [line for line, _ in sheet.lines()]
    assert found[0].values[1] == "Jörg Müller"
    assert [line.error for line in found if line.error] == ["holds bytes that are no text in this encoding"]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_the_line_in_which_excel_names_the_delimiter_is_no_header(tmp_path: Path, first: str, encoding: str) -> None:
    file = tmp_path / "sep.csv"
    file.write_bytes(f"{first}\r\nemail;name, title\r\nada@example.org;Jörg\r\n;;too;many\r\n".encode(encoding))
    sheet = csv_lines.look(file)
    found = [line for line, _ in sheet.lines()]
    assert (sheet.delimiter, sheet.header) == (";", ["email", "name, title"])
    assert found[0].values == ["ada@example.org", "Jörg"]
    assert (found[0].number, found[1].number) == (3, 4)


def test_delimiters_inside_quoted_names_part_nothing(tmp_path: Path) -> None:
    file = tmp_path / "quoted.csv"
    file.write_text('email;"name, first, middle, last"\nada@example.org;Ada\n', "utf-8")
    assert csv_lines.look(file).header == ["email", "name, first, middle, last"]
