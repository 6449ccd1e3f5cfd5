"""How alike two networks find the same views: what few labelled pictures are told apart by.

A classifier that has few pictures to learn from can use little more than which pictures are near each other. An
adapter may find the teacher's values in directions in which the student hardly varies, and no such classifier
would find them there. So the student is also asked which views it finds alike, without an adapter in between:
for each pair of views of a batch, the cosine between their embeddings, each channel in standard deviations from
its mean over the batch, shall rise and fall with the teacher's. (Where several processes train together, these
are pairs of one process's views.)

Sources: Tung and Mori, "Similarity-Preserving Knowledge Distillation", 2019, compare such matrices; Kornblith and
others, "Similarity of Neural Network Representations Revisited", 2019, say what their correlation tells.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_LEAST_VARIANCE = 1e-6  # of a channel: one that never varies tells nothing, and must not be divided by zero


def alike(embeddings: Tensor) -> Tensor:
    """Return how alike each two of a batch's views are, (N, N), from -1 to 1, for embeddings, (N, C)."""
    standard = embeddings - embeddings.mean(dim=0)
    standard = standard / (standard.var(dim=0) + _LEAST_VARIANCE).sqrt()
    directions = F.normalize(standard, dim=1)
    return directions @ directions.T


def disagreement(mine: Tensor, theirs: Tensor) -> Tensor:
    """Say how far two networks differ in which views they find alike.

    Args:
        mine: embeddings of one, (N, C).
        theirs: of the other for the same views, (N, D).

    Returns:
        One minus the correlation over all pairs of views, from 0 to 2: 0 if they agree, 1 if one does not tell of
        the other, and always where there are two views, which are one pair.
    """
    pairs = torch.triu_indices(len(mine), len(mine), offset=1)
    own, other = (alike(one)[pairs[0], pairs[1]] for one in (mine, theirs))
    return 1 - F.cosine_similarity(own - own.mean(), other - other.mean(), dim=0)
