"""How numbers are written, everywhere the same."""

import math


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal, such as '90.0 %', or '–' where it is not known."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"
