"""Tables on the terminal."""

from typing import Any


def show(title: str, heads: tuple[str, ...], rows: Any) -> None:
    """Print it with its title, or say that there is nothing yet."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if Console().is_terminal else 160)
    console.print(f"{title}{'' if rows else ': nothing yet'}", style="bold", markup=False, highlight=False)
    if not rows:
        return
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)
