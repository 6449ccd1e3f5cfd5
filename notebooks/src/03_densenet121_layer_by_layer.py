# ---
# jupyter:
#   densekit:
#     compared_at_least: 40
#     ignored_at_most: 2
# ---

# %% [markdown]
# # DenseNet-121, layer by layer
#
# You write the network yourself, from the first convolution to the embedding: four small classes, each checked
# against the reference as soon as it is there. At the end, weights that others have trained fit into *your* network,
# and it gives the same numbers.
#
# **You will be able to**
# - write a dense layer, a dense block, a transition and a whole DenseNet in PyTorch,
# - say before you run it how many channels, positions, parameters and multiply-adds every stage has,
# - choose growth rate, block sizes and width of a network for a given budget.
#
# **You need** Python classes, and what a convolution is. Notebook 02 tells *why* DenseNet joins instead of adding;
# it helps, but is not needed.
#
# **Time**: 155 minutes, of which the machine needs less than one; a good place for a break is before the transition.
# **Difficulty**: medium.

# %% tags=["parameters"]
data: str = ""  # a folder of your own, with a subfolder of pictures for each class; empty for the samples
image_size: int = 128  # side of the picture in pixels; 29 or more
seed: int = 0  # of the random weights
install_from: str = ""  # only in Colab: where you have densekit from

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules and install_from:
    get_ipython().run_line_magic("pip", f"install --quiet {install_from}")

import densekit

print(f"densekit {densekit.__version__} is here")

# %% [markdown]
# ## The way through
#
# The words of this notebook, as Korean texts have them:
#
# | English | 한국어 | here |
# |---|---|---|
# | feature map, channel | 특징맵, 채널 | what one filter says about every position; one of the maps of a layer |
# | spatial position | 공간 위치 | a row and a column of a map |
# | dense block, dense layer | 덴스 블록, 덴스 레이어 | the layers that read everything before them |
# | transition layer | 전이 레이어 (트랜지션 레이어) | halves channels, height and width between two blocks |
# | bottleneck layer | 병목 레이어 | the 1×1 convolution that reads many channels and puts out few |
# | growth rate | 성장률 | the channels that a dense layer adds |
# | batch normalisation | 배치 정규화 | brings each channel to mean 0 and standard deviation 1, then scales it |
# | pooling | 풀링 | the mean or the maximum of neighbouring positions |

# %% [markdown]
# One picture will accompany us: three colours, and as many rows and columns as the parameter says. Here is its whole way. A
# box is as high as the maps of a stage, and the wider the more channels there are. Look for two opposite trends.

# %%
import torch

from densekit import densenet121, open_folder, sample_folder
from densekit.data.loading import open_image
from densekit.plots import show, size_ladder

preprocessing = densenet121().preprocessing.with_size(image_size)
sample = open_folder(data or sample_folder("tabletop")).train[0]
image = preprocessing(open_image(sample.path)).unsqueeze(0)  # a batch of one
print("the picture:", tuple(image.shape))
show(size_ladder(image_size=image_size, numbers=False))

# %% [markdown]
# The boxes become flat and wide: DenseNet trades *where* for *what*. At the end there are few positions left, and at each
# of them many channels say what is there. Orange stages change the size; blue ones, the dense blocks, add channels. We build
# them from left to right.

# %% [markdown]
# ## The stem

# %%
from densekit.plots import you_are_here

show(you_are_here("stem", way="network"))

# %% [markdown]
# Before the first block, the **stem** makes the picture smaller: a 7×7 convolution with stride 2, then a 3×3 maximum
# with stride 2. A convolution with stride 2 stands at every other position only; *padding* adds zeros around the border.
# How many positions does a side have after the first convolution, with padding 3, if the picture has `image_size`, 128? Type your guess in
# the place of `...`.

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = 64
### END SOLUTION
guess("positions on a side after the first convolution", my_guess)

# %%
from torch import nn

first = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
with reveal("positions on a side after the first convolution", first(image).shape[-1]):
    print(tuple(image.shape), "becomes", tuple(first(image).shape))

