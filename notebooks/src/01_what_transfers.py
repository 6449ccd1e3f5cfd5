# ---
# jupyter:
#   densekit:
#     compared_at_least: 24
#     ignored_at_most: 10
# ---

# %% [markdown]
# # What transfers, and why
#
# In notebook 00, a network that had never seen our objects told them apart after seconds of training. Why does that work?
# The engineers whose project this course follows asked: *why would weights that were learned on other data beat my own
# training?* This notebook answers by measuring.
#
# **You will be able to**
# - say what early and late layers of a network respond to, and measure it,
# - name the three ways to use a network that others trained, and freeze it accordingly,
# - compare two ways fairly: over several seeds, with intervals, against chance,
# - recognise the silent mistakes between a picture and a network.
#
# **You need** notebook 00. **Time**: 75 minutes, of which the machine needs less than one. **Difficulty**: medium.

# %% tags=["parameters"]
weights: str = "embedded"  # the pretrained network; imagenet, or a file, will do as well
image_size: int = 96  # pixels of a side
seeds: int = 5  # how often each measurement is repeated with other training pictures
install_from: str = ""  # only in Colab

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules and install_from:
    get_ipython().run_line_magic("pip", f"install --quiet {install_from}")

import densekit

print(f"densekit {densekit.__version__} is here")

# %% [markdown]
# ## Three traits, one question
#
# Transfer learning (전이학습) takes a model that was trained for one task and uses its weights for another. Three things are
# said of it:
#
# 1. **little data** is enough (적은 데이터셋),
# 2. in most cases it **beats training from scratch** (처음부터 쌓은 모델보다 성능이 뛰어나다),
# 3. it **saves time** (시간이 절약된다).
#
# The second one is the strange one. Our pictures show mugs and bottles on tables; the network has learned from other
# pictures. The words that we need:
#
# | English | 한국어 | here |
# |---|---|---|
# | hierarchical features | 계층적인 특징 | each layer builds on what the one before it found |
# | low level layer | 하위 계층 | near the picture |
# | high level layer | 상위 계층 | near the answer |
# | general, specific | 일반적인, 특화된 | useful for many tasks, or for few |
# | fixed feature extractor | 고정 기능 추출기 | the network stays as it is, a new head is trained |
# | fine-tuning | 미세조정 | the network goes on learning, on the new pictures |
# | pretrained model | 사전 학습된 모델 | a network with weights that somebody has trained |
# | overfitting | 과적합 | right about the training pictures, wrong about others |
# | similarity | 유사도 | how like the old pictures the new ones are |

# %% [markdown]
# ## A network that has learned, and one that has not
#
# Two networks of the same build: one with pretrained weights, one with random weights, as before any training.

# %%
from densekit import densenet121, open_folder, sample_folder

networks = {
    "pretrained": densenet121(weights=weights, num_classes=0).eval(),
    "random": densenet121(weights="none", num_classes=0).eval(),
}
folder = open_folder(sample_folder("tabletop"))
for name, network in networks.items():
    print(f"{name:11}{sum(parameter.numel() for parameter in network.parameters()):,} numbers")

# %% [markdown]
# Where would learning show first? Textbooks print the filters of the first convolution: small pictures with stripes and
# blobs, from networks that were trained for days. Here are 24 filters of each of ours: those whose neighbouring weights are
# most alike. Which half has learned, A or B?


# %%
import torch

from densekit.plots import filter_grid, show


def alikeness(filters: torch.Tensor) -> torch.Tensor:
    """The correlation of neighbouring weights, for each filter: 0 for noise, near 1 for smooth blobs."""
    centred = filters - filters.mean(dim=(2, 3), keepdim=True)  # (N, 3, 7, 7)
    down = (centred[:, :, 1:] * centred[:, :, :-1]).mean(dim=(1, 2, 3))
    right = (centred[..., 1:] * centred[..., :-1]).mean(dim=(1, 2, 3))
    return (down + right) / 2 / centred.square().mean(dim=(1, 2, 3))


