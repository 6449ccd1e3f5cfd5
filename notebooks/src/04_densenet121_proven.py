# ---
# jupyter:
#   densekit:
#     compared_at_least: 32
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
# - give a trained network a classifier for your own classes.
#
# **You need** notebook 03, or some acquaintance with `nn.Module`. **Time**: 120 minutes, of which the machine needs
# less than one. **Difficulty**: medium.

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
# The words of this notebook, as Korean texts have them:
#
# | English | 한국어 | here |
# |---|---|---|
# | weights, parameters | 가중치, 매개변수 (파라미터) | the numbers that a network has learned |
# | state dict | 상태 딕셔너리 | a dictionary from names to tensors |
# | checkpoint, file of weights | 체크포인트, 가중치 파일 | where they are kept |
# | running mean, running variance | 이동 평균, 이동 분산 | what a BatchNorm notes while it trains |
# | rounding error | 반올림 오차 | what every computation loses: about 1e-16 in float64 |

# %% [markdown]
# ## A network in a few settings

# %%
from densekit.plots import show, you_are_here

show(you_are_here(way="network"))

# %% [markdown]
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
# A fourth, `bn_size`, is 4 in all of them and may be left out: the bottleneck of a layer puts out 4 × growth rate channels.
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
# through. (On the device `meta`, where tensors have a shape and no content, this costs nothing.) The accuracy on
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
# DenseNet-161 has fewer layers than 169, but grows by 48 channels a layer instead of 32, and starts with 96. How many times
# the multiply-adds of DenseNet-121 does it need? Type your guess in the place of `...`.

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = 2.7
### END SOLUTION
guess("work of DenseNet-161, in times that of 121", my_guess, unit="×")

# %%
import pandas as pd

table = pd.DataFrame([measured(name) for name in ARCHITECTURES]).set_index("network")
cost = table["multiply-adds, G"]
with reveal(
    "work of DenseNet-161, in times that of 121", round(cost["densenet161"] / cost["densenet121"], 1)
):
    display(table)

# %% [markdown]
# Compare 201 with 161: it is deeper, yet has fewer parameters and little more than half the work, for almost the
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
# `norm.2`, `conv.1`, `conv.2`. All other keys stay as they are: a transition's norm has no number after it. (With the
# module `re` it is one line; with `replace` it is four.)

# %%
import re


def modern(key: str) -> str:
    ### BEGIN SOLUTION
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])", r"\1\2", key)
    ### END SOLUTION


check.exercise_2(modern)

# %% [markdown]
# ## Weights from elsewhere
#
# Your own network of notebook 03 has the names of torchvision, so every file with those names fits. But here is a file from
# somebody who calls things differently. It holds a small DenseNet, which computes in milliseconds. (The network in this
# notebook is densekit's, whose four classes are those that you wrote. Take yours instead, if you like.)

# %%
from densekit.exercises.proven import foreign_name
from densekit.model.architectures import DenseNetConfig

torch.manual_seed(seed)
own = DenseNet(DenseNetConfig(growth_rate=4, block_config=(2, 2), num_init_features=8), num_classes=3)
own = own.double().eval()
elsewhere = {foreign_name(key): torch.rand_like(tensor.double()) for key, tensor in own.state_dict().items()}
for theirs, ours in list(zip(elsewhere, own.state_dict()))[::7]:
    print(f"{theirs:34} {ours}")

# %% [markdown]
# ### Exercise 3: Translate the names (12 min, medium)
# Write the translation from their names, on the left, to those of your network, on the right. They count blocks, layers and
# transitions from 0. What they call `blocks.0.1.squeeze_norm.weight` is
# `features.denseblock1.denselayer2.norm1.weight` here; `squeeze`, `grow_norm` and `grow` are `conv1`, `norm2` and `conv2`;
# `stem.norm` is `features.norm0`, and `head` is `classifier`.
# It should work for networks of any depth.


