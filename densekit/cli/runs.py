"""`densekit lr-find` and `compare`: what to know before a training, and after several."""

from typing import Annotated

import typer

from densekit.cli.output import Json, exit_unless, in_terminal, note, print_json
from densekit.errors import RunError
from densekit.words import shown


def lr_find(
    config: Annotated[str | None, typer.Argument(help="A YAML file of settings.")] = None,
    data: Annotated[str | None, typer.Option(metavar="<path>", help="The folder of images.")] = None,
    preset: Annotated[str | None, typer.Option(help="The settings to start from.")] = None,
    train_from: Annotated[str | None, typer.Option(help="Where training begins.")] = None,
    weights: Annotated[str | None, typer.Option(help="embedded, imagenet, none, or a file.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="key.path=value, as for train.")] = None,
    lowest: Annotated[float, typer.Option(help="The rate to begin with.")] = 1e-6,
    highest: Annotated[float, typer.Option(help="The rate to end with, if the loss allows it.")] = 1.0,
    steps: Annotated[int, typer.Option(help="How many batches at most.")] = 100,
    out: Annotated[str | None, typer.Option(metavar="<path>", help="A new PNG file for the curve.")] = None,
    as_json: Json = False,
) -> None:
    """Try growing learning rates for a few steps and suggest one; nothing is kept of what was trained."""
    from densekit.run.sweep import sweep_learning_rate

    sweep = sweep_learning_rate(
        config,
        data=data,
        preset=preset,
        weights=weights,
        train_from=train_from,
        settings=settings or [],
        lowest=lowest,
        highest=highest,
        steps=steps,
        progress=in_terminal(),
        curve=out,
    )
    if as_json:
        print_json(
            {
                "suggestion": sweep.suggestion,
                "reason": sweep.reason,
                "rates": sweep.rates,
                "losses": sweep.losses,
                "smoothed": sweep.smoothed,
            }
        )
    else:
        print(sweep)
        if out is not None and sweep.rates:
            print(f"the curve is in {shown(out)}")
    exit_unless(sweep.suggestion is not None)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run folders.")],
    sort: Annotated[str, typer.Option(help="given, accuracy (best first) or seconds.")] = "given",
    as_json: Json = False,
) -> None:
    """Put runs side by side: what differs in their settings, and what came out."""
    from densekit.run import load_run
    from densekit.run.comparison import compare_runs

    opened, left_out = [], []
    for folder in runs:  # a shell writes all of `runs/*`, and not everything there need be a finished run
        try:
            opened.append(load_run(folder))
        except RunError as error:
            left_out.append(error)
    if left_out and not opened:
        raise left_out[0]
    comparison = compare_runs(opened, sort)
    for reason in left_out:
        note(f"densekit: not compared: {reason}")
    if as_json:
        print_json({**comparison.to_dict(), "left_out": [str(reason) for reason in left_out]})
    else:
        print(comparison)
    exit_unless(not left_out)