filters = {name: network.features.conv0.weight.detach() for name, network in networks.items()}
smoothest = {name: each[alikeness(each).argsort(descending=True)[:24]] for name, each in filters.items()}
show(
    filter_grid({"A": smoothest["random"], "B": smoothest["pretrained"]}, "Filters of two first convolutions")
)

# %%
from densekit.exercises.predictions import predict

means = {name: alikeness(each).mean().item() for name, each in filters.items()}
predict("the half that has learned", guess=..., answer="B" if means["pretrained"] > means["random"] else "A")
print("neighbours are more alike in the pretrained filters:", means["pretrained"] > means["random"] + 0.02)

# %% [markdown]
# It is hard to see, and this is worth knowing: the weights that come with this kit were made in hours on two processor
# cores, and their filters keep much of the noise they began with. The *measurement* tells the halves apart where the eye
# can't. (With official ImageNet weights, the stripes would be plain to see.)
#
# What a filter is good for shows in what it makes of a picture.

# %% [markdown]
# ## From edges to objects
#
# We follow one picture through the pretrained network, and keep what five places on the way put out. First a guess: the
# picture enters with 96 × 96 pixels. How many places wide are the maps at the end?

# %%
DEPTHS = {
    "first convolution": "conv0",
    "dense block 1": "denseblock1",
    "dense block 2": "denseblock2",
    "dense block 3": "denseblock3",
    "dense block 4": "denseblock4",
}


