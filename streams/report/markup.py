"""HTML by construction: a string is text and gets escaped, only `Html` is markup."""

from html import escape

Attribute = str | int | bool | None
VOID = frozenset({"br", "img", "input", "link", "meta"})


class Html(str):
    """Text that is markup already. Everything else is escaped by `element`."""

    __slots__ = ()


def visible(text: str) -> str:
    r"""Write characters that would hide, reorder or break a line as escapes, lone surrogates among them.

    File names may hold any of these: a newline, a right-to-left override, bytes that are no UTF-8.

    >>> print(visible("a\nb\u202e.tif"))
    a\nb\u202e.tif
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def text(content: str) -> Html:
    """Return content as text: nothing in it is markup."""
    return content if isinstance(content, Html) else Html(escape(visible(content), quote=True))


def element(tag: str, *children: str, **attributes: Attribute) -> Html:
    """Build an element. ``class_`` and ``for_`` lose their underscore, inner underscores become hyphens.

    An attribute of ``None`` or ``False`` is left out, one of ``True`` stands alone.

    >>> element("td", "<script>", class_="number", data_sort=3)
    '<td class="number" data-sort="3">&lt;script&gt;</td>'
    """
    opening = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    return Html(opening) if tag in VOID else Html(f"{opening}{joined(*children)}</{tag}>")


def joined(*parts: str) -> Html:
    """Return the parts one after the other, text escaped."""
    return Html("".join(text(part) for part in parts))


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    attribute = name.rstrip("_").replace("_", "-")
    return f" {attribute}" if value is True else f' {attribute}="{text(str(value))}"'
