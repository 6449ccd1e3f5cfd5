# ---
# jupyter:
#   densekit:
#     compared_at_least: 40
#     ignored_at_most: 4
# ---

# %% [markdown]
# # DenseNet-121, proven
#
# A network with a mistake in it does not stop. It trains, and is a little worse than it should be, and nobody knows
# why. In this notebook you prove, number by number, that a network is the one it claims to be.
#
# **You will be able to**
# - read the JSON file that makes a DenseNet-121, 161, 169 or 201,
# - load weights by name into a network of your own, strictly,
# - find a bug from a ladder of differences,
# - say which two rewritings make a frozen network faster without changing it.
#
# **You need** notebook 03, or some acquaintance with `nn.Module`. **Time**: 90 minutes, of which the machine needs
# less than one. **Difficulty**: medium; the last part is hard.

# %% tags=["parameters"]
image_size: int = 32  # side of the random images in the proofs, in pixels
seed: int = 0  # of the random weights and images
install_from: str = ""  # only in Colab

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules and install_from:
    get_ipython().run_line_magic("pip", f"install --quiet {install_from}")

import densekit

print(f"densekit {densekit.__version__} is here")

# %% [markdown]
# ## A network in three numbers
#
# Four DenseNets come with this package, and each is one small file. Everything else follows from it: how many
# layers there are, how wide they are, how long an embedding is.

# %%
from importlib.resources import files

configs = files("densekit.model") / "configs"
print((configs / "densenet121.json").read_text())

# %% [markdown]
# - `num_init_features`: channels that the stem hands to the first block,
# - `block_config`: dense layers in each block,
# - `growth_rate`: channels that each layer adds.
#
# `read_architecture` reads such a file, one of these or one of yours, and knows what follows from it.

# %%
from densekit.model.architectures import read_architecture

config = read_architecture("densenet121")
print(config)
print("an embedding has", config.num_features, "numbers;", config.depth, "layers have weights")

# %% [markdown]
# A misspelt key in a file of your own would be the worst kind of mistake if it were passed over: the network would
# be another one, and nothing would say so. So it is refused.

# %%
from pathlib import Path

from densekit.errors import DensekitError

Path("mine.json").write_text('{"growth_rat": 16, "block_config": [4, 4], "num_init_features": 32}')
try:
    read_architecture("mine.json")
except DensekitError as error:
    print(error)

# %% [markdown]
# ### Exercise 1: DenseNet-169 from its JSON (6 min, easy)
# Here is another file. Work out by hand: how many channels enter the last block, how long an embedding is, and how
# many layers have weights. (A dense layer has two convolutions; a transition has one, and halves the channels. The
# first convolution and the classifier count, too.) A right answer prints *passed*.

# %%
from densekit.exercises import proven as check

print((configs / "densenet169.json").read_text())
### BEGIN SOLUTION
channels_into_block_4 = 640
num_features = 640 + 32 * 32
depth = 1 + 2 * (6 + 12 + 32 + 32) + 3 + 1
### END SOLUTION
check.exercise_1(channels_into_block_4, num_features, depth)

# %% [markdown]
# ## The four of them
#
# The parameters are counted, the multiply-adds measured: torch counts them while an image of 224 × 224 pixels goes
# through. (On the device `meta`, where tensors have a shape and no content, that costs nothing.) The accuracy on
# ImageNet is not ours: torchvision publishes it with its weights.

# %%
import torch
from torch.utils.flop_counter import FlopCounterMode

from densekit.model.architectures import ARCHITECTURES
from densekit.model.densenet import DenseNet
from densekit.vision import torchvision


def measured(name: str) -> dict:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = DenseNet(read_architecture(name)).eval()
        network(torch.empty(1, 3, 224, 224))
    published = torchvision.models.get_model_weights(name).DEFAULT.meta["_metrics"]["ImageNet-1K"]
    return {
        "network": name,
        "depth": network.config.depth,
        "features": network.num_features,
        "parameters, million": round(sum(p.numel() for p in network.parameters()) / 1e6, 2),
        "multiply-adds, G": round(counter.get_total_flops() / 2 / 1e9, 2),
        "ImageNet top-1, % (torchvision)": round(published["acc@1"], 1),
    }


