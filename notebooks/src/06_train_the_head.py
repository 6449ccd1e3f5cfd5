# ---
# jupyter:
#   densekit:
#     compared_at_least: 34
#     ignored_at_most: 8
# ---

# %% [markdown]
# # Train the head
#
# In notebook 00 a head was trained in a second. Here you take that second apart. You see what "frozen" leaves
# out, why the frozen part needs to run only once, and what every setting of the training does.
#
# **You will be able to**
# - freeze a network in earnest, and prove that nothing in it moves,
# - compute features once, and show that the head can't tell the difference,
# - write Adam and a falling learning rate by hand, and get the numbers of `fit`,
# - say why a training is slow, and choose settings that are not.
#
# **You need** notebooks 00 and 01. **Time**: 125 minutes, of which the machine needs less than one.
# **Difficulty**: medium.

# %% tags=["parameters"]
weights: str = "embedded"  # of the frozen network; imagenet, or a file, will do as well
image_size: int = 64  # pixels of a side: small, so that also the slow way is fast
of_each: int = 10  # pictures of each class where the slow way is measured
epochs: int = 10  # how often a training sees each picture
seed: int = 0  # of first weights and of the order of the pictures
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
# | to freeze | 동결 | to keep parameters and buffers as they are |
# | backbone, head | 백본, 헤드 (분류기) | the frozen part, and the layer that is trained |
# | batch normalisation | 배치 정규화 | a layer that divides by the spread of its batch, or by what it noted |
# | running mean, running variance | 이동 평균, 이동 분산 | what it notes in train mode: its buffers |
# | learning rate, decay | 학습률, 학습률 감소 | how far a step goes, and that it falls |
# | optimiser, moment | 옵티마이저 (최적화기), 모멘트 | what moves the weights; a running mean that it keeps |
# | epoch, batch, step | 에포크, 배치, 스텝 | once through all pictures; eight of them; one move of the weights |
# | cross-entropy | 교차 엔트로피 | the loss: how surprised the network is by the right class |

# %% [markdown]
# ## Frozen, as it is usually written

# %%
from densekit.plots import show, you_are_here

show(you_are_here("features", "head"))

# %% [markdown]
# We take the network and the pictures of notebook 00, in a smaller size. The tensors hold every third training
# picture.

# %%
import torch

from densekit import open_folder, sample_folder
from densekit.data.loading import open_image
from densekit.model.zoo import build

folder = open_folder(sample_folder("tabletop"))
network = build("densenet121", weights, num_classes=len(folder.classes), seed=seed)
preprocessing = network.preprocessing.with_size(image_size)
some = folder.train[::3]
images = torch.stack([preprocessing(open_image(sample.path)) for sample in some])
labels = torch.tensor([sample.label for sample in some])
print(tuple(images.shape), "images,", len(folder.classes), "classes")

# %% [markdown]
# Many tutorials and courses freeze like this, PyTorch's own *Transfer Learning for Computer Vision* among them:
# no parameter requires a gradient except those of the head. Then the training loop says `train()` at the start of
# each epoch, as loops do.

# %%
for parameter in network.parameters():
    parameter.requires_grad = False
for parameter in network.classifier.parameters():
    parameter.requires_grad = True

frozen_parameters = list(network.features.parameters())
buffers = list(network.features.buffers())
print(f"{len(frozen_parameters)} tensors of parameters are frozen, and there are {len(buffers)} buffers")


# %% [markdown]
# The buffers are those of 121 BatchNorms, three each: `running_mean`, `running_var` and a counter of batches. Now
# we take **one** step, with eight pictures. How many of the buffers are different afterwards?

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = 3 * 121
### END SOLUTION
guess("buffers that one step moves", my_guess)


# %%
import copy

from torch.nn import functional as F


def one_step(network, images, labels, optimizer) -> None:
    network.train()
    loss = F.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


drifting = copy.deepcopy(network)  # network itself stays as it is
optimizer = torch.optim.Adam(drifting.classifier.parameters(), lr=1e-3)
generator = torch.Generator().manual_seed(seed)
first_batch = torch.randperm(len(images), generator=generator)[:8]
one_step(drifting, images[first_batch], labels[first_batch], optimizer)
after_one_step = copy.deepcopy(drifting.state_dict())

# %%
now, before = drifting.features, network.features
moved_buffers = sum(not torch.equal(a, b) for a, b in zip(now.buffers(), before.buffers()))
moved_parameters = sum(not torch.equal(a, b) for a, b in zip(now.parameters(), before.parameters()))
with reveal("buffers that one step moves", moved_buffers, close=0):
    print(f"moved: {moved_parameters} tensors of parameters, {moved_buffers} buffers")

