from html.parser import HTMLParser

import pytest

from densekit.exercises.display import CHECK_MIME, Card


def card(**values):
    settings = {"heading": "Exercise 1 · Channels", "state": "not yet", "text": "your value is 1"} | values
    return Card(**settings)


class Text(HTMLParser):
    """Reads what a person would see of HTML, and holds that every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.parts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.parts.append(data)


@pytest.mark.parametrize(
    ("state", "sign"), [("todo", "○ to do"), ("passed", "✓ passed"), ("not yet", "✗ not yet")]
)
def test_a_state_is_told_by_sign_and_word_not_by_colour_alone(state, sign):
    text = Text(card(state=state).to_html())

    assert text.open == []
    assert sign in "".join(text.parts)


def test_html_and_text_say_the_same():
    shown = card(
        effort="5 min, easy", helps=(("too small", "look again"),), how_to_get_help="check.e.hint(1)"
    )

    for part in ("Exercise 1 · Channels", "5 min, easy", "your value is 1"):
        assert part in str(shown)
        assert part in "".join(Text(shown.to_html()).parts)
    assert "check.e.hint(1)" in str(shown)
    assert "look again" not in str(shown)


def test_help_is_folded_away():
    html = card(helps=(("too small", "look again"),)).to_html()

    assert "<summary>hint 1: “too small”</summary>look again</details>" in html


def test_what_the_reader_typed_can_not_break_the_page():
    html = card(text="your value is '<script>alert(1)</script>'").to_html()

    assert "<script>" not in html


def test_only_a_check_carries_facts_for_machines():
    assert card(data={"exercise": 1, "state": "todo"}).bundle()[CHECK_MIME] == {
        "exercise": 1,
        "state": "todo",
    }
    assert CHECK_MIME not in card().bundle()