# %% [markdown]
# ### Exercise 1: how large are the maps? (5 min, easy)
# Write the general rule. It holds for convolutions and pools alike, and you will use it at every stage. A right answer
# prints *passed*.

# %%
from densekit.exercises import layer_by_layer as check


def output_side(side: int, kernel_size: int, stride: int, padding: int) -> int:
    ### BEGIN SOLUTION
    return (side + 2 * padding - kernel_size) // stride + 1
    ### END SOLUTION


check.exercise_1(output_side)

# %% [markdown]
# ### Exercise 2: the stem (8 min, easy)
# Four parts: `conv0`, as above; `norm0`, a `BatchNorm2d`; `relu0`; and `pool0`, a `MaxPool2d` with kernel 3, stride 2
# and padding 1. An `OrderedDict` gives each its name. Keep the names: trained weights are found by them.
#
# The convolution has no bias, since the norm after it subtracts the mean anyway.

# %%
from collections import OrderedDict


def make_stem(num_init_features: int) -> nn.Sequential:
    parts = OrderedDict()
    ### BEGIN SOLUTION
    parts["conv0"] = nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False)
    parts["norm0"] = nn.BatchNorm2d(num_init_features)
    parts["relu0"] = nn.ReLU()
    parts["pool0"] = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
    ### END SOLUTION
    return nn.Sequential(parts)


check.exercise_2(make_stem)

# %% [markdown]
# The check copied random weights into your stem and into the reference, in float64, and compared values and gradients.
# It also made the norms random. Why? A fresh norm changes nothing in evaluation mode, so it could stand anywhere without being noticed.
#
# Whatever your check said, the next cell goes on: with your stem if it passed, and with densekit's if not.

# %%
stem = check.yours_or_ours(check.exercise_2, make_stem, check.stem)

torch.manual_seed(seed)
with torch.no_grad():
    x = image
    for name, part in stem(64).named_children():
        x = part(x)
        print(f"{name:6} {tuple(x.shape)}")
entered = x  # what enters the first dense block

# %% [markdown]
# A quarter of the height, a quarter of the width, and 64 channels where there were three colours. From here to the end of the
# first block the size stays the same: channels can be joined only where the maps are equally large.

# %% [markdown]
# ## The dense layer

# %%
show(you_are_here("block 1", way="network"))
show(you_are_here("input", way="dense layer"))

# %% [markdown]
# In a dense block each layer sees *everything* that was made before it, side by side:
# $x_l = H_l([x_0, x_1, …, x_{l-1}])$. It adds `growth_rate` channels of its own, 32 in DenseNet-121, and takes nothing
# away. 64 channels enter. How many does the *third* layer see?

# %%
growth_rate, bn_size = 32, 4
### BEGIN SOLUTION
my_guess = 64 + 2 * 32
### END SOLUTION
guess("channels that the third layer sees", my_guess, unit="channels")

# %%
from densekit.model import densenet as reference

layers = list(reference.DenseBlock(3, 64, growth_rate, bn_size).children())
seen = [layer.norm1.num_features for layer in layers]
with reveal("channels that the third layer sees", seen[2]):
    print("channels that each layer sees:", seen)

# %% [markdown]
# $H_l$ is norm, ReLU, 1×1 convolution, norm, ReLU, 3×3 convolution. The 1×1 convolution is the **bottleneck**: however
# many channels there are, it squeezes them into `bn_size * growth_rate = 128`, so that the costly 3×3 convolution always has
# the same small job. (`bn` in `bn_size` is for *bottleneck*, not for BatchNorm: how many times the growth rate it puts out.)

# %% [markdown]
# ### Exercise 3: the parameters of one layer (8 min, medium)
# How many numbers does such a layer learn? A norm learns a gain and a bias for each channel that it sees; a
# convolution has `in × out × height × width` weights, and here no bias. Add up the four parts.


# %%
def layer_parameters(in_channels: int, growth_rate: int, bn_size: int) -> int:
    ### BEGIN SOLUTION
    bottleneck = bn_size * growth_rate
    norms = 2 * in_channels + 2 * bottleneck
    convolutions = in_channels * bottleneck + 9 * bottleneck * growth_rate
    return norms + convolutions
    ### END SOLUTION


