"""Make or check sample data: python -m workshop.samples tabletop --out DIR | --check DIR [--render N]."""

import argparse
import sys
from pathlib import Path

from tqdm.auto import tqdm

from densekit.errors import DensekitError
from workshop.samples.make import check_files, check_rendering, make_tabletop, picture_names


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 1 if a check found something, 2 if it can't be done."""
    parser = argparse.ArgumentParser(prog="python -m workshop.samples", description=__doc__)
    parser.add_argument("name", choices=["tabletop"], help="which sample data")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="render all pictures into this folder")
    action.add_argument("--check", type=Path, metavar="DIR", help="compare this folder with its SHA256SUMS")
    parser.add_argument(
        "--render", type=int, default=0, metavar="N", help="with --check: also render N pictures again"
    )
    options = parser.parse_args(arguments)
    try:
        return _make(options.out) if options.out else _check(options.check, options.render)
    except DensekitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _make(folder: Path) -> int:
    names = picture_names()
    for _ in tqdm(make_tabletop(folder), total=len(names), unit="picture"):
        pass
    print(f"{len(names)} pictures in {folder}")
    return 0


def _check(folder: Path, render: int) -> int:
    names = picture_names()
    some = names[:: max(1, len(names) // render)][:render] if render > 0 else []
    problems = check_files(folder) + (check_rendering(folder, some) if some else [])
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {folder}" if problems else f"{folder} is as it was made")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
