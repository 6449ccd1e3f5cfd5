"""What the panel shows of its trainings: a sentence, a table that compares them, and what went wrong."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from densekit.errors import DensekitError, StoppedError, one_line
from densekit.plots.runs import MOST_RUNS, RunCurves
from densekit.run.classifier import Run
from densekit.run.differences import differing, incomparable
from densekit.widgets.panel_work import Work
from densekit.words import counted, from_here, percent, shown

_ALWAYS = ("preset", "train_from", "learning_rate", "epochs")
_LINE = "border-bottom: 1px solid rgba(128, 128, 128, 0.35)"
_CELL = f"padding: 2px 10px; text-align: left; white-space: nowrap; {_LINE}"
_SCROLLED = "overflow-x: auto; width: 0; min-width: 100%"
_VERMILLION = "border-left: 4px solid rgb(213, 94, 0); background: rgba(213, 94, 0, 0.10); padding: 6px 10px"

Row = dict[str, str]


def status(work: Work | None) -> str:
    """Return the sentence as HTML that a screen reader reads out when it changes."""
    return f'<div role="status">{escape(sentence(work))}</div>'


def sentence(work: Work | None) -> str:
    """Return what a training does now, or has ended with; as text, not as HTML."""
    if work is None:
        return "Nothing has been trained yet: press Train."
    if work.is_stopping:
        return f"Run {work.number} is stopping: {work.progress.stage}"
    if work.is_running:
        return f"Run {work.number}: {work.progress.stage}"
    if work.run is None:
        stopped = isinstance(work.error, StoppedError)
        return f"Run {work.number} was stopped." if stopped else f"Run {work.number} has failed."
    accuracy, n_val = work.run.metrics["val_accuracy"], work.run.metrics["n_val"]
    right = f"{percent(accuracy)} of {counted(n_val, 'validation picture')} right"
    return f"Run {work.number} {_end_of(work.run)}: {right}. It is kept in {from_here(work.run.folder)}"


def message(error: Exception) -> str:
    """Return what went wrong as HTML; nothing in it is read as HTML itself."""
    if isinstance(error, DensekitError):
        told = str(error)
    else:
        told = one_line(error) if isinstance(error, OSError) else _unexpected(error)  # a full disk, say
    text = escape(shown("\n".join([told, *getattr(error, "__notes__", [])]), keep="\n"))
    return f'<div role="alert" style="{_VERMILLION}; white-space: pre-wrap">✗ {text}</div>'


def _unexpected(error: Exception) -> str:
    return f"something happened that densekit did not expect: {type(error).__name__}: {one_line(error)}"


def curves(works: Sequence[Work]) -> list[RunCurves]:
    """Return what there is to draw of the last trainings."""
    return [work.progress.curves(work.number, _legend(work)) for work in works[-MOST_RUNS:]]


def _legend(work: Work) -> str:
    rate = _over_phases(work)["learning_rate"]
    return f"{work.number}: {work.request.preset}, rate {rate}"


def rows(works: Sequence[Work]) -> list[Row]:
    """Return a row for each training: what it was asked for, what came out, and where else they differ."""
    asked = [_asked(work) for work in works]
    others = [name for name in differing(asked) if name not in _ALWAYS]
    return [
        {
            "run": str(work.number),
            **{name: one[name] for name in _ALWAYS},
            **_came_out(work),
            **{name: one.get(name, "") for name in others},
        }
        for work, one in zip(works, asked, strict=True)
    ]


def table(works: Sequence[Work]) -> str:
    """Return the rows as an HTML table, the best run marked, with a word on how far to trust that."""
    if not works:
        return ""
    told, best = rows(works), _best(works)
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in told[0])
    body = "".join(_line(row, is_best=work in best) for work, row in zip(works, told, strict=True))
    caption = '<caption style="text-align: left; font-weight: bold">The runs made here</caption>'
    style = "border-collapse: collapse; margin: 4px 0"
    parts = f"{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    # As wide as its place, however wide the table: else the whole panel would scroll with it.
    scrolled = f'<div style="{_SCROLLED}"><table style="{style}">{parts}</table></div>'
    return scrolled + _below(works)


def _line(row: Row, is_best: bool) -> str:
    cells = []
    for name, value in row.items():
        text = f"<b>★ {escape(value)}</b>" if is_best and name == "val accuracy" else escape(value)
        cells.append(f'<td style="{_CELL}">{text}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _best(works: Iterable[Work]) -> list[Work]:
    done = _done(works)
    if len(done) < 2 or _careful(done):
        return []
    highest = max(run.metrics["val_accuracy"] for _, run in done)
    return [work for work, run in done if run.metrics["val_accuracy"] == highest]


def _below(works: Iterable[Work]) -> str:
    done = _done(works)
    if not done:
        return ""
    told = [f"Careful: {escape(why)}." for why in _careful(done)] or [_on_chance(done[0][1])]
    return f'<div style="font-size: 85%; opacity: 0.75">{"<br>".join(told)}</div>'


def _on_chance(run: Run) -> str:
    return (
        f"One validation picture more or less is {100 / run.metrics['n_val']:.2g} points. Whether a few of them "
        "are more than chance, the same training with another seed tells."
    )


def _done(works: Iterable[Work]) -> list[tuple[Work, Run]]:
    return [(work, work.run) for work in works if work.run is not None]


def _careful(done: Sequence[tuple[Work, Run]]) -> list[str]:
    """Say why the accuracies of finished trainings may not be compared."""
    return incomparable([run.classes for _, run in done], [work.judged_by for work, _ in done])


def _asked(work: Work) -> Row:
    """Return what a training was asked for, by short names."""
    config = work.config.model_dump(mode="json")
    told: Row = {"preset": work.request.preset, **_over_phases(work)}
    for section in ("model", "data", "compute"):
        for name, value in config[section].items():
            told.setdefault(name, _short(value))
    return told


def _over_phases(work: Work) -> Row:
    """Return what the phases are trained with; where they differ, the values one after the other."""
    plan = [
        {"train_from": phase.train_from, **phase.training.model_dump(mode="json")}
        for phase in work.config.plan
    ]
    told: Row = {}
    for name in plan[0]:
        values = [_short(phase[name]) for phase in plan]
        told[name] = values[0] if len(set(values)) == 1 and name != "epochs" else " → ".join(values)
    return told


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(one)}" for name, one in value.items() if one)
    return "–" if value is None else shown(str(value))


def _came_out(work: Work) -> Row:
    if work.run is None:
        accuracies = [value for _, value in work.progress.val_accuracy]
        told = f"{percent(max(accuracies))} so far" if accuracies else ""
        state = "under way" if work.is_running else _failed(work)
        return {"val accuracy": told, "best epoch": "", "val loss": "", "seconds": "", "state": state}
    metrics = work.run.metrics
    right = round(metrics["val_accuracy"] * metrics["n_val"])
    return {
        "val accuracy": f"{percent(metrics['val_accuracy'])} ({right} of {metrics['n_val']})",
        "best epoch": str(metrics["best_epoch"]),
        "val loss": f"{metrics['val_loss']:.3f}",
        "seconds": f"{metrics['seconds']:.1f}",
        "state": _end_of(work.run),
    }


def _end_of(run: Run) -> str:
    done, epochs = run.metrics["epochs_done"], run.metrics["epochs"]
    if run.metrics["stopped"] is None:
        return "complete"
    why = "stopped" if run.metrics["stopped"] == "asked" else "lost patience"
    return f"{why} after {done} of {epochs} epochs"


def _failed(work: Work) -> str:
    told = one_line(work.error) if work.error is not None else ""
    return f"failed: {told[:40]}{'…' if len(told) > 40 else ''}"


def pre(text: str) -> str:
    """Return a text as it is, in letters of one width."""
    style = (
        "line-height: 1.4; margin: 4px 0; background: none; white-space: pre-wrap; overflow-wrap: anywhere"
    )
    return f'<pre style="{style}">{escape(text)}</pre>'


_COMMAND = re.compile("`([^`]+)`")
_AS_CODE = r"<code>\1</code>"


def remarks(work: Work | None) -> str:
    """Return what a training had to say besides its numbers."""
    told = [escape(shown(one)) for one in work.remarks] if work is not None else []
    return "".join(f"<div>{_COMMAND.sub(_AS_CODE, one)}</div>" for one in told)