check.exercise_3(layer_parameters)

# %% [markdown]
# Does the bottleneck pay? Without it, a 3×3 convolution would read all channels directly. Which of the two ways needs fewer
# weights: for an early layer, which sees 64 channels, and for a late one, which sees 992? Answer `"direct"` or
# `"bottleneck"`.

# %%
### BEGIN SOLUTION
early, late = "direct", "bottleneck"
### END SOLUTION
guess("fewer weights in an early layer", early)
guess("fewer weights in a late layer", late)


# %%
def weights_of(seen: int) -> dict[str, int]:
    return {"direct": 9 * seen * growth_rate, "bottleneck": seen * 128 + 9 * 128 * growth_rate}


with reveal("fewer weights in an early layer", min(weights_of(64), key=weights_of(64).get)):
    print("64 channels seen: ", weights_of(64))

# %%
with reveal("fewer weights in a late layer", min(weights_of(992), key=weights_of(992).get)):
    print("992 channels seen:", weights_of(992))

# %% [markdown]
# From 231 channels on, the bottleneck has fewer weights. In DenseNet-121 that is so for 48 of the 58 layers.

# %% [markdown]
# ### Exercise 4: DenseLayer (15 min, medium)
# `forward` gets the *list* of all features so far, each of shape (N, channels, H, W). Join them along the channels, and
# return the new ones **only**: (N, growth_rate, H, W). Names of the parts: `norm1`, `conv1`, `norm2`, `conv2`. Each norm is
# followed by a ReLU, then comes the convolution.

# %%
from torch.nn import functional as F


class DenseLayer(nn.Module):
    def __init__(self, in_channels: int, growth_rate: int, bn_size: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        bottleneck = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, bottleneck, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck)
        self.conv2 = nn.Conv2d(bottleneck, growth_rate, kernel_size=3, padding=1, bias=False)
        ### END SOLUTION

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        ### BEGIN SOLUTION
        x = torch.cat(features, dim=1)  # (N, in_channels, H, W)
        squeezed = self.conv1(F.relu(self.norm1(x)))  # (N, bn_size * growth_rate, H, W)
        return self.conv2(F.relu(self.norm2(squeezed)))  # (N, growth_rate, H, W)
        ### END SOLUTION


check.exercise_4(DenseLayer)

# %% [markdown]
# In the stem the convolution comes first, here it comes last: *norm, ReLU, convolution*. That has a reason: the same feature is read by many layers, and each
# of them has its own norm, so each can scale it in its own way.

# %%
Layer = check.yours_or_ours(check.exercise_4, DenseLayer, reference.DenseLayer)
with torch.no_grad():
    new = Layer(64, growth_rate, bn_size)([entered])
print("seen:", tuple(entered.shape))
print("new: ", tuple(new.shape))

# %% [markdown]
# ## The dense block

# %%
show(you_are_here("block 1", way="network"))

# %% [markdown]
# A block is a loop over layers and a list that grows. Here is the first block of DenseNet-121: a row for each layer, each
# colour for the layer that made the channels. What you see as a staircase is the whole idea.

# %%
from densekit.plots import block_staircase

show(block_staircase(num_layers=6, in_channels=64, growth_rate=32))

# %% [markdown]
# Notice that each colour goes straight down: a feature, once made, stays as it is for all later layers. The bottom row
# leaves the block: 64 + 6 × 32 = 256 channels.

# %% [markdown]
# ### Exercise 5: what each layer sees (5 min, easy)
# Return a list with one number for each layer: the channels that it sees.


# %%
def channels_seen(num_layers: int, in_channels: int, growth_rate: int) -> list[int]:
    ### BEGIN SOLUTION
    return [in_channels + index * growth_rate for index in range(num_layers)]
    ### END SOLUTION


check.exercise_5(channels_seen)

# %% [markdown]
# The second block gets half of the 256 channels that leave the first, and has twelve layers. How many leave it?