@torch.no_grad()
def maps_by_depth(network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the five places put out, each (N, C, H, W)."""
    kept = {}
    hooks = [
        getattr(network.features, module).register_forward_hook(
            lambda module, inputs, output, depth=depth: kept.__setitem__(depth, output.detach())
        )
        for depth, module in DEPTHS.items()
    ]
    network.forward_features(images)
    for hook in hooks:
        hook.remove()
    return kept


# %%
from densekit.data.loading import open_image

preprocessing = networks["pretrained"].preprocessing.with_size(image_size)
picture = open_image(folder.val[3].path)
maps = maps_by_depth(networks["pretrained"], preprocessing(picture)[None])
predict("places from left to right at the end", guess=..., answer=maps["dense block 4"].shape[-1])
for depth, each in maps.items():
    print(f"{depth:18}", tuple(each.shape[1:]))

# %% [markdown]
# Six maps of each depth. Look from top to bottom: at which depth can you still trace the outline of the object, and where
# does a map only say *here* or *not here*?

# %%
from densekit.plots import feature_map_ladder

shown = {depth: each[0] for depth, each in maps.items()}
show(feature_map_ladder(picture, shown, "One picture at five depths"))

# %% [markdown]
# The first maps are edges: any picture of anything has them. They are **general**. The last maps are a few squares in
# which something was found or not. If they are useful, they must be **specific**. That they are is a claim, so let us
# measure it.
#
# Take one channel, and the ten pictures on which it is strongest. If these pictures are a mix of everything, the channel
# cares for something that all classes have. If most of them show one class, it cares for that class.

# %% [markdown]
# ### Exercise 1: how much do they share? (5 min, easy)
# Write a function that takes the class numbers of some pictures, and returns the share of the commonest class: 0.75 for
# `[3, 3, 3, 7]`. A right answer prints *passed*.

# %%
from densekit.exercises import what_transfers as check


def purity(labels) -> float:
    ### BEGIN SOLUTION
    labels = list(labels)
    return max(labels.count(label) for label in labels) / len(labels)
    ### END SOLUTION


check.exercise_1(purity)

# %% [markdown]
# We need the strength of each channel on many pictures: the mean of its map. We take 10 pictures a class to learn from later,
# and 15 to look at now, and run both networks over them.

# %%
from densekit.data.loading import load_images


def means_by_depth(network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """The mean of each map, (N, C), at each depth."""
    parts = [maps_by_depth(network, part) for part in images.split(25)]
    return {depth: torch.cat([part[depth].mean(dim=(2, 3)) for part in parts]) for depth in DEPTHS}


def of_each(samples, count: int):
    return [
        s for label in range(len(folder.classes)) for s in [s for s in samples if s.label == label][:count]
    ]


chosen = of_each(folder.train, 10) + of_each(folder.val, 15)
batches = list(load_images(chosen, preprocessing))
images = torch.cat([batch.images for batch in batches])
labels = torch.cat([batch.labels for batch in batches]).numpy()
tabletop = {name: means_by_depth(network, images) for name, network in networks.items()}
print(len(images), "pictures;", tuple(tabletop["pretrained"]["dense block 4"].shape), "numbers at the end")

# %%
import numpy as np

looked_at = slice(10 * len(folder.classes), None)  # the ones behind the training pictures


def mean_purity(strengths: np.ndarray, labels: np.ndarray) -> float:
    """The share of the commonest class among a channel's ten strongest pictures, on average over the channels."""
    strongest = np.argsort(-strengths, axis=0)[:10]  # (10, C)
    return float(np.mean([np.bincount(column).max() / 10 for column in labels[strongest].T]))


noise = mean_purity(np.random.default_rng(0).normal(size=(len(labels[looked_at]), 2000)), labels[looked_at])
purities = {
    name: [mean_purity(each[looked_at].numpy(), labels[looked_at]) for each in depths.values()]
    for name, depths in tabletop.items()
}

# %% tags=["nbval-ignore-output"]
from densekit.plots import accuracy_lines

short = ["conv", "block 1", "block 2", "block 3", "block 4"]
show(
    accuracy_lines(
        {"150 tabletop pictures": {name: [each] for name, each in purities.items()}},
        short,
        {"150 tabletop pictures": noise},
        "depth",
        "Ten strongest pictures of a channel",
        ylabel="share of the commonest class, %",
    ),
)

# %% tags=["false-is-meant"]
rise = {name: each[-1] - each[0] for name, each in purities.items()}
print(
    "rises by more than 0.1 from the first to the last depth:",
    {name: bool(r > 0.1) for name, r in rise.items()},
)

# %% [markdown]
# The dotted line is what channels of pure noise would get: even ten pictures drawn at random share a class a little. The
# random network stays near it at all depths. In the pretrained one, channels care more and more for classes, and for *our*
# classes, which it was never told about. This is the hierarchy: **general features early, specific ones late**. Nobody put
# it there; it came from learning.

# %% [markdown]
# ## Three ways to use what was learned
#
# - **Fixed feature extractor** (고정 기능 추출기): all that was learned stays as it is. The last layer is replaced by a new
#   one with as many outputs as we have classes, and only that is trained.
# - **Fine-tuning** (미세조정): backpropagation goes on into the network, through all layers or from some layer on. Early
#   layers that stay frozen leave fewer numbers to learn, which also guards against overfitting.
# - **Pretrained models** (사전 학습된 모델): weights are shared, so the first and most expensive part is done once, by one.
#
# Guess: if everything before dense block 4 is frozen, what percentage of the network's numbers is still trained?

# %%
whole = densenet121(weights="none", num_classes=10)
behind = [whole.features.denseblock4, whole.features.norm5, whole.classifier]
count = sum(p.numel() for part in behind for p in part.parameters())
everything = sum(p.numel() for p in whole.parameters())
predict("percent of the numbers", guess=..., answer=round(100 * count / everything))
print(
    f"{count:,} of {everything:,}; the head alone has {sum(p.numel() for p in whole.classifier.parameters()):,}"
)

# %% [markdown]
# ### Exercise 2: freeze up to here (10 min, medium)
# Write `freeze_before(network, stage)`. Everything before the stage is frozen; the stage and all behind it is trained.
# A stage is the name of a part, such as `denseblock4` or `classifier`, or `all`. The parts come in order.


# %%
def freeze_before(network, stage: str) -> None:
    parts = [*network.features.named_children(), ("classifier", network.classifier)]
    ### BEGIN SOLUTION
    trained = stage == "all"
    for name, part in parts:
        trained = trained or name == stage
        part.requires_grad_(trained)
    ### STARTER
    # for name, part in parts:
    #     part.requires_grad_(True)
    ### END SOLUTION


check.exercise_2(freeze_before)

# %% [markdown]
# So the three ways are one dial: where does the cut go? (One thing is still missing for a truly frozen network: its
# BatchNorms. You will meet them below.)

# %% [markdown]
# ## The question, measured
#
# *Why would weights learned on other data beat my own training?* Let us see whether they do, and from how many pictures on. We
# train the same head on the features of both networks, with 2, 5, 10, 20 and 50 pictures of each class, and count how many of
# 200 validation pictures it gets right.
#
# The head is a **logistic regression** this time: the same linear layer as in notebook 00, trained to the end by a solver
# that needs no learning rate. So nobody can say that we chose a bad one for the random network.

# %% tags=["volatile"]
from time import perf_counter

from densekit import extract_features

began = perf_counter()
features = {
    name: [extract_features(network, samples, preprocessing) for samples in (folder.train, folder.val)]
    for name, network in networks.items()
}
print(f"two networks, {len(folder.train) + len(folder.val)} pictures each: {perf_counter() - began:.1f} s")

# %% [markdown]
# ### Exercise 3: as many of each (10 min, medium)
# Which pictures are chosen matters, most of all when they are few. Write a function that chooses `count` pictures of each
# class, and others for another seed. It gets an array of class numbers, and returns positions in it.


# %%
def some_of_each(labels, count: int, seed: int):
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == each))[:count] for each in np.unique(labels)]
    )
    ### END SOLUTION


