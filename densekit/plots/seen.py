"""Pictures as a network sees them, numbers and all."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from densekit.data.transforms import Preprocessing
from densekit.plots.described import describe
from densekit.plots.pictures import image_grid


def as_network_sees(images: Tensor, preprocessing: Preprocessing, title: str) -> Figure:
    """Draw normalised pictures as colours again: what a network that expects this preprocessing takes them for.

    Pictures that were prepared in another way come out pale, dark or burnt: so they look to the network.

    Args:
        images: what goes into the network, (N, 3, H, W).
        preprocessing: what its weights expect.
        title: how the pictures were prepared.
    """
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (preprocessing.mean, preprocessing.std))
    colours = images.detach().cpu() * std + mean  # (N, 3, H, W), outside of 0 to 1 where it is wrong
    spreads = [f"{one.min():.1f} to {one.max():.1f}" for one in images]
    figure = image_grid(
        list(colours.clamp(0, 1)), spreads, f"As the network sees them: {title}", columns=len(images)
    )
    beyond = ((colours - 0.5).abs() > 0.51).float().mean().item()
    return describe(
        figure,
        f"{len(images)} pictures as the network sees them: {title}. Under each, its lowest and highest number. "
        f"{beyond:.0%} of the numbers lie outside of what any colour gives.",
    )
