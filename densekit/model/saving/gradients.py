"""The gradient of a dense block's features, to which each layer adds on the way back.

A channel has many readers: each later layer of its block normalises it. With x̂_l the channel as reader l
normalises it, dy_l the gradient of what comes out, M positions and s_l = γ_l / √(σ² + ε_l), BatchNorm's gradient
is

    dx = Σ_l  s_l · (dy_l − Σdy_l / M − x̂_l · Σ(dy_l · x̂_l) / M)

of which all but s_l · dy_l is an affine function of x, as all readers take the same statistics of the batch. So
each reader adds s_l · dy_l to the maps' gradient, and two numbers a channel, slope and offset, wait until the
last reader is through. Where norms keep the statistics that they have, these hang on no picture, and s_l · dy_l
is all there is.
"""

import torch
from torch import Tensor

from densekit.model.saving.passes import Norm, Statistics, positions_of


class MapsGradient:
    """The gradient of all features of a block while its layers are walked backwards.

    Args:
        maps: the features, (N, C, H, W).
        batch: their statistics, (C,) each, if the norms take those of the batch; None if they keep their own.
        gradient: what comes from behind the block, (N, C, H, W); it is left as it is.
    """

    def __init__(self, maps: Tensor, batch: Statistics | None, gradient: Tensor) -> None:
        self.maps, self.by_batch = maps, batch is not None
        self._gradient = gradient.clone(memory_format=torch.channels_last)
        if batch:
            self._slope, self._offset = torch.zeros_like(batch.mean), torch.zeros_like(batch.mean)

    def add(
        self, behind_norm: Tensor, of_gain: Tensor, of_bias: Tensor, known: Statistics, norm: Norm
    ) -> None:
        """Add what a layer that normalises the first channels sends back.

        Args:
            behind_norm: dy, the gradient of what its norm has given, (N, c, H, W).
            of_gain: Σ(dy · x̂), (c,).
            of_bias: Σdy, (c,).
            known: the statistics by which it normalises, (c,) each.
            norm: with which it normalises.
        """
        channels = behind_norm.shape[1]
        inverse = norm.inverse(known)
        scale = norm.gain * inverse
        self._gradient[:, :channels].addcmul_(behind_norm, scale[:, None, None].to(behind_norm.dtype))
        if self.by_batch:
            positions = positions_of(self.maps)
            slope = scale * of_gain * inverse / -positions
            self._slope[:channels] += slope
            self._offset[:channels] -= scale * of_bias / positions + slope * known.mean

    def of(self, start: int, stop: int) -> Tensor:
        """Return the gradient of these channels, (N, c, H, W), once all who read them have added theirs."""
        gradient = self._gradient[:, start:stop]
        if self.by_batch:
            slope, offset = self._slope[start:stop, None, None], self._offset[start:stop, None, None]
            affine = torch.addcmul(offset, self.maps[:, start:stop].to(offset.dtype), slope)
            gradient = (affine + gradient).to(self.maps.dtype)
        return gradient.contiguous(memory_format=torch.channels_last)