# %%
def translated(key: str) -> str:
    ### BEGIN SOLUTION
    first, *rest = key.split(".")
    if first == "blocks":
        block, layer, part, kind = rest
        part = {"squeeze_norm": "norm1", "squeeze": "conv1", "grow_norm": "norm2", "grow": "conv2"}[part]
        return f"features.denseblock{int(block) + 1}.denselayer{int(layer) + 1}.{part}.{kind}"
    if first == "shrinks":
        return f"features.transition{int(rest[0]) + 1}.{'.'.join(rest[1:])}"
    for theirs, ours in (("stem.conv", "features.conv0"), ("stem.norm", "features.norm0")):
        key = key.replace(theirs, ours)
    return key.replace("last_norm", "features.norm5").replace("head", "classifier")
    ### END SOLUTION


check.exercise_3(translated)

# %% [markdown]
# With the names translated, loading is one strict call. (The next cell takes the right names, whatever you have written.)

# %%
right_names = {foreign_name(key): key for key in own.state_dict()}
print(own.load_state_dict({right_names[key]: tensor for key, tensor in elsewhere.items()}))

# %% [markdown]
# ## The ladder
#
# The reference is torchvision's own code, in the same small size. That the names fit proves nothing about the code. So we compare what *every module with weights* puts out, for the same images.
# In float64, rounding is about 1e-16: whatever is larger than 1e-9 is a mistake. A few lines of PyTorch do it: a *hook* on
# each module notes its output.


# %%
def outputs(network: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    found = {}
    hooks = [
        # name=name keeps the name of this module; clone() keeps the numbers, which a ReLU after it may overwrite.
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
    return {name: float((mine[name] - right[name]).abs().max()) for name in right if name in with_weights}


# %% [markdown]
# One more thing before we look: `randomise` gives the BatchNorms random values in the reference, and our network gets the
# same. The section after the next will say why.

# %%
from densekit.model.proof.parity import randomise
from densekit.plots import difference_ladder
from densekit.plots.ladder import first_red

reference = torchvision.models.DenseNet(4, (2, 2), 8, num_classes=3).double().eval()
randomise(reference, torch.Generator().manual_seed(seed))
own.load_state_dict(reference.state_dict())
images = torch.randn(
    2, 3, image_size, image_size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
)
rungs_of_own = ladder(own, reference, images)
show(difference_ladder(rungs_of_own, "Our own network against torchvision's"))

# %% [markdown]
# One rung for each module with weights, from the image down to the logits; all of them are left of the dotted line at 1e-9. Our network
# **is** torchvision's. How large a difference would a small mistake make? In the next cell one norm has another `eps`.

# %%
own.features.norm0.eps = 1e-4
rungs_with_mistake = ladder(own, reference, images)
own.features.norm0.eps = 1e-5
print("first red rung:", first_red(rungs_with_mistake))
for name in ("features.norm0", "classifier"):
    print(f"{name:15} is off by {rungs_with_mistake[name]:.0e}")
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

# %% [markdown]
# The same as a strip, with a cell for each module. And so that you know what to look for, the strip below it is of a network with a
# planted bug, held against a good one: its third transition takes the maximum of four positions where it should take their mean.

# %%
from densekit.model.proof.parity import compare_networks
from densekit.plots import difference_strip

whole = densenet121(num_classes=10)
buggy = densenet121(num_classes=10)
buggy.features.transition3.pool = nn.MaxPool2d(kernel_size=2, stride=2)
noise = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed))
with_bug = rungs(compare_networks(buggy, whole, noise))
show(
    difference_strip(
        {"against torchvision's": rungs(report), "with a bug in transition 3": with_bug},
        "DenseNet-121, module by module",
    )
)

# %% [markdown]
# Not one cell is red in the first strip. This is the network of the paper, as torchvision has it, down to the gradients: what
# you train here is what it says it is. In the second strip everything after the bug is red, and nothing before it.
#
# Such bugs stand in textbooks. In an early edition of *Dive into Deep Learning*, the PyTorch version of DenseNet ended in a *max*
# pooling, where the text and the versions for other libraries took the mean.

# %% [markdown]
# ## A serious mistake in a fresh network
#
# Here is a network in which ReLU and norm have changed places in every dense layer. It is a serious mistake.

