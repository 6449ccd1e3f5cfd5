"""First filters learned from the pictures, without labels and without a teacher.

The independent components of small patches are edges at all angles and places, and pairs of opponent colours:
what the first layer of a trained network looks like. Begun with them, the later layers have something to build
on from the first step (Bell and Sejnowski, "The independent components of natural scenes are edge filters",
1997; the algorithm is FastICA, Hyvärinen, 1999).
"""

import math
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from workshop.distillation.distil import Classroom, as_seen
from workshop.distillation.views import Beyond, batch_at, generator_for, make_views

_VIEWS = 2000
_PATCHES_OF_EACH = 20
_AT_ONCE = 32
_ROUNDS = 200


def first_filters(room: Classroom, shape: torch.Size) -> Tensor:
    """Return the components of patches of the student's views as weights of its first convolution.

    The same on every machine, to rounding.

    Args:
        room: its crops and its recipe give the views, at the size of the first stage.
        shape: (filters, 3, height, width); at most 3 · height · width filters.

    Returns:
        float32, each filter in the usual size of random first weights: their root mean square is the square root
        of 2 / (3 · height · width).
    """
    patches = sample_patches(room, shape[-1])
    filters = independent_components(patches, shape[0], room.recipe.seed)
    # By root mean square: flat patches of one colour hardly deviate from their own mean, and would become huge.
    scale = math.sqrt(2 / patches.shape[1]) / np.sqrt(np.square(filters).mean(axis=1, keepdims=True))
    return torch.from_numpy((filters * scale).astype(np.float32)).view(shape)


def sample_patches(room: Classroom, side: int) -> NDArray[np.float64]:
    """Return patches of normalised views at the first stage's size, (N, 3 · side · side)."""
    learn, _ = room.cache.split()
    recipe = room.recipe
    stage = recipe.stages[0]
    numbers = batch_at(learn, 0, min(_VIEWS, len(learn)), recipe.seed)
    generator = generator_for(recipe.seed, Beyond.FILTERS, 0)
    patches = []
    for part in np.array_split(numbers, math.ceil(len(numbers) / _AT_ONCE)):
        views = as_seen(make_views(room.crops(part), stage.teacher_size, recipe, generator), stage.size)
        for _ in range(_PATCHES_OF_EACH):
            x, y = torch.randint(0, stage.size - side + 1, (2,), generator=generator).tolist()
            patches.append(views[:, :, y : y + side, x : x + side].flatten(1))
    return torch.cat(patches).double().cpu().numpy()


def independent_components(patches: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
    """Return the patterns that patches are independent sums of.

    What the method leaves open is settled: the order (the ones that explain most come first) and the sign (each
    points to the same side of one random plane), so that machines differ by rounding alone.

    Args:
        patches: (N, values), in float64, because rounding would decide between signs.
        count: patterns to find, at most as many as values.
        seed: of where the search begins, and of the plane.

    Returns:
        (count, values), scaled to sources of variance one.
    """
    generator = np.random.default_rng(seed)
    begin = generator.standard_normal((count, count))
    plane = generator.standard_normal(patches.shape[1])
    ica = FastICA(
        count, w_init=begin, max_iter=_ROUNDS, tol=1e-6, whiten="unit-variance", whiten_solver="eigh"
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # the weakest components may turn on; that is enough
        ica.fit(patches)
    patterns: NDArray[np.float64] = ica.mixing_.T
    patterns = patterns * np.where(patterns @ plane < 0, -1.0, 1.0)[:, None]
    return patterns[np.argsort(-np.square(patterns).sum(axis=1), kind="stable")]
