"""The command line: each command is a few lines over the package.

Exit status: 0 done; 1 the answer is "not good" (problems found, checks failed); 2 the request can't be carried
out, with one message on standard error. With --json, one JSON document stands on standard output and nothing
else. What takes long to import is imported by the command that needs it.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from densekit.errors import ConfigError, DensekitError

if TYPE_CHECKING:
    from densekit.evaluation.report import Report
    from densekit.run import Predictions

app = typer.Typer(
    name="densekit",
    help="From a folder of pictures to a trained, tested image classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
course = typer.Typer(help="Build, check and run the notebooks.", no_args_is_help=True, rich_markup_mode=None)
weights = typer.Typer(help="List, fetch and verify weights.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(course, name="course")
app.add_typer(weights, name="weights")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Architecture = Annotated[
    str, typer.Option("--arch", help="densenet121, 161, 169 or 201, or the number alone.")
]
Names = Annotated[list[str] | None, typer.Argument(help="Notebooks by name or number; all if none is named.")]
CourseFolder = Annotated[
    Path | None, typer.Option("--course", help="Folder of the course; densekit's own if not given.")
]


@app.command()
def train(
    config: Annotated[Path | None, typer.Argument(help="A YAML file of settings.")] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of images.")] = None,
    preset: Annotated[str | None, typer.Option(help="The settings to start from: head.")] = None,
    train_from: Annotated[str | None, typer.Option(help="Where training begins: classifier.")] = None,
    weights: Annotated[str | None, typer.Option(help="embedded, imagenet, none, or a file.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each image is seen.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key.path=value: any setting of presets/head.yaml.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder; a new one below runs/ if not given.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue the interrupted run in this folder.")] = None,
    as_json: Json = False,
) -> None:
    """Train a classifier on a folder of images."""
    from densekit import trainer

    if resume is not None and any((config, data, preset, train_from, weights, epochs, settings, out)):
        raise ConfigError("--resume takes every setting from the run folder: give nothing beside it")
    overrides = [*(settings or []), *([f"model.train_from={train_from}"] if train_from else [])]
    try:
        if resume is not None:
            run = trainer.resume(resume, progress=_in_terminal())
        else:
            run = trainer.train(
                config,
                data=data,
                preset=preset,
                weights=weights,
                epochs=epochs,
                settings=overrides,
                out=out,
                progress=_in_terminal(),
            )
    except KeyboardInterrupt as stop:
        _note("; ".join(["densekit: stopped", *getattr(stop, "__notes__", [])]))
        raise typer.Exit(130) from None
    _note_skipped(run.metrics["skipped"])
    if as_json:
        _print_json({"run": str(run.folder), **run.metrics})
        return
    print(_told(run.report, "validation images"))
    print(f"{run.metrics['seconds']:.1f} s; everything about this run is in {run.folder}")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    data: Annotated[Path | None, typer.Option(help="Another folder of images with the same classes.")] = None,
    split: Annotated[str | None, typer.Option(help="train, val, test or all.")] = None,
    as_json: Json = False,
) -> None:
    """Classify a whole split and write the report into the run folder."""
    from densekit.run import load_run

    opened = load_run(run)
    report, folder = opened.evaluate(data, split)
    if as_json:
        _print_json({"run": str(run), "report": str(folder), **report.to_dict()})
        return
    print(_told(report, "images"))
    print(f"tables and heat map are in {folder}")


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    images: Annotated[list[Path], typer.Argument(help="Pictures.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name for each picture.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what is on pictures."""
    from densekit.run import load_run

    predictions = load_run(run).predict(images, top)
    for problem in predictions.skipped:
        _note(str(problem))
    if as_json:
        _print_json(_as_plain(predictions))
    else:
        for one in predictions.made:
            shares = zip(one.classes, one.probabilities, strict=True)
            print(f"{one.path}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares))
    if not predictions.made:
        raise typer.Exit(2)
    _exit_unless(not predictions.skipped)


@app.command()
def doctor(
    folder: Annotated[Path, typer.Argument(help="The folder of images.")], as_json: Json = False
) -> None:
    """Diagnose a folder of images; nothing in it is changed."""
    from densekit.data.doctor import diagnose

    diagnosis = diagnose(folder)
    if as_json:
        _print_json(diagnosis.to_dict())
    else:
        print(diagnosis)
    _exit_unless(diagnosis.ok)


@app.command()
def parity(
    architecture: Architecture = "densenet121",
    as_json: Json = False,
) -> None:
    """Compare the network with torchvision's, at every module, in float64."""
    from densekit.model.parity import compare

    report = compare(_full_name(architecture))
    if as_json:
        _print_json(report.to_dict())
    else:
        print(report)
    _exit_unless(report.agree)


@weights.command("list")
def weights_list(as_json: Json = False) -> None:
    """List the weights that have a name, and whether they are here."""
    from densekit.model.inventory import known_weights

    known = known_weights()
    if as_json:
        _print_json([one.to_dict() for one in known])
        return
    for one in known:
        print(f"{one.name:9} {one.architecture:12} {one.size / 1e6:6.1f} MB  {one.status:12} {one.source}")


@weights.command("fetch")
def weights_fetch(
    architecture: Architecture = "densenet121",
    url: Annotated[str | None, typer.Option(help="Address or path of a copy of the official file.")] = None,
) -> None:
    """Fetch torchvision's ImageNet weights, checked against their hash."""
    from densekit.model.downloads import fetch_imagenet

    print(fetch_imagenet(_full_name(architecture), url))


@weights.command("verify")
def weights_verify(
    name: Annotated[str, typer.Argument(help="embedded or imagenet.")] = "embedded",
    architecture: Architecture = "densenet121",
    as_json: Json = False,
) -> None:
    """Compute the SHA-256 of a file of weights anew and compare it with the published one."""
    from densekit.errors import FingerprintError
    from densekit.model.inventory import verify_weights

    try:
        verified = verify_weights(name, _full_name(architecture))
    except FingerprintError as error:
        if as_json:
            _print_json({"ok": False, "problem": str(error)})
        else:
            print(error)
        raise typer.Exit(1) from error
    if as_json:
        _print_json({"ok": True, **verified.to_dict()})
    else:
        print(f"{verified.path} is '{name}' for {verified.architecture}, as published")


@course.command("build")
def course_build(
    names: Names = None,
    force: Annotated[bool, typer.Option(help="Build again what has not changed, too.")] = False,
    folder: CourseFolder = None,
) -> None:
    """Build notebooks from their sources, executed, in the learner's and the solved version."""
    from densekit.course.build import build_course

    print(build_course(names or (), force=force, folder=folder, told=_note).text)


@course.command("check")
def course_check(names: Names = None, folder: CourseFolder = None) -> None:
    """Check that notebooks and sources are in step, and that their stored outputs can be compared."""
    from densekit.course.check import check_course

    report = check_course(names or (), folder=folder)
    print(report.text)
    _exit_unless(report.ok)


@course.command("run")
def course_run(
    names: Names = None,
    out: Annotated[Path, typer.Option(help="Folder for the executed notebooks.")] = Path("runs/course"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: a parameter of the notebooks.")
    ] = None,
    solutions: Annotated[bool, typer.Option(help="Run the versions with solutions.")] = False,
    offline: Annotated[bool, typer.Option(help="Refuse every connection that leaves this machine.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks that run at the same time.")] = 2,
    folder: CourseFolder = None,
    as_json: Json = False,
) -> None:
    """Run notebooks headless, and print a table of what came out."""
    from densekit.config import read_overrides
    from densekit.course.run import run_course

    report = run_course(
        names or (),
        out=out,
        parameters=read_overrides(settings or ()),
        solutions=solutions,
        offline=offline,
        workers=workers,
        folder=folder,
        told=lambda row: _note(f"{row.notebook}: {row.status}, {row.seconds:.1f} s"),
    )
    if as_json:
        _print_json(report.to_dict())
    else:
        print(report.text)
    _exit_unless(report.ok)


def main() -> NoReturn:
    """Run the command line; a mistake of the caller's ends in one message and never in a traceback."""
    try:
        app(standalone_mode=True)
    except DensekitError as error:
        _note(f"densekit: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        _note("densekit: stopped")
        sys.exit(130)
    sys.exit(0)


def _told(report: "Report", what: str) -> str:
    """Put a report into the few lines that one wants to see first."""
    right, total = int(report.confusion.trace()), int(report.confusion.sum())
    lines = [f"accuracy {right}/{total} {what} = {report.accuracy:.1%}"]
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


def _print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _note_skipped(problems: list[dict[str, str]], shown: int = 10) -> None:
    for problem in problems[:shown]:
        _note(f"left out {problem['path']}: {problem['message']}. {problem['remedy']}")
    if len(problems) > shown:
        _note(f"left out {len(problems) - shown} more; `densekit doctor` lists them all")


def _full_name(architecture: str) -> str:
    return f"densenet{architecture}" if architecture.isdigit() else architecture


def _in_terminal() -> bool:
    return sys.stderr.isatty()


def _exit_unless(good: bool) -> None:
    if not good:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
