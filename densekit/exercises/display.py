"""How a verdict looks: a coloured card in a notebook, plain text everywhere else.

Both say the same and hold nothing that differs between two runs, so stored outputs can be compared. Colours
are translucent and the text keeps the notebook's own colour, so the card reads well on light and on dark; a
state is told by its sign and its word, never by colour alone.
"""

import textwrap
from dataclasses import dataclass, field
from html import escape
from typing import Any

from IPython.display import display

from densekit.course.results import CHECK_MIME

_SIGNS = {"todo": "○", "passed": "✓", "not yet": "✗", "hint": "→", "guess": "○", "told": "→"}
_COLOURS = {  # of Okabe and Ito, who chose them so that they differ for colour-blind eyes, too
    "todo": "128, 128, 128",
    "passed": "0, 158, 115",
    "not yet": "213, 94, 0",
    "hint": "0, 114, 178",
    "guess": "128, 128, 128",
    "told": "0, 114, 178",
}
_WORDS = {
    "todo": "to do",
    "passed": "passed",
    "not yet": "not yet",
    "hint": "",
    "guess": "your guess",
    "told": "",
}


@dataclass(frozen=True)
class Card:
    """Something to show.

    Args:
        heading: what it is about.
        state: 'todo', 'passed', 'not yet' for a check, 'hint' for help, 'guess' and 'told' for a prediction.
        text: a sentence.
        effort: minutes and difficulty.
        helps: symptom and text of each step of help, folded away.
        how_to_get_help: the call that opens the first of them, for plain text.
        code: lines of Python to show.
        data: facts for whoever reads the stored output.
        data_type: the name under which they stand there.
    """

    heading: str
    state: str
    text: str
    effort: str = ""
    helps: tuple[tuple[str, str], ...] = ()
    how_to_get_help: str = ""
    code: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    data_type: str = CHECK_MIME

    def __str__(self) -> str:
        parts = [self.heading, self.effort, _WORDS[self.state]]
        head = f"{_SIGNS[self.state]} {' · '.join(part for part in parts if part)}"
        lines = [f"{head}: {self.text}" if _WORDS[self.state] else f"{head}\n  {self.text}"]
        if self.helps and self.how_to_get_help:
            lines.append(f"  stuck? {self.how_to_get_help}")
        if self.code:
            lines.append(textwrap.indent(self.code, "    "))
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return the card as HTML."""
        colour = _COLOURS[self.state]
        word = f"<b>{_SIGNS[self.state]} {_WORDS[self.state]}</b> · " if _WORDS[self.state] else ""
        effort = f' <span style="opacity: 0.7">({escape(self.effort)})</span>' if self.effort else ""
        parts = [f"<div>{word}{escape(self.heading)}{effort}</div>", f"<div>{escape(self.text)}</div>"]
        if self.code:
            parts.append(f'<pre style="margin: 6px 0 0 0; background: none">{escape(self.code)}</pre>')
        for number, (symptom, text) in enumerate(self.helps, 1):
            summary = f"<summary>hint {number}: “{escape(symptom)}”</summary>"
            parts.append(f'<details style="opacity: 0.85">{summary}{escape(text)}</details>')
        style = (
            f"border-left: 4px solid rgb({colour}); background: rgba({colour}, 0.10); "
            "padding: 6px 10px; margin: 4px 0; max-width: 72ch; line-height: 1.5"
        )
        return f'<div style="{style}">{"".join(parts)}</div>'

    def bundle(self) -> dict[str, Any]:
        """Return the card in every form that a notebook may want."""
        forms: dict[str, Any] = {"text/plain": str(self), "text/html": self.to_html()}
        return forms | ({self.data_type: self.data} if self.data else {})


def show(card: Card) -> None:
    """Show a card: in a notebook as a card, in a terminal as text."""
    if _in_notebook():
        display(card.bundle(), raw=True)
    else:
        print(card)


def _in_notebook() -> bool:
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