# %% [markdown]
# All of them. `requires_grad` speaks of gradients, and buffers have none. A BatchNorm in train mode writes down
# mean and variance of **every** batch that comes by. That nothing is learned does not matter to it.

# %% [markdown]
# ### Exercise 1: What has moved? (8 min, medium)
# Make a tool of this. `action` is a function without arguments that does something to the network. Call it once,
# and return the names of all tensors, parameters and buffers, that are different afterwards. A right answer
# prints *passed*.


# %%
from densekit.exercises import train_the_head as check


def moved(network, action) -> list[str]:
    ### BEGIN SOLUTION
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    action()
    return [name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])]
    ### END SOLUTION


check.exercise_1(moved)

# %% [markdown]
# ## How far it drifts

# %%
show(you_are_here("stem", "block 1", "block 2", "block 3", "block 4", way="network"))

# %% [markdown]
# One step may be harmless. So let the training go on for two epochs of two hundred pictures. Nothing but the head
# learns.

# %%
for _ in range(2):
    for batch in torch.randperm(len(images), generator=generator).split(8):
        one_step(drifting, images[batch], labels[batch], optimizer)
counted = [int(each.features.norm0.num_batches_tracked) for each in (network, drifting)]
print("batches that the norms have counted since:", counted[1] - counted[0])

# %% [markdown]
# In the next figure each dot is a norm, from the image on the left to the head on the right. Above you see how
# far its mean moved, in standard deviations; below, by which factor its standard deviation changed. Look for the
# part of the network that drifts most.

# %% tags=["nbval-ignore-output"]
from densekit.plots import buffer_drift

later = {"after one step": after_one_step, "after two epochs": drifting.state_dict()}
show(
    buffer_drift(network.state_dict(), later, "Statistics of a network that is said to be frozen"),
    alt="Two panels with a dot for each of 121 norms: how far the running mean moved, and the running spread.",
)

# %% [markdown]
# One step moves each norm a little, as a batch counts for a tenth. Two epochs move them all, since our pictures are not
# those that the statistics were made of: the means most of all where block 4 begins, the spreads in the very first norm
# of all. (The dots of a block
# take turns: `norm1` sees all maps so far, `norm2` comes after it. Which of the two drifts more differs from block to block.) For most norms it is a tenth of a standard
# deviation or less, and that sounds harmless. But what 121 norms do adds up.

# %% [markdown]
# ## What it costs

# %%
show(you_are_here("embedding", "head"))

# %% [markdown]
# The head has learned from the drifting network. Now a colleague takes that head, and the network as everybody
# has it. Why not? Their *parameters* are equal to the last bit. On its own network the head gets four validation
# pictures in five right. What percentage does it get right on the original one?

# %%
### BEGIN SOLUTION
my_guess = 65
### END SOLUTION
guess("accuracy on the original network", my_guess, unit="%")


# %%
from densekit import extract_features

on_drifted = extract_features(drifting, folder.val, preprocessing)
on_original = extract_features(network, folder.val, preprocessing)


def accuracy(head, features) -> float:
    with torch.no_grad():
        return (head(features.inputs).argmax(dim=1) == features.labels).double().mean().item()


own, other = (accuracy(drifting.classifier, features) for features in (on_drifted, on_original))
distances = (on_drifted.inputs - on_original.inputs).norm(dim=1)  # (N,), one for each picture
change = float((distances / on_original.inputs.norm(dim=1)).median())

# %% [markdown]
# One head, two networks, the same 200 pictures. And how much has the embedding of a picture changed, as a share of its
# length? For half of the pictures it is less than this, for half of them more:

# %% tags=["nbval-ignore-output"]
with reveal("accuracy on the original network", round(100 * other), close=0.5):
    print(f"on the network as it drifted {own:.0%}, on the original network {other:.0%}")
    print(f"the embedding of a picture changed by {change:.0%} of its length")

# %%
with reveal("accuracy on the original network", round(100 * other), close=0.5, quiet=True):
    print("on its own network above 65 %:", own > 0.65)
    print("on the original, 5 points less or worse:", other < own - 0.05)
    print("the embedding changed by more than a third of its length:", change > 1 / 3)

# %% [markdown]
# This is why the mistake lives on: on its own network the head looks **good**. Nobody who sees that accuracy alone
# suspects anything. What is lost is all that builds on "frozen": a head in a small file, several heads on one
# backbone, features that are kept, and a picture whose answer does not depend on its neighbours. (Over four
# trainings, with other seeds, on a CPU, it was 79 to 82 % on its own network, and 54 to 68 % on the original.)

