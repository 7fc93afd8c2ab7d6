"""How a wrong name or value in a file or a variable is told."""

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches

SUBJECT = re.compile(r"^(?:input|value|string|number|list|tuple|dictionary) (?=should )", re.IGNORECASE)


def meant(word: str, known: Collection[str], *, shown: Callable[[str], str] = str) -> str:
    """Return a question for the name that was probably meant, or where none is like it all that there are.

    >>> meant("buket", ["bucket", "region"]), meant("x", ["bucket", "region"])
    ('did you mean bucket?', 'there are bucket, region')
    """
    close = get_close_matches(word.lower(), sorted(known), n=1)
    return f"did you mean {shown(close[0])}?" if close else f"there are {', '.join(map(shown, sorted(known)))}"


def plainly(message: str) -> str:
    """Return a validator's message as a sentence about the value.

    >>> plainly("Input should be greater than 0"), plainly("Value error, cannot read it")
    ('it should be greater than 0', 'cannot read it')
    """
    return SUBJECT.sub("it ", message.removeprefix("Value error, "))