# %% [markdown]
# Before you look: DenseNet-161 has fewer layers than 169, but grows by 48 channels a layer instead of 32, and starts
# with 96. How many times the multiply-adds of DenseNet-121 does it need?

# %%
import pandas as pd

from densekit.exercises.predictions import predict

table = pd.DataFrame([measured(name) for name in ARCHITECTURES]).set_index("network")
cost = table["multiply-adds, G"]
predict("161 against 121", guess=..., answer=round(cost["densenet161"] / cost["densenet121"], 1), unit="×")

# %%
table

# %% [markdown]
# Notice 201 against 161: it is deeper, yet has fewer parameters and little more than half the work, for almost the
# same accuracy. Wider layers are dearer than more layers. For the rest of the course, 121 is enough.

# %% [markdown]
# ## Who contains whom
#
# The classes form a tree: a DenseNet has dense blocks, which have dense layers; a transition stands between two
# blocks. The *path* in this tree is the name of a module, such as `features.denseblock1.denselayer2.norm1`, and it is by
# these names that weights find their place.

# %%
from densekit import densenet121
from densekit.model.proof.tree import module_tree

network = densenet121(num_classes=10).eval()
print(module_tree(network))

# %% [markdown]
# ## Weights have names
#
# A file of weights is a dictionary: a tensor for each name, a *state dict*. Loading **by position** (the first tensor
# into the first parameter, and so on) fails silently when two tensors of one shape change places. By **name**, and
# *strictly*, every tensor must have its place, and every place its tensor.

# %%
state = network.state_dict()
for key in list(state)[6:12]:
    print(f"{key:45} {tuple(state[key].shape)}")
print(len(state), "tensors")

# %% [markdown]
# The official files are older than today's names. In a dense layer they still say `norm.1` for `norm1` and `conv.2`
# for `conv2`. Whoever loads one without a translation meets this:

# %%
from torch import nn

renamed = {key.replace("norm1", "norm.1"): tensor for key, tensor in state.items()}
try:
    network.load_state_dict(renamed)
except RuntimeError as error:
    lines = str(error).splitlines()
print(lines[0])
print(lines[1][:112], "…")

# %% [markdown]
# ### Exercise 2: Missing keys, unexpected keys (8 min, medium)
# Write the translation of one key: `…denselayer1.norm.1.weight` becomes `…denselayer1.norm1.weight`, and so on for
# `norm.2`, `conv.1`, `conv.2`. All other keys stay as they are: a transition's norm has no number behind it. (With the
# module `re` it is one line; with `replace` it is four.)

# %%
import re


def modern(key: str) -> str:
    ### BEGIN SOLUTION
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])", r"\1\2", key)
    ### END SOLUTION


check.exercise_2(modern)

# %% [markdown]
# ## A network of our own
#
# Suppose you have written a DenseNet yourself, as in notebook 03, and called things as you like. Here is one, short:
# the ReLUs and pools are function calls, a layer returns old and new features together.


# %%
from torch.nn import functional as F