# %%
from densekit.model.proof.planted import PLANTED, specimen

bug = PLANTED["ReLU before norm"]
print("written:  ", bug.written)
print("should be:", bug.meant)

# %% [markdown]
# Does it change the logits of a network that was just made and set to `eval()`? Answer `"yes"` or `"no"`.

# %%
### BEGIN SOLUTION
my_guess = "no"
### END SOLUTION
guess("does the bug change the logits of a fresh network?", my_guess)

# %%
apart = {}
for norms in ("freshly made", "randomised"):
    good = specimen(norms)
    with torch.no_grad():
        apart[norms] = float((bug(good)(images) - good(images)).abs().max())
with reveal("does the bug change the logits of a fresh network?", apart["freshly made"] > 1e-9):
    for norms, difference in apart.items():
        print(f"norms {norms}: the logits {'differ' if difference > 1e-9 else 'are the same'}")

# %% [markdown]
# A fresh BatchNorm has gain 1 and bias 0, mean 0 and variance 1: in evaluation mode it does next to nothing. It keeps every sign,
# so the ReLU may stand on either side of it. (And densekit begins with a bias of 0 in the classifier, as torchvision's DenseNet
# does.) Whoever tests a network just
# made gets all green, loads trained weights, and wonders. (In training mode a norm takes off the mean of its batch, and the
# mistake would show.)

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
# Once your five are right, here are their ladders. For each, find the first cross from the top, and ask why it is there and not
# one rung higher. (You give up? Put `passed = True` below the first line.)

# %%
passed = check.exercise_5.judge(first_red_rungs).state == "passed"
reports = {name: compare_networks(PLANTED[name](good), good, images) for name in check.HUNTED if passed}
if passed:
    ladders = {name: rungs(each) for name, each in reports.items()}
    show(difference_ladder(ladders, "Five bugs, five first red rungs"))
else:
    print("first the five predictions of exercise 5")

# %% [markdown]
# Green down to the mistake, red after it. The size of the difference says little: the wrong `eps` moves the third
# digit of the logits only, and it is a mistake all the same.
#
# One more thing. The first red rung is where a mistake *shows*. It is made either there or on the way there: in the
# forward of the module around it. The report compares inputs, too, and says which.

# %%
for name, each in reports.items():
    shows, look = each.first_difference.seen_at, each.first_difference.module
    print(f"{name}\n   shows at {shows}\n   look at  {look}")

# %% [markdown]
# Now hunt by yourself, among these thirteen bugs:

# %%
print(", ".join(PLANTED))

# %% [markdown]
# Choose one, predict the first red rung, and its ladder appears. Then set
# BatchNorms and classifier to *freshly made*: which bugs disappear? (One of the thirteen is no bug at all. We will meet it again.)

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
# ## Another classifier

# %%
show(you_are_here("classifier", way="network"))

# %% [markdown]
# Your pictures have other classes than those the weights were made for. In densekit that is one argument, or one call: the
# features stay, the classifier is fresh.

# %%
seven = densenet121(num_classes=7)
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
# with them; nothing is downloaded. `densekit weights fetch`, in a terminal with a connection, brings them.

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
# ## What to keep
#
# - Load by **name** and **strictly**. By position, and with `strict=False`, mistakes are silent.
# - Prove sameness in **float64**, module by module, with **random BatchNorms**. That the class is the same proves next to
#   nothing.
# - The **first red rung** is where a mistake shows; it was made there, or in the forward that feeds it.
#
# **Three questions.** (1) A friend's network gives the official accuracy to within 0.3 points. Which of the thirteen bugs
# might still be in it? (2) Why does a missing bias of the classifier not show in a fresh network? (3) You load weights with
# `strict=False`, and nothing complains. What do you print before you believe it?
#
# **Next**: notebook 05 looks at the pictures before anything learns from them. Or first notebook 04b, if you want to know how a
# frozen network becomes faster without a change.

# %%
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

record_result(
    networks_agree=report.agree,
    modules_compared=len(rungs(report)),
    own_network_green=first_red(rungs_of_own) is None,
)
