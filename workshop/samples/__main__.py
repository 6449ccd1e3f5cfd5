"""Make or check samples: python -m workshop.samples NAME --out DIR | --check DIR [--render N].

tabletop    the data set that comes with the package
hangul      the other one: written syllables; needs the fonts of three Debian packages
messy       the folder with everything wrong, for the doctor
fresh       more pictures of its kind, for final numbers alone; --out renders those that the folder lacks
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from densekit.errors import DataError, DensekitError
from workshop.samples.fresh import check_fresh, fresh_names, render_fresh
from workshop.samples.hangul_fonts import FOLDERS, check_fonts, find_fonts
from workshop.samples.hangul_set import Fonts, check_drawing, make_hangul, syllable_names
from workshop.samples.make import check_rendering, make_tabletop, picture_names
from workshop.samples.messy import check_messy, make_messy
from workshop.samples.picture_set import Picture, check_files


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 1 if a check found something, 2 if it can't be done."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.samples",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=["tabletop", "hangul", "messy", "fresh"], help="which sample data")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="render all pictures into this folder")
    action.add_argument("--check", type=Path, metavar="DIR", help="compare this folder with its SHA256SUMS")
    parser.add_argument(
        "--render", type=int, default=0, metavar="N", help="with --check: also render N pictures again"
    )
    parser.add_argument(
        "--fonts",
        type=Path,
        metavar="DIR",
        help="for hangul: where the fonts are, if not where Linux has them",
    )
    options = parser.parse_args(arguments)
    if options.fonts and options.name != "hangul":
        parser.error("--fonts is for hangul alone")
    try:
        if options.name == "fresh":
            return _fresh(options.out or options.check, render=options.out is not None)
        if options.name == "messy":
            return _messy(options.out or options.check, make=options.out is not None)
        if options.name == "hangul":
            return _hangul(options.out, options.check, options.render, options.fonts)
        return _tabletop(options.out, options.check, options.render)
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


def _tabletop(out: Path | None, check: Path, render: int) -> int:
    names = picture_names()
    if out:
        return _made(make_tabletop(out), len(names), out)
    some = _some(names, render)
    return _told(check_files(check) + (check_rendering(check, some) if some else []), check)


def _hangul(out: Path | None, check: Path, render: int, folder: Path | None) -> int:
    names = syllable_names()
    if out:
        return _made(make_hangul(out, _fonts(folder)), len(names), out)
    some = _some(names, render)
    return _told(check_files(check) + (check_drawing(check, some, _fonts(folder)) if some else []), check)


def _fonts(folder: Path | None) -> Fonts:
    fonts = find_fonts([folder] if folder else FOLDERS)
    check_fonts(fonts)
    return fonts


def _some(names: Sequence[str], count: int) -> Sequence[str]:
    return names[:: max(1, len(names) // count)][:count] if count > 0 else []


def _made(pictures: Iterator[Picture], count: int, folder: Path) -> int:
    _make_folder(folder)
    for _ in tqdm(pictures, total=count, unit="picture"):
        pass
    print(f"{count} pictures in {folder}")
    return 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} can't be written to: {error.strerror}; expected a folder, or the name of a new one"
        ) from error


def _told(problems: list[str], folder: Path) -> int:
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {folder}" if problems else f"{folder} is as it was made")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
