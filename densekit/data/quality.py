"""What makes a single picture a poor one to learn from: nothing on it, too dark, too bright, out of focus.

The limits are far from what good pictures have. In brackets stands what was measured on 153 photographs of ants
and bees and on the 1,000 tabletop pictures, of which some are rather dark, bright or blurred on purpose; none of
all these is reported.
"""

from pathlib import Path

from densekit.data.appearance import Appearance
from densekit.data.perceptual_hash import bits_told, hashes
from densekit.data.problems import Problem

ONE_COLOUR = 3
"""A picture of which no two pixels differ by more in red, green or blue is of one colour beyond doubt (tabletop:
88 or more). JPEG makes no differences in one colour; a star of one pixel, decoded at an eighth, makes 4."""
DARK = 64
"""A picture whose brightest parts are darker than this is too dark (116 or more)."""
BRIGHT = 200
"""A picture whose darkest parts are brighter than this is too bright (161 or less)."""
INFORMATION = 64
"""A picture of which fewer of 256 long waves are above the noise shows next to nothing (190 or more)."""
BLUR = 0.92
"""A picture that keeps more of its fine differences under a mean over 3 × 3 pixels had no fine details (0.853 or
less; of photographs blurred by 2, 3, 4 pixels of 500, 93, 98 and all of 100 have more)."""
LEAST_SIDE = 64
"""Smaller pictures are not judged by their details: they may have none to show, being icons or thumbnails."""


def poor_quality(path: Path, seen: Appearance) -> Problem | None:
    """Return the worst that is to be said of a picture's looks; None if there is nothing."""
    if seen.spread <= ONE_COLOUR:
        return Problem.of("one-colour", path, "one colour all over")
    if seen.brightest < DARK:
        message = f"99 of 100 pixels have a brightness of {seen.brightest} of 255 or less"
        return Problem.of("too-dark", path, message)
    if seen.darkest > BRIGHT:
        message = f"99 of 100 pixels have a brightness of {seen.darkest} of 255 or more"
        return Problem.of("too-bright", path, message)
    if min(seen.size) < LEAST_SIDE:
        return None
    told = int(bits_told(hashes(seen.thumbnail[None]))[0])
    if told < INFORMATION:
        return Problem.of("low-information", path, "nothing but soft gradients or noise is on it")
    if seen.blur > BLUR:
        message = f"without fine details: a blur leaves {seen.blur:.0%} of what it has"
        return Problem.of("blurry", path, message)
    return None
