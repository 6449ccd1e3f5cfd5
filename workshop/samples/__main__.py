"""Make or check samples: python -m workshop.samples tabletop|messy|fresh --out DIR | --check DIR [--render N].

tabletop    the data set that comes with the package
messy       the folder with everything wrong, for the doctor
fresh       more pictures of its kind, for final numbers alone; --out renders those that the folder lacks
"""

import argparse
import sys
from pathlib import Path

from tqdm.auto import tqdm

from densekit.errors import DensekitError
from workshop.samples.fresh import check_fresh, fresh_names, render_fresh
from workshop.samples.make import check_files, check_rendering, make_tabletop, picture_names
from workshop.samples.messy import check_messy, make_messy


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 1 if a check found something, 2 if it can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.samples",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=["tabletop", "messy", "fresh"], help="which sample data")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="render all pictures into this folder")
    action.add_argument("--check", type=Path, metavar="DIR", help="compare this folder with its SHA256SUMS")
    parser.add_argument(
        "--render", type=int, default=0, metavar="N", help="with --check: also render N pictures again"
    )
    options = parser.parse_args(arguments)
    try:
        if options.name == "fresh":
            return _fresh(options.out or options.check, render=options.out is not None)
        if options.name == "messy":
            return _messy(options.out or options.check, make=options.out is not None)
        return _make(options.out) if options.out else _check(options.check, options.render)
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _fresh(folder: Path, render: bool) -> int:
    names = fresh_names()
    if render:
        for _ in tqdm(render_fresh(folder, names), total=len(names), unit="picture"):
            pass
    check_fresh(folder, names)
    print(f"{len(names)} fresh pictures in {folder}, as they shall be")
    return 0


def _messy(folder: Path, make: bool) -> int:
    if make:
        print(f"{make_messy(folder)} files in {folder}")
        return 0
    return _told(check_messy(folder), folder)


def _make(folder: Path) -> int:
    names = picture_names()
    for _ in tqdm(make_tabletop(folder), total=len(names), unit="picture"):
        pass
    print(f"{len(names)} pictures in {folder}")
    return 0


def _check(folder: Path, render: int) -> int:
    names = picture_names()
    some = names[:: max(1, len(names) // render)][:render] if render > 0 else []
    return _told(check_files(folder) + (check_rendering(folder, some) if some else []), folder)


def _told(problems: list[str], folder: Path) -> int:
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {folder}" if problems else f"{folder} is as it was made")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
