"""Markdown and HTML of a card: whatever text is in it, it stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from driftgate.reports.cards import content, markdown, page
from driftgate.reports.cards.blocks import Card, Grid, Items, Picture, Section, Words
from driftgate.reports.cards.cleaning import REPLACED, line
from tests.unit.reports.cards.facts import PNG, some_facts

HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "--><!--", "&lt;b&gt;", "&#60;script&#62;", "![x](http://evil/x.png)",
    "[x](javascript:alert(1))", "<http://evil>", "http://evil", "www.evil.com", "me@evil.com", "`code`", "**bold**", "__bold__", "~~gone~~",
    "# heading", "- item", "+ item", "1. item", "23) item", "> quote", "===", "---", "| a | b |", "\\", "a\\|b", "\\`", "a\nb\n\n# c",
    "$x$", "[^1]", "[ ] task", "\"' onmouseover='x", "</title><script>", "\u202ereversed", "\x00", "\ud800", "a #", "&amp;", "]]>", "''",
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=40), st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3).map(" ".join)
).filter(lambda text: bool(line(text)))
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Tags(HTMLParser):
    """The tags and attribute names of a page, in order, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag):
        self.seen.append(tag)

    def handle_comment(self, data):
        del data
        self.seen.append("comment")

    def handle_data(self, data):
        self.said += data


def shape(text: str) -> list[str]:
    """What Markdown makes of the text: the kinds of its tokens, in order. Text is one kind, however it is written."""
    kinds = []
    for token in PARSER.parse(text):
        inner = [child.type for child in token.children or ()]
        kinds += [token.type, *(kind for place, kind in enumerate(inner) if kind != "text" or inner[place - 1 : place] != ["text"])]
    return kinds


def a_card(text: str) -> Card:
    grid = Grid((text, "b"), ((text, "1"), ("2", text)))
    return Card(text, (Section(text, (Words(text), Items((text, text)), grid, Words(text), Picture(text, PNG))),))


@settings(max_examples=150, deadline=None)
@given(texts)
@example("\\|")
@example("1. 2. x")
def test_no_text_becomes_markup_in_markdown(text):
    assert shape(markdown.written(a_card(text))) == shape(markdown.written(a_card("x")))


@settings(max_examples=150, deadline=None)
@given(texts)
def test_no_text_becomes_markup_in_html(text):
    found, plain = Tags(page.written(a_card(text))), Tags(page.written(a_card("x")))

    assert found.seen == plain.seen


@settings(max_examples=100, deadline=None)
@given(texts)
def test_what_is_written_can_be_read_again(text):
    html = Tags(page.written(Card("t", (Section("s", (Words(text),)),))))
    (token,) = [each for each in PARSER.parse(markdown.escape(f"x{text}x")) if each.type == "inline"]

    assert line(text) in html.said
    assert "".join(child.content for child in token.children) == line(f"x{text}x")


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_the_whole_card_keeps_its_shape_whatever_names_and_people_say(text):
    hostile, plain = content.card(some_facts(text)), content.card(some_facts("x"))

    assert shape(markdown.written(hostile)) == shape(markdown.written(plain))
    assert Tags(page.written(hostile)).seen == Tags(page.written(plain)).seen


@pytest.mark.parametrize("text", ["http://evil.com/x", "HTTPS://evil", "www.evil.com", "WWW.evil.com", "me@evil.com"])
def test_markdown_leaves_no_address_that_a_dialect_would_link(text):
    written = markdown.escape(text)

    assert not any(mark in written for mark in ("://", "www.", "WWW.", "@"))


def test_a_page_has_no_script_and_fetches_nothing():
    written = page.written(content.card(some_facts()))
    tags = [each[0] for each in Tags(written).seen if isinstance(each, tuple)]

    assert not {"script", "link", "iframe", "object", "form"} & set(tags)
    assert written.count("src=") == written.count('src="data:image/png;base64,') == 2


def test_text_is_one_line_that_reads_forwards():
    assert line(" a\n\tb\u2028c ") == "a b c"
    assert line("a\u202eb\x00\ud800") == f"a{REPLACED}b{REPLACED}{REPLACED}"
