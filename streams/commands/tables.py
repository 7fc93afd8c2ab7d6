"""Where tables are printed."""

from rich.console import Console

ENDLESS = 100_000
"""Characters of a line; a table is no wider than what is in it."""


def table_console() -> Console:
    """Return a console for tables: as wide as the terminal; where there is none, no value is cut or broken.

    Who pipes a table into a file or ``grep`` wants whole values, and rich takes 80 columns there.
    """
    console = Console()
    return console if console.is_terminal else Console(width=ENDLESS)