# %%
### BEGIN SOLUTION
from_block_2 = 512
### END SOLUTION
guess("channels that leave block 2", from_block_2, unit="channels")

# %%
with torch.device("meta"):  # shapes only
    second = reference.DenseBlock(12, 128, growth_rate, bn_size)(torch.empty(1, 128, 16, 16))
with reveal("channels that leave block 2", second.shape[1]):
    print("128 + 12 x 32 =", second.shape[1])

# %% [markdown]
# ### Exercise 6: DenseBlock (12 min, medium)
# Make the layers, called `denselayer1`, `denselayer2` and so on, each with the channels that it will see. In `forward`, keep
# a list of all features, the oldest first, and return them joined. Use `Layer` for the layers: it is yours if it passed.


# %%
class DenseBlock(nn.Module):
    def __init__(self, num_layers: int, in_channels: int, growth_rate: int, bn_size: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        for index in range(num_layers):
            layer = Layer(in_channels + index * growth_rate, growth_rate, bn_size)
            self.add_module(f"denselayer{index + 1}", layer)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        features = [x]
        for layer in self.children():
            features.append(layer(features))
        return torch.cat(features, dim=1)
        ### END SOLUTION


check.exercise_6(DenseBlock)

# %% [markdown]
# With your block, or the reference's:

# %%
Block = check.yours_or_ours(check.exercise_6, DenseBlock, reference.DenseBlock)
with torch.no_grad():
    after_block = Block(6, 64, growth_rate, bn_size)(entered)
print("before the block:", tuple(entered.shape))
print("after the block: ", tuple(after_block.shape))
print("what entered is still there, exact:", torch.equal(after_block[:, :64], entered))

# %% [markdown]
# The last line is the difference to a ResNet in one boolean: nothing was added to the 64 channels that entered, and nothing
# was overwritten.

# %% [markdown]
# ## The transition

# %%
show(you_are_here("transition 1", way="network"))

# %% [markdown]
# If this went on, there would be nearly two thousand channels, all on large maps. So between two blocks a **transition** mixes all
# channels into half as many (norm, ReLU, 1×1 convolution), and an average over 2×2 positions halves height and width. How
# many numbers go in for each one that comes out: 2, 4 or 8?

# %%
### BEGIN SOLUTION
my_guess = 8
### END SOLUTION
guess("numbers into a transition for each one out", my_guess)

# %%
into, out_of = 256 * 32 * 32, 128 * 16 * 16
with reveal("numbers into a transition for each one out", into / out_of, close=0):
    print(f"{into:,} numbers go in, {out_of:,} come out")

# %% [markdown]
# ### Exercise 7: Transition (8 min, easy)
# The parts are called `norm`, `relu`, `conv` and `pool`. `nn.Sequential` brings its own `forward`, so there is only one thing
# to write.


# %%
class Transition(nn.Sequential):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.add_module("norm", nn.BatchNorm2d(in_channels))
        self.add_module("relu", nn.ReLU())
        self.add_module("conv", nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False))
        self.add_module("pool", nn.AvgPool2d(kernel_size=2, stride=2))
        ### END SOLUTION


check.exercise_7(Transition)

# %%
Between = check.yours_or_ours(check.exercise_7, Transition, reference.Transition)
with torch.no_grad():
    after_transition = Between(256, 128)(after_block)
print("before the transition:", tuple(after_block.shape))
print("after the transition: ", tuple(after_transition.shape))

# %% [markdown]
# ## The whole network

# %%
show(you_are_here(way="network"))

# %% [markdown]
# Stem, four blocks with three transitions between them, a last norm, an average over all positions. Four settings say
# everything, and densekit keeps them in a `DenseNetConfig`. The 121 counts the layers with weights: 1 convolution in the stem,
# two in each of the dense layers, one in each transition, and the classifier.

# %%
from densekit.model.architectures import DenseNetConfig

config = DenseNetConfig()
print(config)
print("dense layers:", sum(config.block_config), " layers with weights:", config.depth)