# %% [markdown]
# ### Exercise 2: Freeze in earnest (6 min, medium)
# One line is missing in this step. The loop says `train()`; after your line, nothing moves but the head, and each
# picture's features are its own. (What belongs to the network before the classifier is `network.features`.)


# %%
def train_step(network, images, labels, optimizer) -> float:
    network.train()
    ### BEGIN SOLUTION
    network.features.eval()
    ### END SOLUTION
    loss = F.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


check.exercise_2(train_step)

# %% [markdown]
# The order of the two lines is the point. If you call `eval()` only once, before the loop, the next `train()`
# undoes it.

# %% [markdown]
# ### Exercise 3: A guard (8 min, medium)
# Nobody looks at 725 tensors by eye. Write `assert_frozen(before, after)` for two state dicts, as
# `state_dict()` returns them: every parameter and buffer, by its name. It raises an
# `AssertionError` that names the tensors that changed, however little, or are missing; for equal states it does
# nothing.


# %%
def assert_frozen(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
    ### BEGIN SOLUTION
    changed = [name for name in before if name not in after or not torch.equal(before[name], after[name])]
    if changed:
        raise AssertionError(f"{len(changed)} tensors are not frozen: {', '.join(changed)}")
    ### END SOLUTION


check.exercise_3(assert_frozen)

# %% [markdown]
# Here is what it would have said of our two epochs, and what of the network in the hands of `extract_features`:

# %%
state_before = copy.deepcopy(network.state_dict())
network.train()  # whatever mode it is in
extract_features(network, folder.val[:8], preprocessing, cache=False)
for name, state in {"drifting": drifting.state_dict(), "extract_features": network.state_dict()}.items():
    changed = [
        key for key in state if key.startswith("features.") and not state[key].equal(state_before[key])
    ]
    print(f"{name:17} {len(changed)} tensors of the frozen part have changed")

# %% [markdown]
# densekit never runs the frozen part in train mode: it computes with a copy, rewritten, whose norms are fixed
# numbers (notebook 04b). There is nothing in it that could drift.

# %% [markdown]
# ## The frozen part runs once

# %%
show(you_are_here("picture", "pixels", "features", "embedding"))

# %% [markdown]
# If nothing drifts, a picture has the same embedding in every epoch. To compute it ten times is waste. Many
# tutorials do. Here is their way, in plain PyTorch: a folder, a `DataLoader`, and the network within the loop. It
# shuffles, and keeps the last, smaller batch.

# %%
import numpy as np
from torch.utils.data import DataLoader, Subset, TensorDataset

from densekit.data.splits import some_of_each
from densekit.vision import torchvision

data = torchvision.datasets.ImageFolder(folder.root / "train", transform=preprocessing)
few = Subset(data, sorted(some_of_each(np.array(data.targets), of_each, seed).tolist()))


def in_batches(data, shuffle: bool) -> DataLoader:
    order = torch.Generator().manual_seed(seed)
    return DataLoader(data, batch_size=8, shuffle=shuffle, drop_last=False, generator=order)


print(len(data), "pictures in the folder,", len(few), "of them taken")

# %% [markdown]
# How many batches of eight does an epoch of these pictures have?

# %%
### BEGIN SOLUTION
my_guess = 13
### END SOLUTION
guess("batches in an epoch", my_guess)

# %%
sizes = [len(labels_of_batch) for _, labels_of_batch in in_batches(few, shuffle=True)]
with reveal("batches in an epoch", len(sizes), close=0):
    print(len(sizes), "batches, the last one with", sizes[-1], "pictures")

# %% [markdown]
# With `drop_last=True` those pictures would be left out, other ones in each epoch. In a small set they are
# missed.
#
# One loop serves both ways. What differs is `features`: the frozen network, or nothing at all where embeddings
# come in.

# %%
from time import perf_counter

from torch import nn


def trained(loader, features) -> tuple[list[nn.Module], list[float], list[float]]:
    """Return the head after each epoch, the seconds that passed, and the loss of each step."""
    torch.manual_seed(seed)
    head = nn.Linear(network.num_features, len(folder.classes))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    heads, seconds, losses, began = [], [], [], perf_counter()
    for _ in range(epochs):
        for inputs, truth in loader:
            with torch.no_grad():
                embeddings = features(inputs)  # (8, 1024)
            loss = F.cross_entropy(head(embeddings), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        heads.append(copy.deepcopy(head))
        seconds.append(perf_counter() - began)
    return heads, seconds, losses


# %% [markdown]
# First the frozen network within the loop, in eval mode. This is the longest cell of the notebook.


# %%
def frozen_part(images: torch.Tensor) -> torch.Tensor:
    return network.forward_head(network.forward_features(images), pre_logits=True)


network.eval()
heads_each_epoch, seconds_each_epoch, losses_each_epoch = trained(in_batches(few, shuffle=True), frozen_part)
print(len(losses_each_epoch), "steps, with", epochs * len(few), "pictures through the frozen network")

# %% [markdown]
# ### Exercise 4: Compute once (8 min, medium)
# Now the other way. Return the embeddings of all images, (N, 1024), in their order, computed `batch_size` at a
# time. The network may come to you in any mode. The check compares the logits: a head must not be able to tell
# cached from uncached.


# %%
def embeddings_of(network, images: torch.Tensor, batch_size: int) -> torch.Tensor:
    ### BEGIN SOLUTION
    network.eval()
    with torch.no_grad():
        parts = [
            network.forward_head(network.forward_features(batch), pre_logits=True)
            for batch in images.split(batch_size)
        ]
    return torch.cat(parts)
    ### END SOLUTION


check.exercise_4(embeddings_of)

# %% [markdown]
# Whatever the check said, the next cell goes on, with your function if it passed. It proves on this network, in
# float64, that cached logits equal uncached ones. Then it is trained on what is kept.

# %%
compute_once = check.yours_or_ours(check.exercise_4, embeddings_of, check.embeddings_of)
exact, few_images = copy.deepcopy(network).double().eval(), images[::20].double()
with torch.no_grad():
    uncached = exact(few_images)
    cached = exact.classifier(compute_once(exact, few_images, 4))
print("cached and uncached logits, float64, max|Δ| < 1e-12:", float((cached - uncached).abs().max()) < 1e-12)

# %%
began = perf_counter()
pixels, truths = map(torch.stack, zip(*((image, torch.tensor(label)) for image, label in few)))
kept = TensorDataset(compute_once(network, pixels, 32), truths)
to_begin = perf_counter() - began
heads_once, seconds_once, losses_once = trained(in_batches(kept, shuffle=True), nn.Identity())
apart = float((torch.tensor(losses_once) - torch.tensor(losses_each_epoch)).abs().max())
print("the losses of all steps, float32, max|Δ| < 1e-3:", apart < 1e-3)

# %% [markdown]
# The same pictures in the same order, the same head, the same losses. densekit goes a third way:
# `extract_features` computes once, too, on the rewritten network.

# %%
chosen = [folder.train[index] for index in few.indices]
began = perf_counter()
extracted = extract_features(network, chosen, preprocessing, cache=False)
by_densekit = perf_counter() - began
stored = TensorDataset(extracted.inputs, extracted.labels)
heads_densekit, seconds_densekit, _ = trained(in_batches(stored, shuffle=True), nn.Identity())
largest = float((extracted.inputs - kept.tensors[0]).abs().max() / extracted.inputs.abs().max())
print("embeddings as by hand, float32, max|Δ| < 1e-4 of the largest:", largest < 1e-4)

# %% [markdown]
# Ten epochs in the first way, ten in the second, all included. How many times faster was computing once, by hand?

# %%
### BEGIN SOLUTION
my_guess = 10
### END SOLUTION
guess("times faster", my_guess, unit="×")

# %%
from densekit.plots import Way, time_and_accuracy

in_loop, at_hand, in_store = (
    [accuracy(head, on_original) for head in heads]
    for heads in (heads_each_epoch, heads_once, heads_densekit)
)
ways = {
    "in every epoch": Way([0.0, *seconds_each_epoch], in_loop),
    "once, by hand": Way([to_begin, *(to_begin + each for each in seconds_once)], at_hand),
    "once, extract_features": Way(
        [by_densekit, *(by_densekit + each for each in seconds_densekit)], in_store
    ),
}

# %% tags=["nbval-ignore-output"]
slow, once, fastest = (way.seconds[-1] for way in ways.values())
with reveal("times faster", round(slow / once, 1), close=1.0):
    print(f"once, by hand: {slow / once:.1f} times faster; with extract_features: {slow / fastest:.1f} times")
    show(
        time_and_accuracy(ways, f"{len(few)} pictures, {epochs} epochs: three ways to one head", chance=0.1),
        alt="Seconds and accuracy over the epochs, for three ways to the same head.",
    )

# %% [markdown]
# On the right, the lines lie upon each other. It is not a trade: nothing is given up. On the left, each epoch of
# the first way costs what the others pay once. So the gain is about the number of epochs, and more where
# computing once is faster by itself, with larger batches or a rewritten network. With features kept on the disk,
# the next training pays nothing. (The seconds are of the machine that built this page.)

# %%
with reveal("times faster", round(slow / once, 1), close=1.0, quiet=True):
    print("once is at least twice as fast:", slow > 2 * once)
    print("and as accurate, to a picture:", abs(at_hand[-1] - in_loop[-1]) < 0.0051)

# %% [markdown]
# ## Adam, by hand

# %%
show(you_are_here("head"))

# %% [markdown]
# The first trainer of the course's project learns with Adam (Kingma and Ba, *Adam: a method for stochastic
# optimization*, 2015). For each weight w it keeps two running means: m of the gradient g, and s of its square. At
# step t, counted from 1, with the rate r:
#
#     m  ←  0.9 · m  +  0.1 · g
#     s  ←  0.999 · s  +  0.001 · g²
#     m′ =  m / (1 − 0.9ᵗ)
#     s′ =  s / (1 − 0.999ᵗ)
#     w  ←  w − r · m′ / (√s′ + 10⁻⁸)
#
# The corrections m′ and s′ are there because m and s begin at 0.

# %% [markdown]
# Two weights have the gradients 0.01 and 10 in the first step. How many times as far as the first does the second
# one move?

# %%
### BEGIN SOLUTION
my_guess = 1
### END SOLUTION
guess("how many times as far", my_guess, unit="×")

# %%
two = nn.Parameter(torch.zeros(2, dtype=torch.float64))
two.grad = torch.tensor([0.01, 10.0], dtype=torch.float64)
torch.optim.Adam([two], lr=5e-5).step()
near, far = two.abs().tolist()
with reveal("how many times as far", round(far / near, 4)):
    print(f"with a rate of 5e-05 they move by {near:.3g} and {far:.3g}")

# %% [markdown]
# In the first step m′ divided by the root of s′ is g / |g|: a sign. So a weight moves by the learning rate,
# whatever its gradient. Later it moves by **about the rate at most**, on average. (A single step after
# a quiet time may be longer.) Keep this in mind; it will explain a slow
# training.

# %% [markdown]
# ### Exercise 5: Adam by hand (12 min, hard)
# Write one step: it gets the weight, its gradient, the two running means as the step before left them (zeros at
# first), the number of the step and the rate. (`mean` is m, and `square` is s.) It returns the new weight and the
# two new means. The check compares six steps with torch's, in float64.


# %%
def adam_step(weight, gradient, mean, square, step: int, rate: float):
    ### BEGIN SOLUTION
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    direction = mean / (1 - 0.9**step)
    size = (square / (1 - 0.999**step)).sqrt() + 1e-8
    return weight - rate * direction / size, mean, square
    ### END SOLUTION


check.exercise_5(adam_step)

# %% [markdown]
# ### Exercise 6: The falling rate (5 min, easy)
# Each time three epochs are done, the trainer takes 15 % off the rate. Write the rate of an epoch, counted from
# 1: `first` is the rate at the beginning, `every` is 3 and `factor` is 0.85.


# %%
def rate_at(epoch: int, first: float, every: int, factor: float) -> float:
    ### BEGIN SOLUTION
    return first * factor ** ((epoch - 1) // every)
    ### END SOLUTION


check.exercise_6(rate_at)

# %% [markdown]
# ### Exercise 7: When to look (8 min, medium)
# The trainer judges the head by the validation pictures every `every` steps, once `min_epochs` epochs are done,
# and in any case after the last step, once. It keeps the weights each time that they are the best so far. Return the
# numbers of those steps, in order. Steps are counted from 1 over all epochs, and an epoch has `batches` of them.


# %%
def steps_to_validate(batches: int, epochs: int, every: int, min_epochs: int) -> list[int]:
    ### BEGIN SOLUTION
    last = batches * epochs
    due = [step for step in range(every, last + 1, every) if step >= min_epochs * batches]
    return due if last in due else [*due, last]
    ### END SOLUTION


check.exercise_7(steps_to_validate)

# %% [markdown]
# ## The whole training, by hand

# %%
show(you_are_here("embedding", "head", "class"))

# %% [markdown]
# Now all parts come together, with the values of the project's first trainer. They are a preset of densekit,
# `head-original`:

# %%
from densekit.config import load_config


def preset(name: str):
    return load_config(preset=name, overrides={"data.folder": folder.root, "training.seed": seed}).training


original = preset("head-original").model_copy(update={"epochs": epochs})
for name in ("optimizer", "learning_rate", "batch_size", "save_step", "min_epoch_to_save"):
    print(f"{name:18}{getattr(original, name)}")
print(f"the rate falls to  {original.reduce_lr_factor} of itself every {original.reduce_lr_every} epochs")

# %% [markdown]
# In which order do the pictures come? In densekit it follows from the seed and the number of the epoch, and from
# nothing else. So a training that was interrupted goes on as if it had not been. The function is short, and we
# use it openly.

# %%
from densekit.training.randomness import shuffled

train_features = extract_features(network, folder.train, preprocessing)
for epoch in (1, 2):
    order = shuffled(len(train_features), original.batch_size, epoch, seed)
    print(f"epoch {epoch}: {len(order)} batches, the first one is {order[0].tolist()}")

# %% [markdown]
# `Adam` keeps the two means of each tensor of weights, and hands them to the function that takes the step.


# %%
class Adam:
    def __init__(self, head: nn.Module, step_of_adam) -> None:
        self.weights, self.step_of_adam, self.count = list(head.parameters()), step_of_adam, 0
        self.means = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in self.weights]

    def step(self, rate: float) -> None:
        self.count += 1
        with torch.no_grad():
            for index, weight in enumerate(self.weights):
                mean, square = self.means[index]
                new, mean, square = self.step_of_adam(weight, weight.grad, mean, square, self.count, rate)
                self.means[index] = mean, square
                weight.copy_(new)


# %% [markdown]
# `by_hand` is the loop: epochs, the rate, batches, loss, gradient, step. Read it once from top to bottom.


# %%
def by_hand(head: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, optimizer) -> list[float]:
    """Train a head as the original trainer does, and return the loss of each step."""
    losses = []
    for epoch in range(1, epochs + 1):
        rate = rate_of(epoch, original.learning_rate, original.reduce_lr_every, original.reduce_lr_factor)
        for batch in shuffled(len(inputs), original.batch_size, epoch, seed):
            loss = F.cross_entropy(head(inputs[batch]), labels[batch])
            head.zero_grad()
            loss.backward()
            optimizer.step(rate)
            losses.append(loss.item())
    return losses


step_of_adam = check.yours_or_ours(check.exercise_5, adam_step, check.adam_step)
rate_of = check.yours_or_ours(check.exercise_6, rate_at, check.rate_at)

# %% [markdown]
# First against torch's own Adam, in float64, over all steps. `Torch` gives it the same face.


# %%
class Torch:
    def __init__(self, head: nn.Module) -> None:
        self.adam = torch.optim.Adam(head.parameters(), lr=original.learning_rate)

    def step(self, rate: float) -> None:
        self.adam.param_groups[0]["lr"] = rate
        self.adam.step()


inputs, truths = train_features.inputs, train_features.labels
ours, theirs = (copy.deepcopy(network.classifier).double() for _ in range(2))
one = by_hand(ours, inputs.double(), truths, Adam(ours, step_of_adam))
two = by_hand(theirs, inputs.double(), truths, Torch(theirs))
largest = float((ours.weight.detach() - theirs.weight.detach()).abs().max())
print(len(one), "steps; the weights at the end, float64, max|Δ| < 1e-12:", largest < 1e-12)

# %% [markdown]
# Then the same loop against `fit`, in float32. `fit` is a generator: it yields what happens, and whoever reads
# the events keeps what they like. `BatchDone` has the loss of a step.

# %%
from densekit import fit
from densekit.training.events import BatchDone, Validated

mine, fitted = copy.deepcopy(network.classifier), copy.deepcopy(network.classifier)
losses = by_hand(mine, inputs, truths, Torch(mine))
events = list(fit(fitted, train_features, on_original, original))
losses_of_fit = [event.loss for event in events if isinstance(event, BatchDone)]
print("the losses of all", len(losses), "steps are equal, to the last bit:", losses == losses_of_fit)

# %% [markdown]
# That was with torch's Adam. With our own, rounding differs a little, as it adds in another order. In the figure,
# look for a place where the two part.

# %%
from densekit.plots import losses_compared

mine = copy.deepcopy(network.classifier)
losses_by_hand = by_hand(mine, inputs, truths, Adam(mine, step_of_adam))
apart = max(abs(a - b) for a, b in zip(losses_by_hand, losses_of_fit))
print("our own Adam against fit, float32, max|Δ| < 1e-4:", apart < 1e-4)
show(
    losses_compared(
        {"by hand": losses_by_hand, "fit": losses_of_fit}, "One training, written twice", len(order)
    ),
    alt="The loss of each step, as our own loop and as fit found it: one line upon the other.",
)

# %% [markdown]
# One line covers the other. Every batch has a loss of its own, so look at the dots: they still fall in the last
# epoch. Is the training done? After which steps did `fit` validate?

# %%
looks = [event.step for event in events if isinstance(event, Validated)]
mine = check.yours_or_ours(check.exercise_7, steps_to_validate, check.steps_to_validate)
print("fit validated after the steps", looks)
print("as by hand:", looks == list(mine(len(order), epochs, original.save_step, original.min_epoch_to_save)))

# %% [markdown]
# All this is one call in daily work. `train` computes and keeps the features, trains, and writes a run folder. Is
# its head the one that we trained by hand?

# %% tags=["volatile"]
from densekit import train

run = train(
    data=folder.root,
    preset="head-original",
    weights=weights,
    epochs=epochs,
    settings={"data.image_size": image_size, "training.seed": seed},
)

# %%
print(
    "the head of the run is the one of fit, to the last bit:",
    run.network.classifier.weight.equal(fitted.weight),
)
changed = [
    key
    for key, tensor in run.network.features.state_dict().items()
    if not tensor.equal(network.features.state_dict()[key])
]
print("tensors of its frozen part that have changed:", len(changed))

# %% [markdown]
# ## Why is it slow?

# %%
show(you_are_here("head"))

# %% [markdown]
# A weight moves by about the rate at most in each step. So we can say how far it can get in the whole training,
# before we begin.
#
# ### Exercise 8: The longest way (7 min, medium)
# Add up the rates of all steps: ten epochs of 75 steps, a rate of 5e-5 that falls to 85 % every three epochs.
# Write code that computes it.

# %%
### BEGIN SOLUTION
longest_way = sum(75 * 5e-5 * 0.85 ** ((epoch - 1) // 3) for epoch in range(1, 11))
### END SOLUTION
check.exercise_8(longest_way)

# %% [markdown]
# The head's weights start between −1/32 and 1/32, as torch makes them for 1024 features: 0.031. How far did they get, in the
# training that we have just seen?

# %%
begun, ended = network.classifier.weight.detach(), fitted.weight.detach()
farthest, largest = float((ended - begun).abs().max()), float(begun.abs().max())
print("the farthest way of any weight is below 0.032:", farthest < 0.032)
print("no longer than the largest weight at the beginning:", farthest <= largest)

# %% [markdown]
# In ten epochs, no weight got farther than the head's first random numbers are large: on a CPU, with seed 0, the
# farthest way was 0.027, the largest of those numbers 0.031. Nothing is wrong with the code: the head is on its way,
# and its steps are few. The values suit larger sets: with a hundred times as many pictures, an epoch has a hundred
# times as many steps.
#
# densekit's preset `head` changes this. What is different?

# %% tags=["false-is-meant"]
quick = preset("head").model_copy(update={"epochs": epochs})
for name in type(quick).model_fields:
    before, after = getattr(original, name), getattr(quick, name)
    if before != after:
        print(f"{name:18} head-original {before!s:7} head {after}")

# %% [markdown]
# Two of these change what is learned: the rate is twenty times as high, and `auto` brings the features to one
# scale first. (The other two say when to look.) You did the scaling in notebook 00: subtract the mean, divide by
# the standard deviation. Which of the two, alone, brings more after ten epochs: `"rate"` or `"scale"`?

# %%
### BEGIN SOLUTION
my_guess = "rate"
### END SOLUTION
guess("rate or scale", my_guess)


# %%
from densekit.training.standardise import Standardiser

scale = Standardiser.of(train_features)  # mean and standard deviation of each feature


def curve(learning_rate: float, scaled: bool, seed: int) -> list[float]:
    """Return the validation accuracy after each epoch."""
    torch.manual_seed(seed)
    head = nn.Linear(network.num_features, len(folder.classes))
    settings = quick.model_copy(update={"learning_rate": learning_rate, "seed": seed})
    train, val = (scale.apply(each) if scaled else each for each in (train_features, on_original))
    return [event.accuracy for event in fit(head, train, val, settings) if isinstance(event, Validated)]


choices = {
    "original": (5e-5, False),
    "scale alone": (5e-5, True),
    "rate alone": (1e-3, False),
    "both: the preset head": (1e-3, True),
}
curves = {name: [curve(*choice, seed) for seed in range(3)] for name, choice in choices.items()}

# %% tags=["nbval-ignore-output"]
from densekit.plots import accuracy_lines

by_rate, by_scale = (np.mean(curves[name], axis=0)[-1] for name in ("rate alone", "scale alone"))
with reveal("rate or scale", "rate" if by_rate > by_scale else "scale"):
    show(
        accuracy_lines(
            {"ten classes, 3 seeds": curves},
            range(1, epochs + 1),
            {"ten classes, 3 seeds": 0.1},
            "epoch",
            "Four settings",
        ),
        alt="Validation accuracy over the epochs, with intervals over three seeds. After the last one: "
        + ", ".join(f"{name} {np.mean(each, axis=0)[-1]:.0%}" for name, each in curves.items()),
    )

# %% [markdown]
# The original's line is the lowest, and it climbs slowly: it is late, not wrong. The rate alone brings most, some five
# points. With the scale, no feature counts for more only because its numbers are larger. At the low rate that helps, most
# of all in the first epochs. At the high rate the two lines can't be told apart, on 200 pictures and with three seeds.

# %%
with reveal("rate or scale", "rate" if by_rate > by_scale else "scale", quiet=True):
    end = {name: float(np.mean(each, axis=0)[-1]) for name, each in curves.items()}
    print("the preset head in [0.86, 1.00]:", 0.86 <= end["both: the preset head"] <= 1)
    print(
        "better than the original by 2 points or more:", end["both: the preset head"] > end["original"] + 0.02
    )

# %% [markdown]
# ### Exercise 9: The head takes the scale in (8 min, hard)
# A head that was trained on scaled features needs them scaled for ever, unless it takes the scale in. Return the
# weight, (classes, features), and the bias, (classes,), of a head that says of plain features x what the old one
# says of (x − mean) / deviation.


# %%
def folded(weight, bias, mean, deviation):
    ### BEGIN SOLUTION
    scaled = weight / deviation
    return scaled, bias - scaled @ mean
    ### END SOLUTION


check.exercise_9(folded)

# %% [markdown]
# `train` does that at the end of every training with a scale. So the file of a head holds a plain linear layer,
# and whoever has it needs no scale. Here with a head that has learned, in float64:

# %%
fold = check.yours_or_ours(check.exercise_9, folded, check.folded)
learned = nn.Linear(network.num_features, len(folder.classes))
list(fit(learned, scale.apply(train_features), scale.apply(on_original), quick))
old = {name: tensor.double() for name, tensor in learned.state_dict().items()}
mean, deviation, plain = scale.mean.double(), scale.scale.double(), on_original.inputs.double()
weight, bias = fold(old["weight"], old["bias"], mean, deviation)
expected = (plain - mean) / deviation @ old["weight"].T + old["bias"]
apart = float((plain @ weight.T + bias - expected).abs().max())
print("logits with the scale and without it, max|Δ| < 1e-9:", apart < 1e-9)

# %% [markdown]
# ## Your turn

# %%
show(you_are_here())

# %% [markdown]
# The panel below trains with any settings: press *Train*, watch the curves, press *Stop* when you have seen
# enough. The features are kept, so a training takes seconds. The runs stay in the table. Begin with the original.
# Then change one setting at a time: rates of 0.001, 0.01, 0.1 and 1. Where does it get worse, and what does the
# loss look like there?

# %% tags=["volatile"]
from densekit.widgets.panel import training_panel

panel = training_panel(
    folder.root, preset="head-original", weights=weights, image_size=image_size, epochs=epochs, seed=seed
)
panel

# %% [markdown]
# Every button is a function, too. So the next cell does the same where there is no front end: two trainings of
# three epochs, one with each preset. (A training that you have begun above is stopped first.)

# %%
if panel.is_training:
    panel.stop()
    panel.wait()
for name in ("head-original", "head"):
    panel.set(preset=name, epochs=3, save_step=None, min_epoch_to_save=0, image_size=image_size)
    panel.start()
    panel.wait()
first, second = (made.metrics["val_accuracy"] for made in panel.runs[-2:])
print("two more runs; the second one is better by 10 points or more:", second > first + 0.1)

# %% [markdown]
# The next cell, once it has run, shows the panel's settings as YAML and as a command. So a run can be repeated without it:

# %% tags=["volatile"]
print(panel.as_yaml())
print(panel.as_command())

# %% [markdown]
# ## What to keep
#
# - `requires_grad=False` freezes **parameters**. BatchNorm's buffers are frozen by **eval mode**, which the next
#   `train()` switches off. A good accuracy does not rule it out: compare the state dicts.
# - What is frozen in earnest runs **once** per picture. The head can't tell the difference, and the gain is about
#   the number of epochs.
# - Adam moves a weight by about the **rate** at most. Rate × steps says how far a training can get.
# - The order follows from seed and epoch. So a training written twice gives the same numbers, to the last bit.
#
# **Three questions.** (1) A colleague freezes with `requires_grad`, trains with batches of two pictures, and
# keeps head and network in one file. What will be good about it, and what not? (2) You change the pictures at
# random in each epoch, as augmentation does. What becomes of "once"? (3) A set has 60 000 pictures and batches of
# eight. How far can a weight get in ten epochs at 5e-5?
#
# **Next**: notebook 07 trains what lies before the head, too, without wrecking it.

# %%
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

record_result(
    buffers_moved=moved_buffers,
    same_as_fit=losses == losses_of_fit,
    times_faster=round(slow / once, 1),
    original=round(end["original"], 2),
    head=round(end["both: the preset head"], 2),
)
