"""The fonts that the Hangul pictures are written with, the split each belongs to, and where they are found.

A font is to these pictures what a writer is to handwriting. So no font is in two splits: what is measured on the
test pictures is measured on shapes of a hand that was never seen. Each split has handwriting and print.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from densekit.errors import DataError

FOLDERS = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts", Path.home() / ".fonts")
"""Where fonts lie on Linux; elsewhere, name the folder."""


@dataclass(frozen=True)
class Font:
    """A font file, the Debian package that brings it, its style, its split, and the SHA-256 of the file."""

    file: str
    package: str
    style: str
    split: str
    sha256: str


FONTS = (
    Font(
        "NanumPen.ttf",
        "fonts-nanum-extra",
        "handwriting, pen",
        "train",
        "0e1e2cc07fd5c5d181936ecaf97363263a8d4ae6b6151039ea83cb9002b63152",
    ),
    Font(
        "NanumBrush.ttf",
        "fonts-nanum-extra",
        "handwriting, brush",
        "train",
        "5fe0e02f74c58aa25ba49908fb6775bcb7d00d19ddd68b480b51a926f5ca12ec",
    ),
    Font(
        "NanumGothic.ttf",
        "fonts-nanum",
        "print, without serifs",
        "train",
        "48a28e97b34fc8e5b157657633670cd1b7de126cfc414da65ce9c3d5bc8be733",
    ),
    Font(
        "NanumMyeongjo.ttf",
        "fonts-nanum",
        "print, with serifs",
        "train",
        "a21faae83d2d16d11c639f04f25fbe410eda905969ad75eff50d63ca31569f25",
    ),
    Font(
        "NanumSquareRoundR.ttf",
        "fonts-nanum",
        "print, round ends",
        "train",
        "52862fdf05b55ba886ca21998222d9598ef84c975e68046b9a8d8f1af09228a0",
    ),
    Font(
        "BMJUA_ttf.ttf",
        "fonts-woowa-bm",
        "painted sign, thick and round",
        "train",
        "e8e6aa8b1b662c7bf0d7f136f29e822e0985176458a6e5d0ba08afc4a5c901a9",
    ),
    Font(
        "NanumBarunpenR.ttf",
        "fonts-nanum-extra",
        "handwriting, neat pen",
        "val",
        "f5bd6993e8376e7f0796837ba0e50e006eb1f568f5dbb571e18d66847ff4f9c0",
    ),
    Font(
        "BMHANNAAir_ttf.ttf",
        "fonts-woowa-bm",
        "print, cut with a knife",
        "val",
        "6f60f7d9615c22927acbc0073650cbeff776f2c6b0ca31c79529e074c9cebeba",
    ),
    Font(
        "BMKIRANGHAERANG-TTF.ttf",
        "fonts-woowa-bm",
        "handwriting, stiff, with uneven strokes",
        "val",
        "d0973f3a497b42d999af2f163c63e2ebe4952c5de645d61228d2dbda13457a3f",
    ),
    Font(
        "BMYEONSUNG_ttf.ttf",
        "fonts-woowa-bm",
        "handwriting, brush",
        "test",
        "154d22ee908e6d5ac11acb3526a8dd5c6963a9379abe81330df0b1453080f63e",
    ),
    Font(
        "BMEULJIROTTF.ttf",
        "fonts-woowa-bm",
        "painted sign, thick brush",
        "test",
        "9267f884385258c45b7e796dfa242508c756542a1a80059d03556e0d1903adf4",
    ),
    Font(
        "BMDOHYEON_ttf.ttf",
        "fonts-woowa-bm",
        "print, bold and square",
        "test",
        "43a71996b1205786ba7a793d870d4f9d28b9dc71e22cc4c9078a5e5f24f23971",
    ),
)

LICENCES = {
    "fonts-nanum": "SIL Open Font License 1.1",
    "fonts-nanum-extra": "SIL Open Font License 1.1",
    "fonts-woowa-bm": "SIL Open Font License 1.1",
}
"""Of the fonts in each package, as its `copyright` file states."""


def fonts_of(split: str) -> tuple[Font, ...]:
    """Return the fonts of a split, in the order in which its pictures take turns with them.

    Raises:
        DataError: no split of that name.
    """
    fonts = tuple(font for font in FONTS if font.split == split)
    if not fonts:
        known = ", ".join(dict.fromkeys(font.split for font in FONTS))
        raise DataError(f"no fonts for a split '{split}': expected one of {known}")
    return fonts


def find_fonts(folders: Sequence[Path] = FOLDERS) -> dict[Font, Path]:
    """Return where each font is, looking through the folders and all below them.

    Raises:
        DataError: some are in none of them; names the Debian packages that bring them.
    """
    wanted = {font.file: font for font in FONTS}
    found: dict[Font, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.ttf")):
            if path.name in wanted:
                found.setdefault(wanted[path.name], path)
    missing = [font for font in FONTS if font not in found]
    if missing:
        packages = " ".join(sorted({font.package for font in missing}))
        raise DataError(
            f"the font {missing[0].file} is missing ({len(missing)} of {len(FONTS)} are), looked for in "
            f"{', '.join(map(str, folders))}: install Debian's {packages} (`apt-get install {packages}`), or "
            "pass the folder that has the files, `--fonts DIR`"
        )
    return found


def check_fonts(found: Mapping[Font, Path]) -> None:
    """Make sure that the files are the ones that the committed pictures were written with.

    Raises:
        DataError: one is another version, or can't be read.
    """
    for font, path in found.items():
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(
                f"{path} can't be read: {error.strerror}; expected the font {font.file}"
            ) from error
        if digest != font.sha256:
            raise DataError(
                f"{path} is another version of {font.file}, and would write other pictures: its SHA-256 is "
                f"{digest}, expected {font.sha256}; take the file of Debian's {font.package}, and pass its "
                "folder, `--fonts DIR`"
            )
