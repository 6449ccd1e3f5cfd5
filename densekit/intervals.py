"""How far a mean over a few seeds may be trusted."""

from collections.abc import Sequence
from math import isfinite
from statistics import stdev


def half_interval(values: Sequence[float], confidence: float = 0.95) -> float:
    """Return half of the confidence interval of the mean (Student's t), in the unit of the values.

    Args:
        values: independent measurements, such as accuracies over seeds.
        confidence: how often such an interval holds the true mean, 0 < confidence < 1.

    Returns:
        What stands behind ±; not a number for fewer than two values, of which nothing can be said, or where one
        of them is no finite number.

    Raises:
        ValueError: the confidence is out of its bounds.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: expected 0 < confidence < 1")
    if len(values) < 2 or not all(map(isfinite, values)):
        return float("nan")
    from scipy.special import stdtrit  # scipy takes seconds to import, and a training needs no interval

    t = float(stdtrit(len(values) - 1, 0.5 + confidence / 2))  # Student's t, inverted
    return t * stdev(values) / len(values) ** 0.5
