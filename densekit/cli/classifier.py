"""`densekit train`, `evaluate`, `predict`, `doctor` and `parity`: from pictures to a classifier."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from densekit.cli.output import (
    Architecture,
    Json,
    exit_unless,
    full_name,
    in_terminal,
    leads_the_team,
    note,
    print_json,
)
from densekit.errors import ConfigError, DataError
from densekit.words import counted, from_here, percent, shown

if TYPE_CHECKING:
    from densekit.evaluation.report import Report
    from densekit.run import Predictions


def train(
    config: Annotated[str | None, typer.Argument(help="A YAML file of settings.")] = None,
    data: Annotated[str | None, typer.Option(metavar="<path>", help="The folder of images.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="The settings to start from: head, head-original, full, head-then-full or head-then-block4."
        ),
    ] = None,
    train_from: Annotated[
        str | None,
        typer.Option(help="Where training begins: classifier, denseblock4 to denseblock1, or all."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help="embedded, imagenet, none, or a file.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each image is seen.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key.path=value: any setting of presets/head.yaml.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="<path>", help="The run folder; a new one below runs/ if not given.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="<path>", help="Continue the interrupted run in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a classifier on a folder of images."""
    others = (config, data, preset, train_from, weights, epochs, settings or None, out)
    if resume is not None and any(one is not None for one in others):
        raise ConfigError("--resume takes every setting from the run folder: give nothing beside it")
    try:
        from densekit.run.trainer import resume as go_on  # takes seconds, in which Ctrl-C may come as well
        from densekit.run.trainer import train as begin

        if resume is not None:
            run = go_on(resume, progress=in_terminal())
        else:
            run = begin(
                config,
                data=data,
                preset=preset,
                weights=weights,
                train_from=train_from,
                epochs=epochs,
                settings=settings or [],
                out=out,
                progress=in_terminal(),
            )
    except KeyboardInterrupt as stop:
        note("; ".join(["densekit: stopped", *getattr(stop, "__notes__", [])]))
        raise typer.Exit(130) from None
    if not leads_the_team():
        return
    _note_skipped(run.metrics["skipped"])
    _note_skipped(run.metrics.get("warnings", []), "look at")
    if as_json:
        print_json({"run": str(run.folder), **run.metrics})
    else:
        print(_told(run.report, "validation images"))
        print(f"{run.metrics['seconds']:.1f} s; everything about this run is in {from_here(run.folder)}")
    if run.metrics["stopped"] == "asked":  # Ctrl-C; the training itself has said what is to be said
        raise typer.Exit(130)


def evaluate(
    run: Annotated[str, typer.Argument(help="A run folder.")],
    data: Annotated[str | None, typer.Option(help="Another folder of images with the same classes.")] = None,
    split: Annotated[str | None, typer.Option(help="train, val, test or all.")] = None,
    as_json: Json = False,
) -> None:
    """Classify a whole split and write the report into the run folder."""
    from densekit.run import load_run

    evaluation = load_run(run).evaluation_of(data, split, progress=in_terminal())
    report, folder, outcome, missing, learned_from, moved, added = evaluation
    skipped = [problem.to_dict() for problem in outcome.skipped]
    _note_skipped(skipped)
    for path in missing[:10]:
        note(f"{path} is in none of the run's classes any more, so it is not judged")
    if added:
        note(f"{counted(added, 'image')} came into that folder after the training: not judged")
    if moved:
        note(f"{counted(moved, 'image')} in another class than at the training: judged by the present one")
    if learned_from and split != "train":
        note(
            f"{learned_from} of these images are among those that the run learned from: the accuracy is too good"
        )
    if as_json:
        left_out = {"skipped": skipped, "missing": list(missing)}
        print_json({"run": run, "report": folder and str(folder), **report.to_dict(), **left_out})
    else:
        print(_told(report, "images"))
        if skipped or missing:
            print(
                f"{len(skipped)} more could not be read, {len(missing)} are in none of the run's classes any more"
            )
        if folder:
            print(f"tables and heat map are in {from_here(folder)}")
    exit_unless(not (skipped or missing))