class OwnLayer(nn.Module):
    def __init__(self, channels: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        self.squeeze_norm = nn.BatchNorm2d(channels)
        self.squeeze = nn.Conv2d(channels, bottleneck, kernel_size=1, bias=False)
        self.grow_norm = nn.BatchNorm2d(bottleneck)
        self.grow = nn.Conv2d(bottleneck, growth, kernel_size=3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        new = self.squeeze(self.squeeze_norm(x).relu())
        new = self.grow(self.grow_norm(new).relu())
        return torch.cat([x, new], dim=1)


class OwnShrink(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, kernel_size=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(self.conv(self.norm(x).relu()), 2)


# %%
class OwnDenseNet(nn.Module):
    def __init__(self, growth: int, block_config: tuple[int, ...], channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential()
        self.stem.conv = nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False)
        self.stem.norm = nn.BatchNorm2d(channels)
        self.blocks, self.shrinks = nn.ModuleList(), nn.ModuleList()
        for number, layers in enumerate(block_config):
            if number > 0:
                self.shrinks.append(OwnShrink(channels))
                channels //= 2
            widths = [channels + growth * index for index in range(layers)]
            self.blocks.append(nn.Sequential(*[OwnLayer(width, growth, 4 * growth) for width in widths]))
            channels += growth * layers
        self.last_norm = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(self.stem(images).relu(), 3, stride=2, padding=1)
        for shrink, block in zip([nn.Identity(), *self.shrinks], self.blocks):
            x = block(shrink(x))
        return self.head(self.last_norm(x).relu().mean(dim=(2, 3)))


# %% [markdown]
# The reference is torchvision's own code, in a size that computes in milliseconds. Both networks have equally many
# tensors, under other names:

# %%
torch.manual_seed(seed)
reference = torchvision.models.DenseNet(4, (2, 2), 8, num_classes=3).double().eval()
own = OwnDenseNet(4, (2, 2), 8, classes=3).double().eval()
for theirs, ours in list(zip(reference.state_dict(), own.state_dict()))[:14:2]:
    print(f"{theirs:48} {ours}")
print(len(reference.state_dict()), "and", len(own.state_dict()), "tensors")

# %% [markdown]
# ### Exercise 3: Translate the names (12 min, medium)
# Write the translation from torchvision's names to ours. Blocks and layers are counted from 1 there, and from 0 here:
# `features.denseblock1.denselayer2.norm1.weight` is our `blocks.0.1.squeeze_norm.weight`. `transition1` is our
# `shrinks.0`, `norm5` our `last_norm`, and the classifier our `head`. It should work for networks of any depth.


# %%
def translated(key: str) -> str:
    ### BEGIN SOLUTION
    key = key.removeprefix("features.")
    words = {
        "norm1": "squeeze_norm", "conv1": "squeeze", "norm2": "grow_norm", "conv2": "grow",
        "conv0": "stem.conv", "norm0": "stem.norm", "norm5": "last_norm", "classifier": "head",
    }  # fmt: skip
    pieces = []
    for piece in key.split("."):
        counted = re.fullmatch(r"(denseblock|denselayer|transition)(\d+)", piece)
        if counted:
            prefix = {"denseblock": "blocks.", "denselayer": "", "transition": "shrinks."}[counted[1]]
            piece = f"{prefix}{int(counted[2]) - 1}"
        pieces.append(words.get(piece, piece))
    return ".".join(pieces)
    ### END SOLUTION


check.exercise_3(translated)

# %% [markdown]
# The names translated, loading is one strict call. (The notebook goes on with a translation of its own, whatever you
# have written.)

# %%
from densekit.exercises.proven import own_name

outcome = own.load_state_dict({own_name(key): tensor for key, tensor in reference.state_dict().items()})
print(outcome)

# %% [markdown]
# ## The ladder
#
# That the names fit proves nothing about the code. So we compare what *every module* puts out, for the same images.
# In float64, rounding is about 1e-16: whatever is larger than 1e-9 is a mistake. A few lines of PyTorch do it: a *hook* on
# each module notes its output.


# %%
def outputs(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    found = {}
    hooks = [
        module.register_forward_hook(lambda _, __, out, name=name: found.update({name: out.clone()}))
        for name, module in network.named_modules()
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return found


def ladder(ours: nn.Module, theirs: nn.Module, images: torch.Tensor) -> dict[str, float]:
    mine, right = outputs(ours, images), outputs(theirs, images)
    with_weights = {key.rpartition(".")[0] for key in theirs.state_dict()}
    return {
        name: float((mine[own_name(name)] - right[name]).abs().max())
        for name in right
        if name in with_weights
    }


# %% [markdown]
# One more thing before we look, and the section after the next will say why: freshly made BatchNorms are too simple to
# prove anything, so `randomise` gives them random values in the reference, and our network gets the same.

# %%
from densekit.model.proof.parity import randomise
from densekit.plots import difference_ladder
from densekit.plots.ladder import first_red

randomise(reference, torch.Generator().manual_seed(seed))
own.load_state_dict({own_name(key): tensor for key, tensor in reference.state_dict().items()})
images = torch.randn(
    2, 3, image_size, image_size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
)
rungs_of_own = ladder(own, reference, images)
difference_ladder(rungs_of_own, "Our own network against torchvision's")

# %% [markdown]
# One rung for each module, from the image down to the logits; all of them are left of the dotted line at 1e-9. Our network
# **is** torchvision's. How much would a small mistake be? In the next cell one norm has another `eps`.

# %%
own.stem.norm.eps = 1e-4
rungs_with_mistake = ladder(own, reference, images)
own.stem.norm.eps = 1e-5
print("first red rung:", first_red(rungs_with_mistake))
print("and right behind it:", list(rungs_with_mistake)[2])
print("same class for both images:", bool((own(images).argmax(1) == reference(images).argmax(1)).all()))

# %% [markdown]
# "Both name the same class for my test picture" is what most people check. It would have passed.

# %% [markdown]
# ## The proof of DenseNet-121
#
# `compare` does the same for the networks of this package and torchvision's, in evaluation mode and in training mode, with the
# gradients of every parameter, and the BatchNorm statistics after a step. In a terminal it is called `densekit parity`.
# It takes a few seconds.

# %%
from densekit.model.proof.parity import compare
from densekit.plots.ladder import rungs

report = compare("densenet121", seed=seed, image_size=64)
for line in report.summary():
    print(
        f"{line['mode']:5} {line['quantity']:9} {line['compared']:4} compared, {line['close']:4} within 1e-9"
    )
print("the networks agree:", report.agree)
difference_ladder(rungs(report), "DenseNet-121: densekit against torchvision, evaluation mode")

# %% [markdown]
# 366 rungs, and not one is red. This is the network of the paper, as torchvision has it, down to the gradients: what you
# train here is what it says it is.

# %% [markdown]
# ## Why fresh weights hide bugs
#
# A fresh BatchNorm has gain 1 and bias 0, mean 0 and variance 1: it does next to nothing. Here is a network in which ReLU
# and norm have changed places in every dense layer. It is a serious mistake. Does it change the logits of a network that was just
# made? Say "yes" or "no", then read on.

# %%
from densekit.model.proof.planted import PLANTED, specimen

bug = PLANTED["ReLU before norm"]
print("written:  ", bug.written)
print("should be:", bug.meant)
predict("does it change the logits of a fresh network?", guess=..., answer="no")

# %% [markdown]
# Here is the answer, with fresh norms and with random ones.

# %% tags=["false-is-meant"]
for norms in ("freshly made", "randomised"):
    good = specimen(norms)
    with torch.no_grad():
        apart = (bug(good)(images) - good(images)).abs().max()
    print(f"norms {norms}: the same logits, within 1e-9: {bool(apart < 1e-9)}")

# %% [markdown]
# With fresh norms, the bug can't be seen: a gain of 1 keeps every sign, so it does not matter on which side the ReLU
# stands. Whoever tests a network just made gets all green, loads trained weights, and wonders.

# %% [markdown]
# ### Exercise 4: All green, and wrong all the same (10 min, medium)
# Write a function that gives every BatchNorm of a network random values that hide nothing. Think of all four tensors:
# `weight` (the gains; some below 0, as in trained networks), `bias`, `running_mean`, `running_var` (above 0).


# %%
def randomise_norms(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            ### BEGIN SOLUTION
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            ### END SOLUTION


check.exercise_4(randomise_norms)

# %% [markdown]
# ## The bug hunt
#
# Five networks, each with one mistake, in all places where that line of code is used. The rungs, from the top:

# %%
good = specimen("randomised")
names = [name for name, module in good.named_modules() if not list(module.children())]
print(", ".join(name.removeprefix("features.") for name in names))

# %% tags=["false-is-meant"]
for name in check.HUNTED:
    print(f"{name}\n   written:   {PLANTED[name].written}\n   should be: {PLANTED[name].meant}")

# %% [markdown]
# ### Exercise 5: The first red rung (12 min, medium)
# For each, predict the module whose output is the first to differ. Behind it, nearly everything is red; before it,
# everything is green. Ask of each module from the top: does it get the right input? Does it compute the right thing? Use the
# names above.

# %%
### BEGIN SOLUTION
first_red_rungs = {
    "wrong eps": "norm0",
    "border repeated": "denseblock1.denselayer1.conv2",
    "newest first": "denseblock1.denselayer2.norm1",
    "max pool in the transitions": "transition1.pool",
    "last ReLU forgotten": "classifier",
}
### STARTER
# first_red_rungs = {
#     "wrong eps": ...,
#     "border repeated": ...,
#     "newest first": ...,
#     "max pool in the transitions": ...,
#     "last ReLU forgotten": ...,
# }
### END SOLUTION
check.exercise_5(first_red_rungs)

# %% [markdown]
# Done guessing? Here are the five ladders. For each, find the first cross from the top, and ask why it is there and not
# one rung higher.

# %%
from densekit.model.proof.parity import compare_networks

reports = {name: compare_networks(PLANTED[name](good), good, images) for name in check.HUNTED}
difference_ladder({name: rungs(each) for name, each in reports.items()}, "Five bugs, five first red rungs")

# %% [markdown]
# Green down to the mistake, red behind it. The size of the difference says little: the wrong `eps` moves the third
# digit of the logits only, and it is a mistake all the same.
#
# One thing more. The first red rung is where a mistake *shows*. It is made either there or on the way there: in the
# forward of the module around it. The report compares inputs, too, and says which.

# %%
for name, each in reports.items():
    shows, look = each.first_difference.seen_at, each.first_difference.module
    print(f"{name}\n   shows at {shows}\n   look at  {look}")

# %% [markdown]
# Now hunt by yourself, among thirteen bugs. Choose one, predict the first red rung, and its ladder appears. Then set the
# BatchNorms to *freshly made*: which bugs disappear? (One of the thirteen is no bug at all. We will meet it again.)

# %% tags=["volatile"]
from densekit.widgets.bug_hunt import bug_hunt

bug_hunt()

# %% [markdown]
# Without a front end, `hunt` does the same. One of the bugs, for which `features.norm5` was predicted:

# %%
from densekit.widgets.bug_hunt import hunt

figure, verdict = hunt("max-pooled embeddings", predicted="features.norm5")
print(verdict)

# %% [markdown]
# ### Exercise 6: Red from the second layer on (12 min, hard)
# This dense layer has two mistakes. Its ladder was green with fresh norms as long as there was one layer. Repair it: the check
# compares it rung by rung, and says which is the first red one.


# %%
def dense_layer(features: list[torch.Tensor], layer: nn.Module) -> torch.Tensor:
    ### BEGIN SOLUTION
    everything = torch.cat(features, dim=1)
    squeezed = layer.conv1(layer.norm1(everything).relu())
    return layer.conv2(layer.norm2(squeezed).relu())
    ### STARTER
    # everything = torch.cat(features[::-1], dim=1)
    # squeezed = layer.conv1(layer.norm1(everything.relu()))
    # return layer.conv2(layer.norm2(squeezed).relu())
    ### END SOLUTION


check.exercise_6(dense_layer)

# %% [markdown]
# ## From a file to the device
#
# Weights lie in a file, and go to whatever device there is. The format **safetensors** holds names, shapes and numbers,
# and nothing else.

# %%
from safetensors.torch import load_file, save_file

from densekit.devices import choose_compute

device = choose_compute().device  # a GPU if there is one
save_file(good.state_dict(), "small.safetensors")
loaded = load_file("small.safetensors", device=str(device))
again = specimen("freshly made").float().to(device)
print(again.load_state_dict(loaded))
print("all on the device:", {tensor.device.type for tensor in again.state_dict().values()} == {device.type})

# %% [markdown]
# The older `.pth` files are *pickles*, and a pickle is a program: it names functions that are called while it is read. This one
# only prints. It could delete your files just as well.


# %%
class Surprise:
    def __reduce__(self):
        return print, ("this was printed by the file, while it was being read",)


torch.save({"weight": Surprise()}, "from_the_internet.pth")
_ = torch.load("from_the_internet.pth", weights_only=False)

# %% [markdown]
# Since torch 2.6, `weights_only=True` is what you get if you don't ask for anything else: it reads tensors and refuses
# the rest. densekit knows no other way.

# %%
try:
    densenet121("from_the_internet.pth")
except DensekitError as error:
    print(error)

# %% [markdown]
# A file for another architecture is refused too, before any of it is loaded, and the message names the architecture that it is
# for. The next cell saves a DenseNet-121 with ten classes, and asks for it as a 169.

# %%
from densekit.model.weights import save_weights
from densekit.model.zoo import build

save_weights(Path("tabletop.safetensors"), network, classes=tuple("abcdefghij"))
try:
    build("densenet169", "tabletop.safetensors")
except DensekitError as error:
    print(error)

# %% [markdown]
# ## Another classifier
#
# Your pictures have other classes than those the weights were made for. In densekit that is one argument, or one call: the
# features stay, the classifier is fresh.

# %%
seven = densenet121("tabletop.safetensors", num_classes=7)
print(seven.classifier, "after loading")
seven.reset_classifier(4)
print(seven.classifier, "after reset_classifier(4)")

same = all(
    value.equal(network.features.state_dict()[key]) for key, value in seven.features.state_dict().items()
)
print("the features are those of the file, to the last bit:", same)

# %% [markdown]
# By hand it is a little harder than it looks, and here is the message that everybody meets:

# %%
try:
    seven.load_state_dict(network.state_dict())
except RuntimeError as error:
    print(*(line.strip() for line in str(error).splitlines()), sep="\n")

# %% [markdown]
# ### Exercise 7: size mismatch for classifier.weight (10 min, medium)
# Write a function that loads all of a state dict but the classifier into a network, which keeps its own. Be strict: if a
# tensor of the features is missing, it must raise. (`strict=False` is the usual answer, and accepts anything.)


# %%
def load_features(network: DenseNet, state: dict[str, torch.Tensor]) -> None:
    ### BEGIN SOLUTION
    own_classifier = network.classifier.state_dict(prefix="classifier.")
    features = {key: tensor for key, tensor in state.items() if not key.startswith("classifier.")}
    network.load_state_dict(features | own_classifier)
    ### END SOLUTION


check.exercise_7(load_features)

# %% [markdown]
# ## The official weights
#
# torchvision's ImageNet weights are not part of this package. If they are on this machine, the next cell classifies a picture
# with them; the network is asked for nothing. `densekit weights fetch`, in a terminal with a connection, brings them.

# %% tags=["nbval-ignore-output"]
from densekit import sample_folder
from densekit.data.loading import open_image
from densekit.model.inventory import known_weights

(official,) = [w for w in known_weights() if (w.name, w.architecture) == ("imagenet", "densenet121")]
if official.status == "cached":
    imagenet = densenet121("imagenet").eval()
    picture = open_image(min(sample_folder("tabletop").rglob("*.jpg")))
    with torch.no_grad():
        best = imagenet(imagenet.preprocessing(picture)[None]).softmax(1)[0].topk(3)
    for probability, index in zip(*best):
        print(f"{imagenet.weights.classes[index]:20} {probability:.1%}")
else:
    print(f"The official weights are not on this machine ({official.size / 1e6:.0f} MB).")
    print("With a connection: densekit weights fetch. All else in this notebook works without them.")

# %% [markdown]
# ## Two rewritings that change nothing
#
# A frozen network only has to compute the same numbers; how, is up to us. One of the thirteen bugs was none: with *pool before
# convolution*, the maps inside the transition have other shapes. How many of the 34 rungs will be red?

# %%
swapped = rungs(compare_networks(PLANTED["pool before convolution"](good), good, images))
predict("red rungs", guess=..., answer=sum(difference > 1e-9 for difference in swapped.values()))

# %%
difference_ladder(swapped, "Pool before convolution, in the transition")

# %% [markdown]
# Two are red, inside the transition. Behind it all is green: not exactly equal, since sums in another order are rounded in another
# way, but equal.

# %% [markdown]
# **The first.** A 1×1 convolution adds up channels, at each place on its own. An average pool adds up four places, in
# each channel on its own. Two sums over different things: the order can't matter, so the cheaper one may come first.

# %% [markdown]
# ### Exercise 8: Pool first, convolve less (10 min, medium)
# Write the function that pools first (2 × 2, average) and then convolves. Say how many times fewer multiply-adds the
# convolution then needs, and whether the order would not matter either with a *max* pool, or with a *3×3* convolution
# (padding 1). Try those with random numbers if you can't decide.


# %%
def pooled_first(x: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
    ### BEGIN SOLUTION
    return conv(F.avg_pool2d(x, 2))
    ### END SOLUTION


### BEGIN SOLUTION
saving = 4
with_max = False
with_3x3 = False
### END SOLUTION
check.exercise_8(pooled_first, saving, with_max, with_3x3)

# %% [markdown]
# With numbers: both orders, for the pair that may change places and for the two that may not.

# %% tags=["false-is-meant"]
x = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
for pool in (nn.AvgPool2d(2), nn.MaxPool2d(2)):
    for kernel in (1, 3):
        conv = nn.Conv2d(6, 4, kernel, padding=kernel // 2).double()
        apart = (pool(conv(x)) - conv(pool(x))).abs().max()
        print(f"{type(pool).__name__}, {kernel}×{kernel}: the same within 1e-12: {bool(apart < 1e-12)}")

# %% [markdown]
# **The second.** A BatchNorm with fixed statistics computes s·x + b in each channel, and a ReLU follows. That line has one
# bend, at t = −b/s. So norm and ReLU together are a *clamp* of x at t, and something linear after it. What is linear can move
# into the convolution behind.

# %% [markdown]
# ### Exercise 9: A ReLU becomes a clamp (15 min, hard)
# For given s and b, return four numbers such that, for every x, `scale * clamp(x, lower, upper) + shift` is
# `relu(s * x + b)`. There are three cases: s > 0, s < 0 and s = 0. A bound that does nothing is `math.inf` or `-math.inf`.
# Draw the line on paper first.

# %%
import math


def as_clamp(s: float, b: float) -> tuple[float, float, float, float]:
    ### BEGIN SOLUTION
    if s == 0:
        return -math.inf, math.inf, 0.0, max(b, 0.0)
    bend = -b / s
    return (bend, math.inf, s, b) if s > 0 else (-math.inf, bend, s, b)
    ### END SOLUTION


check.exercise_9(as_clamp)

# %% [markdown]
# ### Exercise 10: Into the next layer (12 min, hard)
# Behind the clamp c stands a layer with the weights W, (out, in), and it is given `scale * c + shift`, one scale and one
# shift for each input. Return new weights and a bias, so that the layer gives the same for c alone: W′ c + bias =
# W (scale · c + shift).


# %%
def folded(
    weight: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    ### BEGIN SOLUTION
    return weight * scale, weight @ shift
    ### END SOLUTION


check.exercise_10(folded)

# %% [markdown]
# Both together, in a real dense layer: norm, ReLU and 1×1 convolution become a clamp and a 1×1 convolution with a bias. This
# norm has gains of all three kinds.

# %%
layer = good.features.denseblock1.denselayer1
norm, weight = layer.norm1, layer.conv1.weight[:, :, 0, 0].detach()  # (out, in)
x = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
with torch.no_grad():
    before = layer.conv1(norm(x).relu())
    s = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    b = norm.bias - s * norm.running_mean
print("gains:", ", ".join({1: "s > 0", 0: "s = 0", -1: "s < 0"}[int(sign)] for sign in s.sign()))

# %%
bend = torch.where(s == 0, 0.0, -b / s)
lower, upper = bend.masked_fill(s <= 0, -math.inf), bend.masked_fill(s >= 0, math.inf)
shift = torch.where(s == 0, b.relu(), b)

clamped = x.clamp(lower[:, None, None], upper[:, None, None])  # all that is left of norm and ReLU
after = F.conv2d(clamped, (weight * s)[:, :, None, None], bias=weight @ shift)
print("the same, within 1e-12:", bool((after - before).abs().max() < 1e-12))

# %% [markdown]
# What is gained? A norm and a ReLU each read and write all the maps; the clamp does it once. In a dense block the maps that go
# into a norm are the whole memory of the block, so this is what the time goes into.

# %% [markdown]
# ## The rewrite of this package
#
# `frozen(network)` does this to all of a network: the norms before a ReLU become clamps, the others disappear into the
# convolution before them, the transitions pool first, and nothing is concatenated. Its embeddings are the network's. In
# float64, and as it is used, in float32:

# %%
from densekit.model.frozen.rewrite import frozen

backbone = densenet121().eval()  # the embedded weights
pictures = torch.randn(16, 3, 96, 96, generator=torch.Generator().manual_seed(seed))


def largest_share(network: nn.Module, images: torch.Tensor) -> float:
    """Return max|Δ| of the embeddings, as a share of the largest value."""
    with torch.no_grad():
        right = network.forward_head(network.forward_features(images), pre_logits=True)
        return float((frozen(network)(images) - right).abs().max() / right.abs().max())


print("float32, within 1e-4:", largest_share(backbone, pictures[:4]) < 1e-4)
print("float64, within 1e-12:", largest_share(densenet121().double().eval(), pictures[:2].double()) < 1e-12)

# %% [markdown]
# And the time, for sixteen images of 96 × 96 pixels, the best of three. Guess how much of it is left.

# %% tags=["volatile"]
from time import perf_counter


def seconds(compute) -> float:
    times = []
    for _ in range(3):
        began = perf_counter()
        with torch.no_grad():
            compute(pictures)
        times.append(perf_counter() - began)
    return min(times)


rewritten = frozen(backbone)
plain, fast = seconds(backbone.forward_features), seconds(rewritten)
predict("percent of the time that is left", guess=..., answer=round(100 * fast / plain), unit="%")
print(f"as it is written {plain:.2f} s, rewritten {fast:.2f} s")

# %% [markdown]
# Not one approximation, no compiler: algebra, and a proof that it is right. `extract_features` uses this rewrite, and so does
# every training of a head.

# %% [markdown]
# ## What to keep
#
# - Load by **name** and **strictly**. By position, and with `strict=False`, mistakes are silent.
# - Prove sameness in **float64**, module by module, with **random BatchNorms**. That the class is the same proves next to
#   nothing.
# - The **first red rung** is where a mistake shows; it was made there, or in the forward that feeds it.
# - What is linear may move and change places. With a proof, that is not daring.
#
# **Three questions.** (1) A friend's network gives the official accuracy to within 0.3 points. Which of the thirteen bugs
# might still be in it? (2) Why does a missing bias of the classifier not show in a fresh network? (3) May the average pool before the
# classifier change places with the classifier, as in the transitions? With the ReLU before it?
#
# **Next**: your own pictures. `densekit doctor FOLDER` says what is wrong with them, `densekit train --data FOLDER` trains.

# %% tags=["result"]
from densekit.course.results import record_result

record_result(
    networks_agree=report.agree,
    modules_compared=len(rungs(report)),
    own_network_green=first_red(rungs_of_own) is None,
)