check.exercise_3(some_of_each)

# %% [markdown]
# The kit has this function, too: `densekit.data.splits.some_of_each`. We go on with that one.
#
# Before you run the next cells, write down three guesses, in percent of pictures right: random features with 50 pictures a
# class; pretrained features with 50; and pretrained features with **two**.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from densekit.data import splits


def trained_head(inputs: np.ndarray, labels: np.ndarray):
    """A logistic regression on features of mean 0 and spread 1."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(inputs, labels)


def accuracy(train, val, count: int, seed: int) -> float:
    chosen = splits.some_of_each(train.labels.numpy(), count, seed)
    head = trained_head(train.inputs.numpy()[chosen], train.labels.numpy()[chosen])
    return head.score(val.inputs.numpy(), val.labels.numpy())


counts = [2, 5, 10, 20, 50]
measured = {
    name: [[accuracy(*both, count, seed) for count in counts] for seed in range(seeds)]
    for name, both in features.items()
}

# %% [markdown]
# ### Exercise 4: give or take (6 min, medium)
# Five seeds give five accuracies. Their mean is worth as much as its interval. Half of the 95 % interval is $t \cdot s /
# \sqrt{n}$: $s$ is the spread of the sample (which divides by $n - 1$), $n$ the number of seeds, and $t$ comes from Student's
# table: 2.776 for five. Write it.


# %%
def half_interval(values, t: float) -> float:
    ### BEGIN SOLUTION
    return t * np.std(values, ddof=1) / len(values) ** 0.5
    ### END SOLUTION


check.exercise_4(half_interval)

# %% [markdown]
# ### Exercise 5: a classifier with closed eyes (4 min, easy)
# What is an accuracy worth? Less than it seems, if it could be had without looking. Write a function that takes the labels of
# the validation pictures, and returns the accuracy of always naming the commonest one.


# %%
def closed_eyes(labels) -> float:
    ### BEGIN SOLUTION
    labels = list(labels)
    return max(labels.count(label) for label in labels) / len(labels)
    ### END SOLUTION


check.exercise_5(closed_eyes)

# %% [markdown]
# Now the answer. The bars are 95 % intervals over the seeds, the dotted line is chance.

# %% tags=["nbval-ignore-output"]
chance = {"tabletop": 1 / len(folder.classes)}
show(
    accuracy_lines(
        {"tabletop": measured},
        counts,
        chance,
        "training pictures of each class",
        "The same head on two kinds of features",
    ),
)

# %% tags=["nbval-ignore-output"]
for name, table in measured.items():
    cells = [
        f"{np.mean(column):.0%} ± {100 * 2.776 * np.std(column, ddof=1) / seeds**0.5:.0f}"
        for column in zip(*table)
    ]
    print(f"{name:11}", "   ".join(f"{count}: {cell}" for count, cell in zip(counts, cells)))

# %%
pretrained, random = (np.mean(measured[name], axis=0) for name in ("pretrained", "random"))
print(
    "pretrained features are better with",
    [count for count, p, r in zip(counts, pretrained, random) if p > r + 0.15],
)
print("random features beat chance with 50 a class:", bool(random[-1] > chance["tabletop"] + 0.1))
print("two a class pretrained beat fifty a class random:", bool(pretrained[0] > random[-1]))

# %% [markdown]
# Two pictures of each class with pretrained features are worth more than fifty with random ones. Here is the answer to the
# question: training from scratch has to find the features *and* the classes in our pictures, and the features are the hard
# part. Somebody has paid for them already, with pictures by the ten thousand. That those were other pictures matters little as
# long as edges, textures and parts are of use to us.
#
# Two things to be fair about. Random *features* are not training from scratch, which would improve them; how far
# it gets with few pictures is a race that we don't run here. And the random line does rise: even a random network keeps colours and
# coarse shapes apart.

# %% [markdown]
# And the third trait, time? A step of training the whole network goes forward and backward through all of it, for every
# picture and in every epoch. The frozen network ran once.

# %% tags=["volatile"]
began = perf_counter()
head = trained_head(features["pretrained"][0].inputs.numpy(), features["pretrained"][0].labels.numpy())
one_head = perf_counter() - began
scratch = densenet121(weights="none", num_classes=len(folder.classes))
began = perf_counter()
torch.nn.functional.cross_entropy(scratch(images[:8]), torch.from_numpy(labels[:8])).backward()
one_step = perf_counter() - began
steps = 10 * len(folder.train) // 8
print(
    f"a head: {one_head:.2f} s. The whole network for 10 epochs of {steps // 10} steps: about {steps * one_step:.0f} s"
)

# %% [markdown]
# ## Where do the useful features lie?
#
# The same measurement by depth, with ten pictures a class: a head on the means of the maps at each of the five depths. And
# once more for pictures that are *unlike* all that our weights come from: letters, of which the project's engineers
# supposed that lines and curves learned elsewhere would serve them.

# %%
from densekit.data.letters import LETTERS, letter_pictures
from densekit.plots import image_grid

alphabet = LETTERS[:10]
letters = letter_pictures(alphabet, of_each=25)
letter_labels = np.repeat(np.arange(len(alphabet)), 25)
show(image_grid(letters[::25], list(alphabet), title="Ten Greek letters, drawn with fonts that differ"))

# %%
letter_images = torch.stack([preprocessing(picture) for picture in letters])
letter_means = {name: means_by_depth(network, letter_images) for name, network in networks.items()}
print(tuple(letter_images.shape))


# %%
def accuracy_by_depth(means, labels, learn, measure) -> list[float]:
    heads = [trained_head(each[learn].numpy(), labels[learn]) for each in means.values()]
    return [head.score(each[measure].numpy(), labels[measure]) for head, each in zip(heads, means.values())]


def over_seeds(means, labels) -> list[list[float]]:
    """Ten pictures of each class to learn from, chosen by the seed; the others to measure on."""
    chosen = [splits.some_of_each(labels, 10, seed) for seed in range(seeds)]
    everything = np.arange(len(labels))
    return [accuracy_by_depth(means, labels, few, np.setdiff1d(everything, few)) for few in chosen]


by_depth = {
    "tabletop": {name: over_seeds(means, labels) for name, means in tabletop.items()},
    "letters": {name: over_seeds(means, letter_labels) for name, means in letter_means.items()},
}

# %% tags=["nbval-ignore-output"]
show(
    accuracy_lines(
        by_depth, short, {"tabletop": 0.1, "letters": 0.1}, "features of depth", "Ten pictures of each class"
    )
)

# %%
for name, ways in by_depth.items():
    best = np.mean(ways["pretrained"], axis=0)
    print(f"{name:9} late features beat those of block 1:", bool(best[3:].max() > best[1] + 0.1))

# %% [markdown]
# After the first convolution, learning has gained little; both networks see edges and colours. What makes the difference comes
# later. And it transfers to letters, although there was no such page among the source pictures: lines, corners and bows are
# parts of everything.

# %% [markdown]
# ## Four scenarios
#
# What to do with a pretrained network depends on two things, says a rule of thumb (from the course notes of Stanford's
# CS231n, *Transfer Learning*): how **many** pictures you have, and how **similar** they are to those that the network knows.
#
# ### Exercise 6: four scenarios (8 min, medium)
# Fill in the grid before you are told, with one of `"head"` (train a head on the last features), `"earlier"` (train a head on
# features of an earlier depth), `"whole"` (fine-tune the whole network), `"scratch"` (begin with random weights).

# %%
### BEGIN SOLUTION
plan = {
    ("small", "similar"): "head",
    ("large", "similar"): "whole",
    ("small", "different"): "earlier",
    ("large", "different"): "whole",
}
### END SOLUTION
check.exercise_6(plan)

# %%
from densekit.plots import scenario_grid

grid = {} if plan is ... else plan
show(scenario_grid(grid, "What I would do"))

# %% [markdown]
# Is it true? One cell we have just measured: few pictures, and different ones, the letters. The rule says to take *earlier*
# features. Look at the right panel again: which depth is best?

# %% tags=["nbval-ignore-output"]
letter_means_by_depth = np.mean(by_depth["letters"]["pretrained"], axis=0)
best = short[int(letter_means_by_depth.argmax())]
predict("the best depth for letters", guess=..., answer=best)
print({depth: f"{value:.0%}" for depth, value in zip(short, letter_means_by_depth)})

# %% [markdown]
# A rule of thumb is a place to begin, not a result. With our weights, late features serve the letters about as well as earlier
# ones or better. To know which cell of the grid yours is, and what is best
# there, measure it as we did: a few lines, a few seeds, intervals.

# %% [markdown]
# ## Between the picture and the network
#
# So far everything was prepared as the weights ask for it. A head that is right about nine pictures in ten can be brought to
# chance by one line that raises no error. Here are three ways to prepare a picture. `mean` and `std` are the weights' own,
# for colours from 0 to 1.


# %%
mean, std = (torch.tensor(each).view(3, 1, 1) for each in (preprocessing.mean, preprocessing.std))


def pipeline_a(picture):
    pixels = preprocessing.cut(picture)  # bytes, (3, 96, 96)
    return (pixels / 255 - mean) / std


def pipeline_b(picture):
    pixels = preprocessing.cut(picture)
    return (pixels - mean) / std


def pipeline_c(picture):
    pixels = preprocessing.cut(picture)
    return (pixels - 255 * mean) / (255 * std)


# %% [markdown]
# ### Exercise 7: which pipeline is wrong? (6 min, medium)
# All three run, and give tensors of the right shape. One of them is not what the network was trained on: `"a"`, `"b"` or `"c"`?
# Find out in a cell of your own: `network.preprocessing` is right by definition.

# %%
### BEGIN SOLUTION
wrong = "b"
### END SOLUTION
check.exercise_7(wrong)

# %% [markdown]
# ### Exercise 8: my answer depends on my neighbours (8 min, medium)
# This function extracts features, and has two faults that you can't see in one picture: the features of a picture change with
# the others in its batch, and the network changes while it is only read. Repair it.


# %%
def embed(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    ### BEGIN SOLUTION
    network.eval()
    with torch.no_grad():
        return network(images)
    ### STARTER
    # return network(images)
    ### END SOLUTION


check.exercise_8(embed)

# %% [markdown]
# Why? A BatchNorm in train mode scales by the mean and spread *of the batch*, and notes them in its **buffers**. In eval mode
# it uses what it noted in training. Freezing with `requires_grad_(False)` alone does not stop it: buffers are not
# parameters.
#
# What does each fault cost? The head from above stays as it is, and its pictures take a wrong way to it.

# %%
from densekit.widgets.preprocessing import Pipeline

full = trained_head(features["pretrained"][0].inputs.numpy(), features["pretrained"][0].labels.numpy())
pipeline = Pipeline(
    networks["pretrained"],
    lambda embeddings: torch.from_numpy(full.predict(embeddings.numpy())),
    folder.val[::2],
    image_size,
)
ways = {
    "all as it should be": {},
    "normalisation left out (0 to 1)": {"normalisation": "left out, 0 to 1"},
    "normalisation left out (0 to 255)": {"normalisation": "left out, 0 to 255"},
    "pictures a third as large": {"size": 32},
    "network in train mode": {"eval_mode": False},
    "red and blue swapped": {"swapped": True},
}
results = {name: pipeline.measure(**way) for name, way in ways.items()}

# %% tags=["nbval-ignore-output"]
for name, (right, changed) in results.items():
    print(f"{name:35}{right:6.0%} right, {changed} buffers changed")

# %%
right = {name: result[0] for name, result in results.items()}
print("as it should be, above 80 %:", right["all as it should be"] > 0.8)
harmful = ["normalisation left out (0 to 255)", "pictures a third as large", "network in train mode"]
print(
    "at half or less of it:     ",
    [name for name in harmful if right[name] < right["all as it should be"] / 2],
)
print("buffers changed:           ", [name for name, result in results.items() if result[1]])

# %% [markdown]
# No error, no warning: only worse answers. Two surprises are in the list. To swap red and blue, a famous mistake, hardly
# matters *here*, for our classes are told apart by shape and not by colour; on ripe and unripe fruit it would. And train mode
# does so much harm because the pictures come sorted by class, as a folder hands them over: each batch then looks alike, and the
# normalisation takes away just what they have in common.
#
# Break it yourself. The figure shows the pictures as a network takes them that expects the right numbers.

# %%
show(pipeline.draw("left out, 0 to 1")[0])

# %% tags=["volatile"]
from densekit.widgets.preprocessing import preprocessing_explorer

preprocessing_explorer(pipeline)

# %% [markdown]
# Try 144 pixels: larger pictures, more detail, and fewer right answers, since every object is now larger than those that the
# head knows. And find out which faults add up.

# %% [markdown]
# ## What to keep
#
# - Features are a **hierarchy**: early ones general, late ones specific. You have measured both.
# - To transfer is to keep features that are expensive to learn. With few pictures this matters more than anything else.
# - An accuracy needs a **chance level**, **several seeds** and an **interval** beside it.
# - The preprocessing belongs to the weights, and eval mode to a frozen network. Neither mistake raises an error.
#
# **Three questions.** (1) Two pictures a class gave intervals that were several times as wide as fifty did. Why? (2) Somebody
# freezes all parameters, trains a head in train mode, and finds that the frozen network is not the same afterwards. What
# happened? (3) Your pictures are X-rays, two thousand of them. Which cell of the grid is that, and what would you measure first?
#
# **Next**: notebook 02 asks why it is a DenseNet that we take.

# %% tags=["result"]
from densekit.course.results import record_result

record_result(two_a_class=round(float(pretrained[0]), 2), random_fifty_a_class=round(float(random[-1]), 2))