# %% [markdown]
# ### Exercise 8: DenseNet (15 min, hard)
# In the loop, add `denseblock1`, `transition1`, `denseblock2` and so on to `self.features`, and keep account of `channels`.
# Use `Block(num_layers, channels, growth_rate, bn_size)` and `Between(in_channels, out_channels)`: they are yours if they passed. In
# `forward`: features, a last ReLU, the average over all positions, the classifier. The result has the shape (N, classes).


# %%
class DenseNet(nn.Module):
    def __init__(self, config: DenseNetConfig, num_classes: int) -> None:
        super().__init__()
        self.features = stem(config.num_init_features)
        channels = config.num_init_features
        for number, num_layers in enumerate(config.block_config, start=1):
            ### BEGIN SOLUTION
            block = Block(num_layers, channels, config.growth_rate, config.bn_size)
            self.features.add_module(f"denseblock{number}", block)
            channels += num_layers * config.growth_rate
            if number < len(config.block_config):
                self.features.add_module(f"transition{number}", Between(channels, channels // 2))
                channels //= 2
            ### END SOLUTION
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes) if num_classes else nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        maps = F.relu(self.features(images))  # (N, channels, H / 32, W / 32)
        embeddings = F.adaptive_avg_pool2d(maps, (1, 1)).flatten(start_dim=1)  # (N, channels)
        return self.classifier(embeddings)
        ### END SOLUTION


check.exercise_8(DenseNet)

# %% [markdown]
# Now our picture, with `image_size` = 128 pixels on a side, goes through all of it. What leaves the third block: how many channels, and how many
# positions on a side?

# %%
### BEGIN SOLUTION
channels_3, side_3 = 1024, 8
### END SOLUTION
guess("channels that leave block 3", channels_3)
guess("positions on a side that leave block 3", side_3)

# %%
Network = check.yours_or_ours(check.exercise_8, DenseNet, reference.DenseNet)
network = Network(config, 0).eval()  # 0 classes: it returns embeddings

with torch.no_grad():
    x, shapes = image, {}
    for name, stage in network.features.named_children():
        x = stage(x)
        shapes[name] = tuple(x.shape)
    shapes["embedding"] = tuple(network(image).shape)
_, channels, side, _ = shapes["denseblock3"]
with reveal("channels that leave block 3", channels), reveal("positions on a side that leave block 3", side):
    for name, shape in shapes.items():
        print(f"{name:12} {shape}")

# %% [markdown]
# Here is the picture's way from the beginning once more, with its numbers: the size above each box, the channels below it.

# %%
with reveal("positions on a side that leave block 3", side, quiet=True):
    show(size_ladder(image_size=image_size))

# %% [markdown]
# ## Trained weights in your network
#
# So far its weights are random. densekit brings a DenseNet-121 that has learned from photographs, drawings and symbols. If your parts have the right
# names and shapes, its weights fit into your network, *strictly*: none may be missing, none left over. Then the same picture must
# give the same embedding.

# %%
trained = densenet121().eval()
print(network.load_state_dict(trained.state_dict(), strict=True))

with torch.no_grad():
    print("the same shape:", network(image).shape == trained(image).shape)
    difference = (network(image) - trained(image)).abs().max().item()
    in_float64 = (network.double()(image.double()) - trained.double()(image.double())).abs().max().item()
print("the same embedding, exact:", difference == 0)
print("max|Δ| in float64 below 1e-12:", in_float64 < 1e-12)
_ = network.float(), trained.float()

# %% [markdown]
# `All keys matched`, and the same numbers. This is your network now: trained by others, written by you.
#
# What is left of the picture on its way? At each stage, the strength of all channels together, bright where it is
# high. Look at two things: when do you stop recognising the object, and are the bright positions still where it is?

# %%
from densekit.plots import image_grid


def brightness(maps: torch.Tensor) -> torch.Tensor:
    strength = maps[0].abs().mean(dim=0)  # over the channels: (H, W)
    strength = (strength - strength.min()) / (strength.max() - strength.min())
    return F.interpolate(strength.expand(1, 3, -1, -1), size=112, mode="nearest")[0]


with torch.no_grad():
    x, shown = image, {"picture": open_image(sample.path)}
    for name, stage in network.features.named_children():
        x = stage(x)
        if name in ("conv0", "denseblock1", "denseblock2", "denseblock3", "denseblock4"):
            shown[f"{name}, {x.shape[-1]}×{x.shape[-1]}"] = brightness(x)
show(image_grid(list(shown.values()), list(shown), title="Strength of all channels at each stage", columns=3))

# %% [markdown]
# The early maps still look like a drawing of the picture, in which the wall may be brighter than the bottle. The late ones have a
# handful of positions, and now the bright ones are where the object is. But *what* it is they say with *which* of their 1024 channels are active there, and a single image of the
# mean can't show that.

# %% [markdown]
# ## The ledger: what does it cost?
#
# First by hand. Parameters: ask the modules for theirs. **Multiply-adds**: a convolution does `in × height × width of the kernel` of
# them for each number that it puts out. A hook on every convolution sees its output while the picture passes.

# %%
multiply_adds = []


def count(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
    multiply_adds.append(output[0].numel() * module.weight[0].numel())


hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
with torch.no_grad():
    network(image)
for hook in hooks:
    hook.remove()
print(f"{len(multiply_adds)} convolutions, {sum(multiply_adds):,} multiply-adds")

# %% [markdown]
# Which of the four blocks has the most parameters, and which does most of the work? They are not the same.

# %%
### BEGIN SOLUTION
large, slow = 3, 1
### END SOLUTION
guess("number of the block with the most parameters", large)
guess("number of the block with the most multiply-adds", slow)

# %% [markdown]
# All of that follows from the four settings of the config, without building anything. densekit's `make_ledger` works it out,
# line by line. It must agree with what you just counted.

# %%
from densekit.model.proof.ledger import make_ledger

ledger = make_ledger(config, image_size, num_classes=0)
most_parameters = max(range(1, 5), key=lambda n: ledger[f"denseblock{n}"].parameters)
most_work = max(range(1, 5), key=lambda n: ledger[f"denseblock{n}"].multiply_adds)
reveal("number of the block with the most parameters", most_parameters, close=0)
with reveal("number of the block with the most multiply-adds", most_work, close=0):
    print(ledger)

# %%
print("multiply-adds as counted:", ledger.multiply_adds == sum(multiply_adds))
block = network.features.denseblock2
by_hand = sum(parameter.numel() for parameter in block.parameters())
print("parameters of block 2:   ", ledger["denseblock2"].parameters == by_hand)

# %% [markdown]
# The same as a figure: for each stage, its share of the parameters and of the work.

# %%
from densekit.plots import channel_strip, cost_bars

with reveal("number of the block with the most multiply-adds", most_work, quiet=True):
    show(cost_bars(config, image_size))

# %% [markdown]
# Parameters do not depend on the size of the maps, multiply-adds do: the first block works on maps with 64 times as many positions as
# the last. So *late* layers make a network large, and *early* layers make it slow.

# %%
show(channel_strip(config))

# %% [markdown]
# Each strip is as long as the stage has channels. Dotted is what entered a block, coloured what its layers added. In the third
# block, three quarters are new; in the fourth, half.

# %% [markdown]
# ## The ledger, live
#
# Three guesses, and then you move the sliders to find out. (1) You double the growth rate. By what factor do the parameters
# grow, roughly? (2) Which of the two changes the multiply-adds but no parameter: `"growth rate"` or `"image size"`?
# (3) Does `drop_rate` change the number of parameters? (It is dropout: the share of a layer's new values that is set to zero
# at random, while training.)

# %%
### BEGIN SOLUTION
factor, only_work, changes_parameters = 4, "image size", "no"
### END SOLUTION
guess("factor of the parameters at twice the growth rate", factor)
guess("changes the multiply-adds alone", only_work)
guess("does drop_rate change the parameters?", changes_parameters)

# %% tags=["volatile"]
from densekit.widgets.ledger import LedgerExplorer, ledger_view

explorer = LedgerExplorer(image_size=image_size)
explorer

# %% [markdown]
# Without a running kernel you see no sliders. The function that they call says the same:

# %%
ledgers = {
    "growth rate": make_ledger(DenseNetConfig(growth_rate=16), image_size, 0),
    "image size": make_ledger(DenseNetConfig(), 2 * image_size, 0),
}
half, whole, work = ledgers["growth rate"].parameters, ledger.parameters, ledger.multiply_adds
alone = [name for name, each in ledgers.items() if each.parameters == whole and each.multiply_adds != work]
with reveal("factor of the parameters at twice the growth rate", whole / half):
    print(f"growth rate 16: {half:,} parameters, 32: {whole:,}")

# %%
with reveal("changes the multiply-adds alone", " and ".join(alone)):
    twice = ledgers["image size"].multiply_adds
    print(f"{work:,} multiply-adds at {image_size} px, {twice:,} at twice that")

# %%
dropping = reference.DenseNet(DenseNetConfig(), num_classes=0, drop_rate=0.5)
with reveal(
    "does drop_rate change the parameters?", sum(one.numel() for one in dropping.parameters()) != whole
):
    print(f"{sum(one.numel() for one in dropping.parameters()):,} parameters with half of the values dropped")

# %% [markdown]
# Both sides of most convolutions grow with the growth rate. A weight is used once for each position, however many positions
# there are. And dropout has no weights at all: it sets random values to zero, and only while training.

# %%
figure, table = ledger_view(DenseNetConfig(growth_rate=16), image_size)
show(figure)

# %% [markdown]
# This is a network with half the growth rate. Compare its strips with those of DenseNet-121: the stem still has 64 channels,
# and every later strip is about half as long. (Mind the axis: it ends at about half of the other one's.)

# %% [markdown]
# ### Exercise 9: one picture, two answers (5 min, easy)
# Somebody built dropout into the dense layer, with the function below. Since then the network gives another answer each
# time, also to the same picture and in evaluation mode. Repair it.


# %%
def with_dropout(new: torch.Tensor, drop_rate: float, training: bool) -> torch.Tensor:
    ### BEGIN SOLUTION
    return F.dropout(new, drop_rate, training)
    ### STARTER
    # return F.dropout(new, drop_rate)
    ### END SOLUTION


check.exercise_9(with_dropout)

# %% [markdown]
# ### Exercise 10: a network for a small device (10 min, medium)
# Find the four settings of a DenseNet with **at most 1,000,000 parameters** and **at most 100,000,000 multiply-adds** (without
# classifier, at 128×128 pixels), whose embeddings have **at least 300 numbers** and that is **at least 60 layers** deep. There are many.
# Use the sliders, or `print(make_ledger(DenseNetConfig(...), 128, 0))`. Give a `DenseNetConfig(growth_rate=…, block_config=(…),
# num_init_features=…)`; the fourth setting, `bn_size`, may stay 4.

# %%
### BEGIN SOLUTION
small = DenseNetConfig(growth_rate=12, block_config=(3, 6, 12, 18), num_init_features=24)
### END SOLUTION
check.exercise_10(small)

# %% [markdown]
# ## What to keep
#
# - A **dense layer** sees everything so far and adds `growth_rate` channels; a **block** is a loop and a list; a **transition**
#   halves channels, height and width.
# - Channels at the end of a block: what entered + layers × growth rate. All else follows from that.
# - Late layers hold the parameters, early layers do the work.
# - That a network has the right shapes and the right parameter count does not mean that it is right. A comparison with
#   the reference, in float64 and with random norms, shows that.
#
# **Three questions.** (1) Why can a transition stand between blocks, but not inside one? (2) Your block returns the right shape, yet
# trained weights give nonsense: which two lines do you look at first? (3) You may spend twice the multiply-adds: would you rather
# double the image size, or the growth rate? What does the ledger say to each?
#
# **Next**: notebook 04 maps weights by name into this network, and hunts bugs that no shape gives away.

# %%
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

parameters = sum(parameter.numel() for parameter in network.parameters())
record_result(parameters=parameters, same_embedding=in_float64 < 1e-12, multiply_adds=ledger.multiply_adds)
