from streams.report.markup import Html, element, joined, visible


def test_text_is_escaped_in_content_and_in_attributes() -> None:
    cell = element("td", "<b>&", title='"><script>')
    assert cell == '<td title="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;</td>'


def test_markup_is_not_escaped_again() -> None:
    assert element("tr", element("td", "a < b")) == "<tr><td>a &lt; b</td></tr>"


def test_markup_joined_with_text_by_plus_falls_back_to_text() -> None:
    assert joined(Html("<b>") + "<i>") == "&lt;b&gt;&lt;i&gt;"


def test_characters_that_hide_or_reorder_a_name_are_written_as_escapes() -> None:
    assert visible("a\nb\r\x00\u202e\u2028\udc80 µ 像.tif") == r"a\nb\r\x00\u202e\u2028\udc80 µ 像.tif"


def test_absent_attributes_are_left_out_and_true_ones_stand_alone() -> None:
    assert element("img", hidden=True, alt=None, draggable=False, data_sort=0) == '<img hidden data-sort="0">'
