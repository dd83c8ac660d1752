"""Which column of a file holds what: by its name (`aliases`), or as whoever imports says."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.base.errors import Finding, FindingsError
from bot.base.toml_source import near

Places = dict[str, tuple[int, ...]]
_METAFIELD = re.compile(r"\(\s*\w+\.metafields\.[^)]*\)")
"""What Shopify adds to the name that the shop gave a column."""


def plain(name: str) -> str:
    """A header without case, marks and signs: `Customer_E-mail*` and `customer e mail` are the same."""
    bare = _METAFIELD.sub("", unicodedata.normalize("NFKC", name).lower())
    return re.sub(r"[\s_\-*:().,#]+", " ", bare).strip()


def places(
    header: Sequence[str], known: Mapping[str, Sequence[str]], mapped: Mapping[str, str] | None = None
) -> Places:
    """Which columns hold what, the earlier alias first. `mapped` says of columns what they hold, over their names."""
    said = {plain(column): field for column, field in (mapped or {}).items()}
    at: dict[str, list[int]] = {}  # some exports have two columns of one name
    for index, name in enumerate(header):
        at.setdefault(plain(name), []).append(index)
    found: Places = {}
    for field, aliases in known.items():
        theirs = [one for column, named in said.items() if named == field for one in at.get(column, ())]
        theirs += [one for alias in aliases if alias not in said for one in at.get(alias, ())]
        if theirs:
            found[field] = tuple(dict.fromkeys(theirs))
    return found


def read_map(given: Sequence[str], header: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """`COLUMN=FIELD` as typed; FIELD may be empty or `-` for a column that is to be left out. Raises FindingsError."""
    found: dict[str, str] = {}
    names = {plain(name): name for name in header}
    for one in given:
        column, _, field = one.rpartition("=")
        field = field.strip().lower().replace(" ", "_")
        if plain(column) not in names:
            raise FindingsError(Finding(f"no column {column!r} in the file; {near(column, names.values())}", "--map"))
        if field not in ("", "-") and field not in known:
            raise FindingsError(Finding(f"there is no field {field!r}; {near(field, known)}", "--map"))
        found[names[plain(column)]] = field if field != "-" else ""
    return found


def need(
    path: Path | str, found: Mapping[str, Sequence[int]], *either: str, header: Sequence[str], line: int = 1
) -> None:
    """Raises FindingsError unless one of these columns is there."""
    if not any(field in found for field in either):
        there = ", ".join(name[:40] for name in header if name)
        words = (
            f"no column that we know by what a line is about; one must hold {' or '.join(either)}. The columns are: "
            f"{there[:400]}; say which it is: --map COLUMN={either[0]}"
        )
        raise FindingsError(Finding(words, path, line))
