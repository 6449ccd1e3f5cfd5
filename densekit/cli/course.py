"""`densekit course`: build, check and run the notebooks."""

from pathlib import Path
from typing import Annotated

import typer

from densekit.cli.output import Json, exit_unless, group, note, print_json

course = group("Build, check and run the notebooks.")

Names = Annotated[list[str] | None, typer.Argument(help="Notebooks by name or number; all if none is named.")]
CourseFolder = Annotated[
    Path | None, typer.Option("--course", help="Folder of the course; densekit's own if not given.")
]


def _check_some(folder: Path | None) -> None:
    """Refuse a folder without notebooks: nothing checked is nothing good."""
    from densekit.course.places import open_course
    from densekit.errors import CourseError

    course = open_course(folder)
    if not course.names():
        raise CourseError(
            f"there are no notebooks in {course.folder}: their sources belong into {course.sources}"
        )


@course.command("build")
def course_build(
    names: Names = None,
    force: Annotated[bool, typer.Option(help="Build again what has not changed, too.")] = False,
    folder: CourseFolder = None,
) -> None:
    """Build notebooks from their sources, executed, in the learner's and the solved version."""
    from densekit.course.build import build_course

    _check_some(folder)
    print(build_course(names or (), force=force, folder=folder, told=note).text)


@course.command("check")
def course_check(names: Names = None, folder: CourseFolder = None) -> None:
    """Check that notebooks and sources are in step, and that their stored outputs can be compared."""
    from densekit.course.check import check_course

    _check_some(folder)
    report = check_course(names or (), folder=folder)
    print(report.text)
    exit_unless(report.ok)


@course.command("run")
def course_run(
    names: Names = None,
    out: Annotated[Path, typer.Option(help="Folder for the executed notebooks.")] = Path("runs/course"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: a parameter of the notebooks.")
    ] = None,
    solutions: Annotated[bool, typer.Option(help="Run the versions with solutions.")] = False,
    offline: Annotated[bool, typer.Option(help="Take the network away from the notebooks.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one notebook may take.")] = 300,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks that run at the same time.")] = 2,
    folder: CourseFolder = None,
    as_json: Json = False,
) -> None:
    """Run notebooks headless, and print a table of what came out."""
    from densekit.config import read_overrides
    from densekit.course.network import can_leave_network
    from densekit.course.run import run_course

    _check_some(folder)
    if offline and not can_leave_network():
        note(
            "this system gives a process no network of its own: connections of Python are refused, no others"
        )
    report = run_course(
        names or (),
        out=out,
        parameters=read_overrides(settings or ()),
        solutions=solutions,
        offline=offline,
        timeout_s=timeout,
        workers=workers,
        folder=folder,
        told=lambda row: note(f"{row.notebook}: {row.status}, {row.seconds:.1f} s"),
    )
    if as_json:
        print_json(report.to_dict())
    else:
        print(report.text)
    exit_unless(report.ok)