def predict(
    run: Annotated[str, typer.Argument(help="A run folder.")],
    images: Annotated[list[str], typer.Argument(help="Pictures, or folders of them.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name for each picture.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what is on pictures."""
    from densekit.run import load_run

    predictions = load_run(run).predict(images, top, progress=in_terminal())
    for problem in predictions.skipped:
        note(str(problem))
    if as_json:
        print_json(_as_plain(predictions))
    else:
        print(*predictions.made, sep="\n", end="\n" if predictions.made else "")
    if not predictions.made:
        raise typer.Exit(2)
    exit_unless(not any(problem.severity == "error" for problem in predictions.skipped))


def doctor(
    folder: Annotated[str, typer.Argument(help="The folder of images.")],
    html: Annotated[
        str | None, typer.Option(metavar="<file>", help="Write the report as a page with pictures as well.")
    ] = None,
    write_clean: Annotated[
        str | None,
        typer.Option(metavar="<path>", help="Copy what can be used into this new folder, with a manifest."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Diagnose a folder of images; nothing in it is changed."""
    from densekit.data.clean_copy import MANIFEST, write_clean_copy
    from densekit.data.doctor import diagnose
    from densekit.data.doctor_page import write_page

    _check_targets(folder, html, write_clean)
    diagnosis = diagnose(folder, progress=in_terminal())
    if not as_json:
        print(diagnosis)  # whatever becomes of page and copy
    written: dict[str, Any] = {}
    if html is not None:
        written["html"] = shown(write_page(diagnosis, html))
        note(f"the report with pictures is {written['html']}")
    if write_clean is not None:
        clean = write_clean_copy(diagnosis, write_clean)
        left_out = [problem.to_dict() for problem in clean.left_out]
        written["clean"] = {"folder": shown(clean.folder), "images": clean.copied, "left_out": left_out}
        where = shown(clean.folder)
        note(f"{clean.copied} images are copied to {where}; {MANIFEST} there says what is not, and why")
        _note_skipped([problem.to_dict() for problem in clean.changed], "not copied:")
    if as_json:
        print_json({**diagnosis.to_dict(), **written})
    exit_unless(diagnosis.ok)


def _check_targets(folder: str, html: str | None, write_clean: str | None) -> None:
    """Refuse what can't be written, before the work and not after it."""
    if html is None and write_clean is None:
        return
    from densekit.data.clean_copy import check_target
    from densekit.data.doctor_page import check_page
    from densekit.data.scan import scan_folder
    from densekit.files import named, real_path

    scan = scan_folder(folder)
    if html is not None:
        check_page(named(html), scan.root, scan.paths)
    if write_clean is not None:
        check_target(named(write_clean), scan.root, scan.paths)
    if html is not None and write_clean is not None:
        page, copy = real_path(named(html)), real_path(named(write_clean))
        if page.is_relative_to(copy) or copy.is_relative_to(page):
            raise DataError(
                f"{html} and {write_clean} would lie one in the other: name a page outside of the copy"
            )


def parity(
    architecture: Architecture = "densenet121",
    as_json: Json = False,
) -> None:
    """Compare the network with torchvision's, at every module, in float64."""
    from densekit.model.proof.parity import compare

    report = compare(full_name(architecture))
    if as_json:
        print_json(report.to_dict())
    else:
        print(report)
    exit_unless(report.agree)


def _told(report: "Report", what: str) -> str:
    """Put a report into the few lines that one wants to see first."""
    right, total = int(report.confusion.trace()), int(report.confusion.sum())
    lines = [f"accuracy {right}/{total} {what} = {percent(report.accuracy)}"]
    lines += [f"  {score.name:24} {score.fraction:>9}" for score in report.per_class]
    return "\n".join(lines)


def _as_plain(predictions: "Predictions") -> dict[str, Any]:
    return {
        "predictions": [
            {
                "path": str(one.path),
                "top": [
                    {"class": name, "probability": share}
                    for name, share in zip(one.classes, one.probabilities, strict=True)
                ],
            }
            for one in predictions.made
        ],
        "skipped": [problem.to_dict() for problem in predictions.skipped],
    }


def _note_skipped(problems: list[dict[str, str]], begin: str = "left out", shown: int = 10) -> None:
    for problem in problems[:shown]:
        end = "" if problem["message"].endswith("?") else "."
        note(f"{begin} {problem['path']}: {problem['message']}{end} {problem['remedy']}")
    if len(problems) > shown:
        note(f"{begin} {len(problems) - shown} more")
    if problems:
        note("`densekit doctor` tells everything that is to be told of a folder")
