"""The fonts that the Hangul pictures are written with, and where they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from densekit.errors import DataError

FOLDERS = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts", Path.home() / ".fonts")
"""Where fonts lie on Linux; elsewhere, name the folder."""


@dataclass(frozen=True)
class Font:
    """A font file, the Debian package that brings it, and its style."""

    file: str
    package: str
    style: str


FONTS = (
    Font("NanumPen.ttf", "fonts-nanum-extra", "handwriting, pen"),
    Font("NanumBrush.ttf", "fonts-nanum-extra", "handwriting, brush"),
    Font("NanumBarunpenR.ttf", "fonts-nanum-extra", "neat pen"),
    Font("NanumGothic.ttf", "fonts-nanum", "print, without serifs"),
    Font("NanumMyeongjo.ttf", "fonts-nanum", "print, with serifs"),
    Font("NanumSquareRoundR.ttf", "fonts-nanum", "print, round ends"),
)

LICENCES = {
    "fonts-nanum": "SIL Open Font License 1.1",
    "fonts-nanum-extra": "SIL Open Font License 1.1",
}
"""Of the fonts in each package, as its `copyright` file states."""


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
            "pass the folder that has the files"
        )
    return found
