# ---
# jupyter:
#   densekit:
#     compared_at_least: 34
#     ignored_at_most: 11
# ---

# %% [markdown]
# # What transfers, and why
#
# In notebook 00, a network that had seen none of our pictures told them apart after seconds of training. The engineers whose
# project this course follows asked: *why would weights that were learned on other data beat my own training?* This
# notebook answers by measuring.
#
# **You will be able to**
# - compare two ways fairly: over several seeds, with intervals, against chance,
# - say what early and late layers of a network respond to, and measure it,
# - name the three ways to use a network that others trained, and freeze it accordingly,
# - recognise the silent mistakes between a picture and a network.
#
# **You need** notebook 00. **Time**: 110 minutes, of which the machine needs about one. **Difficulty**: medium.

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
# ## One question, measured

# %%
from densekit.plots import show, you_are_here

show(you_are_here("features", "embedding"))

# %% [markdown]
# These are our pictures, and beside them some letters, which come in later. Five of the ten classes of each, one picture
# a class:

# %%
from densekit import densenet121, open_folder, sample_folder
from densekit.data.letters import LETTERS, letter_pictures
from densekit.data.loading import open_image
from densekit.plots import image_grid

folder = open_folder(sample_folder("tabletop"))
objects = [open_image(next(s.path for s in folder.train if s.label == label)) for label in range(5)]
alphabet = LETTERS[:10]
names = [*folder.classes[:5], *alphabet[:5]]
show(
    image_grid(
        [*objects, *letter_pictures(alphabet[:5], of_each=1)], names, title="Five objects, five letters"
    )
)

# %% [markdown]
# Take two networks of the same build. One has **pretrained** weights: somebody has trained it, on other pictures than ours.
# The other has **random** weights, as before any training. Both turn our pictures into features. On which features does a
# head learn better, and how much better?

# %%
networks = {
    "pretrained": densenet121(weights=weights, num_classes=0).eval(),
    "random": densenet121(weights="none", num_classes=0).eval(),
}
for name, network in networks.items():
    print(f"{name:11}{sum(parameter.numel() for parameter in network.parameters()):,} parameters")

# %% tags=["volatile"]
from time import perf_counter

from densekit import extract_features

preprocessing = networks["pretrained"].preprocessing.with_size(image_size)
began = perf_counter()
features = {
    name: [extract_features(network, samples, preprocessing) for samples in (folder.train, folder.val)]
    for name, network in networks.items()
}
print(f"two networks, {len(folder.train) + len(folder.val)} pictures each: {perf_counter() - began:.1f} s")

# %% [markdown]
# The head is a **logistic regression** this time: the same linear layer as in notebook 00, trained to its end by a solver
# that needs no learning rate. So nobody can say that we chose a bad one for the random network. One setting is left, `C`: a
# small one keeps the weights of the head small. Both networks get the same; put 1 in its place, and see whether the order
# changes. The head learns from few pictures, and is measured on 200 validation pictures.

# %%
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from densekit.threads import one_thread


def trained_head(inputs: np.ndarray, labels: np.ndarray):
    """A logistic regression on features of mean 0 and standard deviation 1."""
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))  # small weights
    with one_thread():  # a second thread would wait longer than it works
        return head.fit(inputs, labels)


# %% [markdown]
# ### Exercise 1: as many of each (10 min, medium)
# Which pictures are chosen matters, most of all when they are few. Write a function that chooses `count` pictures of each
# class, and others for another seed. It gets an array of class numbers, and returns positions in it: an array or a list.


# %%
from densekit.exercises import what_transfers as check


def some_of_each(labels, count: int, seed: int):
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == each))[:count] for each in np.unique(labels)]
    )
    ### END SOLUTION


check.exercise_1(some_of_each)

# %% [markdown]
# The kit has this function, too: `densekit.data.splits.some_of_each`. We go on with that one.

# %%
from densekit.data import splits


def accuracy(train, val, count: int, seed: int) -> float:
    chosen = splits.some_of_each(train.labels.numpy(), count, seed)
    head = trained_head(train.inputs.numpy()[chosen], train.labels.numpy()[chosen])
    return head.score(val.inputs.numpy(), val.labels.numpy())


# %% [markdown]
# Now three guesses, in percent of pictures right. There are ten classes. What does the head reach with *random* features and 50
# pictures of each class? With *pretrained* features and 50? And with pretrained features and **two**?

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
random_50, pretrained_50, pretrained_2 = 45, 95, 70
### END SOLUTION
guess("random features, 50 pictures a class", random_50, unit="%")
guess("pretrained features, 50 pictures a class", pretrained_50, unit="%")
guess("pretrained features, 2 pictures a class", pretrained_2, unit="%")

# %%
counts = [2, 5, 10, 20, 50]
measured = {
    name: [[accuracy(*both, count, seed) for count in counts] for seed in range(seeds)]
    for name, both in features.items()
}

# %% [markdown]
# The answer, for all five counts. The bars are 95 % intervals over the seeds, and the dotted line is chance. Look at the left
# end of one line and at the right end of the other.

# %% tags=["nbval-ignore-output"]
from densekit.plots import accuracy_lines

pretrained, random = (np.mean(measured[name], axis=0) for name in ("pretrained", "random"))
reveal("random features, 50 pictures a class", round(100 * random[-1]), close=0.2)
reveal("pretrained features, 50 pictures a class", round(100 * pretrained[-1]), close=0.2)
with reveal("pretrained features, 2 pictures a class", round(100 * pretrained[0]), close=0.3):
    title = "The same head on two kinds of features"
    panel = {"tabletop": measured}
    show(accuracy_lines(panel, counts, {"tabletop": 0.1}, "training pictures of each class", title))

# %%
with reveal("pretrained features, 2 pictures a class", round(100 * pretrained[0]), quiet=True):
    better = [count for count, p, r in zip(counts, pretrained, random) if p > r + 0.15]
    print("pretrained features are better with", better)
    print("random features beat chance with 50 a class:", bool(random[-1] > 0.1 + 0.1))
    print("two a class pretrained beat fifty a class random:", bool(pretrained[0] > random[-1]))

# %% [markdown]
# This is half of an answer to the engineers: learned features beat features that nobody has learned, by far. Somebody has paid
# for them already. Another network, the *teacher*, learned from a million labelled photographs (ImageNet). Ours learned to see
# what the teacher sees, on thousands of other pictures, cut into tens of thousands of crops. That those were other pictures
# matters little as long as their edges, textures and parts are of use to us.

# %% [markdown]
# The other half: random *features* are not training from scratch, which would improve them. Notebook 07 runs that race. And to be
# fair, the random line does rise: even a random network keeps colours and coarse shapes apart.

# %% [markdown]
# ### Exercise 2: a classifier with closed eyes (4 min, easy)
# What is an accuracy worth? Less than it seems, if it could be had without looking. Write a function that takes a list of
# labels, which may be numbers or words, and returns the accuracy of always naming the commonest one, as a number between 0 and 1.


# %%
def closed_eyes(labels) -> float:
    ### BEGIN SOLUTION
    labels = list(labels)
    return max(labels.count(label) for label in labels) / len(labels)
    ### END SOLUTION


check.exercise_2(closed_eyes)

# %% [markdown]
# ### Exercise 3: give or take (6 min, medium)
# Five seeds give five accuracies. Their mean is worth as much as its interval. Half of the 95 % interval is $t \cdot s /
# \sqrt{n}$: $s$ is the standard deviation of the sample (which divides by $n - 1$), $n$ the number of seeds, and $t$ comes from
# Student's table: 2.776 for five. Write it.


# %%
def half_interval(values, t: float) -> float:
    ### BEGIN SOLUTION
    return t * np.std(values, ddof=1) / len(values) ** 0.5
    ### END SOLUTION


check.exercise_3(half_interval)

# %% [markdown]
# With such intervals, the same numbers as a table. Look at the row of the pretrained features: two pictures a class give an
# interval that is much wider than that of fifty. With so few, it matters a lot *which* two. (Fifty of the sixty that there are, on
# the other hand, are nearly the same fifty each time. And random features are so little better than guessing with two that there
# is not much to vary.)
#
# An interval tells of what was varied, and of nothing else: here, of which pictures are learned from. All seeds share 200
# validation pictures, and with other ones an accuracy of 96 % would move by about 3 points.

# %% tags=["nbval-ignore-output"]
from densekit import intervals  # the same formula, which finds t for any number of seeds

with reveal("pretrained features, 2 pictures a class", round(100 * pretrained[0]), quiet=True):
    for name, table in measured.items():
        cells = [
            f"{np.mean(column):.0%} ± {100 * intervals.half_interval(list(column)):.0f}"
            for column in zip(*table)
        ]
        print(f"{name:11}", "   ".join(f"{count}: {cell}" for count, cell in zip(counts, cells)))

# %% [markdown]
# ## What do the features see?

# %%
show(you_are_here("stem", way="network"))

# %% [markdown]
# A network begins with **filters**: small squares of weights. Laid on a picture, each weight is multiplied with the pixel below
# it, and the sum of the products is one number: how well the picture suits the filter there. Moved over the whole picture, the
# filter gives a number for each position, its **map**. That is a **convolution**. By hand, on a picture that is dark on the left
# and bright on the right:

# %%
import torch
from torch.nn import functional as F

pixels = torch.tensor([[0.0, 0, 0, 1, 1, 1]] * 6)
edge = torch.tensor([[-1.0, 0, 1]] * 3)  # large where the right is brighter than the left

by_hand = torch.tensor([[(pixels[y : y + 3, x : x + 3] * edge).sum() for x in range(4)] for y in range(4)])
by_torch = F.conv2d(pixels[None, None], edge[None, None])  # (1, 1, 6, 6) and (1, 1, 3, 3) to (1, 1, 4, 4)
print("each row of its map:", by_hand[0].tolist())
print("torch gives the same:", torch.equal(by_torch[0, 0], by_hand))

# %% [markdown]
# The map is 0 where all is alike, and 3 where the edge is. Three more steps follow a convolution in our networks. A **norm**
# brings each map to one scale (more on it below). A **ReLU** puts 0 in the place of each negative number. A **pool** keeps
# one number of several neighbours, their largest or their mean, so that the map gets smaller.

# %%
opposite = F.conv2d(pixels[None, None], -edge[None, None])  # large where the *left* is brighter
print("a filter for the opposite edge:", opposite[0, 0, 0].tolist())
print("after a ReLU:                  ", F.relu(opposite)[0, 0, 0].tolist())
print("the first map, pooled by 2 × 2:", F.max_pool2d(by_torch, 2)[0, 0].tolist())

# %% [markdown]
# After the ReLU the second filter has nothing to say about this picture. A layer has many filters, and each has weights for
# everything that enters the layer: for the three colours at first, later on for all maps of the layer before. What these weights
# are is learned.
#
# Let us look into the networks, from the picture on. Here are 24 filters of each first convolution: those whose neighbouring
# weights are most alike. Which half has learned, A or B?


# %%
from densekit.plots import filter_grid


def alikeness(filters: torch.Tensor) -> torch.Tensor:
    """The correlation of neighbouring weights, for each filter: 0 for noise, near 1 for smooth blobs."""
    centred = filters - filters.mean(dim=(2, 3), keepdim=True)  # (N, 3, 7, 7)
    down = (centred[:, :, 1:] * centred[:, :, :-1]).mean(dim=(1, 2, 3))
    right = (centred[..., 1:] * centred[..., :-1]).mean(dim=(1, 2, 3))
    return (down + right) / 2 / centred.square().mean(dim=(1, 2, 3))


# %%
filters = {name: network.features.conv0.weight.detach() for name, network in networks.items()}
smooth = {name: each[alikeness(each).argsort(descending=True)[:24]] for name, each in filters.items()}
show(filter_grid({"A": smooth["random"], "B": smooth["pretrained"]}, "Filters of two first convolutions"))

# %% [markdown]
# Decide, and type `"A"` or `"B"`.

# %%
### BEGIN SOLUTION
my_guess = "B"
### END SOLUTION
guess("the half that has learned", my_guess)

# %%
means = {name: alikeness(each).mean().item() for name, each in filters.items()}
with reveal("the half that has learned", "B" if means["pretrained"] > means["random"] else "A"):
    print(
        "neighbours are more alike in the pretrained filters:", means["pretrained"] > means["random"] + 0.02
    )

# %% [markdown]
# No doubt is left: edges at all angles, stripes, and colours against their opposites. In many networks that learned from
# pictures of the world, the first layers came to look like this. These did not have to find them: they began as the **independent
# components** of small patches, the patterns that photographs are mixed from, and those are edges too (Bell and Sejnowski, *The
# "independent components" of natural scenes are edge filters*, 1997). Training has kept them. What a filter is good for shows in
# what it makes of a picture.

# %% [markdown]
# ## One picture at five depths

# %%
show(you_are_here("stem", "block 1", "block 2", "block 3", "block 4", way="network"))

# %% [markdown]
# We follow one picture through the pretrained network, and keep what five stages on the way put out. The first comes after
# the first convolution, its norm, its ReLU and its pool. The others are blocks. A block hands on the maps that it was given and
# appends its own (notebook 02 tells why); we keep its own.

# %%
DEPTHS = {"pool0": "stem"} | {f"denseblock{number}": f"block {number}" for number in (1, 2, 3, 4)}


@torch.no_grad()
def maps_by_depth(network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """The maps that each of the five stages makes, (N, C, H, W)."""
    x, kept = images, {}
    for name, stage in network.features.named_children():
        handed_on = x.shape[1] if name.startswith("denseblock") else 0
        x = stage(x)
        if name in DEPTHS:
            kept[DEPTHS[name]] = x[:, handed_on:]
    return kept


# %% [markdown]
# The picture enters with 96 × 96 pixels. How many spatial positions do the maps of block 4 have from left to
# right? (In notebook 00, 128 pixels became 4 positions.)

# %%
### BEGIN SOLUTION
my_guess = 3
### END SOLUTION
guess("positions from left to right at the end", my_guess)

# %%
picture = open_image(folder.val[3].path)
maps = maps_by_depth(networks["pretrained"], preprocessing(picture)[None])
with reveal("positions from left to right at the end", maps["block 4"].shape[-1]):
    for depth, each in maps.items():
        print(f"{depth:9}", tuple(each.shape[1:]))

# %% [markdown]
# Six maps of each depth, those that differ most from place to place. Look from top to bottom: at which depth can you still trace
# the outline of the object, and where does a map only say *here* or *not here*? (Bright stripes at the border are no part of the
# picture: there the convolution reads zeros that stand around it.)

# %%
from densekit.plots import feature_map_ladder

show(
    feature_map_ladder(
        picture, {depth: each[0] for depth, each in maps.items()}, "One picture at five depths"
    )
)

# %% [markdown]
# The first maps are edges and patches of colour, and any picture of anything has those. The last maps are a few squares in which
# something was found or not. Textbooks say: early features are **general**, late ones are **specific**. Is that so? Both words
# can be measured.

# %% [markdown]
# ## Specific: does a channel care for a class?
#
# Take one channel, and the ten pictures on which it is strongest. If they are a mix of everything, the channel cares for
# something that all classes have. If most of them show one class, it cares for that class.

# %% [markdown]
# ### Exercise 4: where a channel is strongest (6 min, medium)
# `strengths` is an array, (N, C): how strong each of C channels is on each of N pictures. Write a function that returns the numbers
# of the `count` pictures on which each channel is strongest, in any order: (count, C).


# %%
def strongest(strengths: np.ndarray, count: int):
    ### BEGIN SOLUTION
    return np.argsort(-strengths, axis=0)[:count]
    ### END SOLUTION


check.exercise_4(strongest)

# %% [markdown]
# How strong is a channel on a picture? We take the mean of its map, over all positions. Both networks look at 25 pictures of
# each class.


# %%
def means_by_depth(network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """The mean of each map, (N, C), at each depth."""
    parts = [maps_by_depth(network, part) for part in images.split(25)]
    return {depth: torch.cat([part[depth].mean(dim=(2, 3)) for part in parts]) for depth in DEPTHS.values()}


# %%
from densekit.data.loading import load_images

chosen = [folder.train[index] for index in splits.some_of_each([s.label for s in folder.train], 25, seed=0)]
batches = list(load_images(chosen, preprocessing))
images = torch.cat([batch.images for batch in batches])
labels = torch.cat([batch.labels for batch in batches]).numpy()
tabletop = {name: means_by_depth(network, images) for name, network in networks.items()}
print(len(images), "pictures;", tuple(tabletop["pretrained"]["block 4"].shape), "numbers at the end")


# %%
def mean_purity(strengths: np.ndarray) -> float:
    """The share of the commonest class among a channel's ten strongest pictures, on average over the channels."""
    ten = labels[np.argsort(-strengths, axis=0)[:10]]  # (10, C)
    return float(np.mean([np.bincount(column).max() / 10 for column in ten.T]))


purities = {
    name: [mean_purity(each.numpy()) for each in depths.values()] for name, depths in tabletop.items()
}
noise = mean_purity(np.random.default_rng(0).normal(size=(len(labels), 2000)))

# %% [markdown]
# In which network does the share rise towards the end: `"pretrained"`, `"random"`, or `"both"`?

# %%
### BEGIN SOLUTION
my_guess = "pretrained"
### END SOLUTION
guess("where the share rises", my_guess)

# %% tags=["nbval-ignore-output"]
depths = list(DEPTHS.values())
rising = [name for name, each in purities.items() if each[-1] - each[0] > 0.1]
with reveal("where the share rises", " and ".join(rising)):
    panel = {"250 tabletop pictures": {name: [each] for name, each in purities.items()}}
    chance = {"250 tabletop pictures": noise}
    title, ylabel = "Ten strongest pictures of a channel", "share of the commonest class, %"
    show(accuracy_lines(panel, depths, chance, "depth", title, ylabel=ylabel))

# %% [markdown]
# The dotted line is what channels of pure noise would get: even ten pictures drawn at random share a class a little. Where
# channels have learned, they care more and more for classes, and for *our* classes, although no picture and no label of ours was used. (Some,
# such as teapot and vase, are also classes of the teacher.) So late channels answer to what tells objects apart, and early ones much
# less. Nobody put that there; it came from learning. Whether it makes them of use for few tasks is
# the next question, after a look at how we measure.

# %% [markdown]
# ## A trap in this measurement
#
# Why did we look after the first ReLU, and not at the first convolution itself? The convolution finds edges, but its *mean* over
# the map does not. Find out why before you trust any mean.

# %% [markdown]
# ### Exercise 5: the mean of a convolution (8 min, medium)
# A filter has the weights `weight`, (3, k, k). A picture has the mean colour `colour`, (3,). Compute the mean of the filter's map
# over all positions from these two alone. (Leave the border out of account.) Return one number.


# %%
def mean_of_map(weight: torch.Tensor, colour: torch.Tensor) -> float:
    ### BEGIN SOLUTION
    return float((weight.sum(dim=(1, 2)) * colour).sum())
    ### END SOLUTION


check.exercise_5(mean_of_map)

# %% [markdown]
# A sum of weights times the mean colour: no edge is left in it. On our pictures, with their borders, it is nearly so. How much of
# the variance of the 64 means do three numbers, the mean colour, explain? Before the ReLU, and after it and its pool:

# %%
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score


def explained(means: np.ndarray, colour: np.ndarray) -> float:
    """The share of the variance of all means that follows linearly from the mean colour."""
    with one_thread():
        fitted = LinearRegression().fit(colour, means).predict(colour)
    return r2_score(means, fitted, multioutput="variance_weighted")


network, colour = networks["pretrained"], images.mean(dim=(2, 3)).numpy()  # (250, 3)
with torch.no_grad():
    before_relu = network.features.conv0(images).mean(dim=(2, 3)).numpy()  # (250, 64)
after_relu = tabletop["pretrained"]["stem"].numpy()
before, after = explained(before_relu, colour), explained(after_relu, colour)
print("before the ReLU, more than 98 % explained by the colour:", before > 0.98)
print("after it, less than 90 %:", after < 0.9)

# %% tags=["nbval-ignore-output"]
print(f"before {before:.1%}, after {after:.0%}")

# %% [markdown]
# A ReLU is not linear: it keeps the strong answers and drops the negative ones, so its mean *can* say more than the colour. (What a
# block makes comes from convolutions, too. But those read maps that have gone through a ReLU, not pixels.) Ask of each measurement
# what else could explain it.

# %% [markdown]
# ## General: what serves the letters?

# %%
show(you_are_here("features", "head"))

# %% [markdown]
# A feature is general if it helps where nobody thought of it. The project's engineers supposed that lines and curves, learned
# elsewhere, would serve *letters*. Our weights come from photographs, drawings and symbols. Some writing was among them, but nobody
# ever asked which letter it was. So let us train heads on the means of each depth, with ten pictures of each class: for tabletop
# objects, and for ten letters.

# %%
letters = letter_pictures(alphabet, of_each=25)
letter_labels = np.repeat(np.arange(len(alphabet)), 25)
show(image_grid(letters[::25], list(alphabet), title="Ten Greek letters, drawn with fonts that differ"))

# %% [markdown]
# They differ in font, size, colours and tilt. Both networks look at them:

# %%
letter_images = torch.stack([preprocessing(picture) for picture in letters])
letter_means = {name: means_by_depth(network, letter_images) for name, network in networks.items()}
print(tuple(letter_images.shape))


# %%
def accuracy_by_depth(means, labels, seed: int) -> list[float]:
    """Ten pictures of each class to learn from, chosen by the seed; the others to measure on."""
    learn = splits.some_of_each(labels, 10, seed)
    measure = np.setdiff1d(np.arange(len(labels)), learn)
    heads = [trained_head(each[learn].numpy(), labels[learn]) for each in means.values()]
    return [head.score(each[measure].numpy(), labels[measure]) for head, each in zip(heads, means.values())]


by_depth = {
    task: {
        name: [accuracy_by_depth(each, truth, seed) for seed in range(seeds)] for name, each in means.items()
    }
    for task, means, truth in (("tabletop", tabletop, labels), ("letters", letter_means, letter_labels))
}

# %% [markdown]
# Which depth of the pretrained network serves the letters best: `"stem"`, `"block 1"`, `"block 2"`, `"block 3"` or `"block 4"`?

# %%
### BEGIN SOLUTION
my_guess = "block 3"
### END SOLUTION
guess("the best depth for letters", my_guess)

# %% tags=["nbval-ignore-output"]
best = depths[int(np.mean(by_depth["letters"]["pretrained"], axis=0).argmax())]
with reveal("the best depth for letters", best):
    chances = {"tabletop": 0.1, "letters": 0.1}
    show(accuracy_lines(by_depth, depths, chances, "features of depth", "Ten pictures of each class"))

# %%
with reveal("the best depth for letters", best, quiet=True):
    for name, ways in by_depth.items():
        pretrained_by_depth, random_by_depth = (
            np.mean(ways[way], axis=0) for way in ("pretrained", "random")
        )
        print(
            f"{name:9} late pretrained features beat those of the stem:",
            bool(pretrained_by_depth[3:].max() > pretrained_by_depth[0] + 0.1),
        )
        print(
            f"{name:9} and random ones at every depth:", bool((pretrained_by_depth > random_by_depth).all())
        )

# %% [markdown]
# What was learned helps with the letters at every depth, although no letter ever had to be told from another. It transfers: that is
# what **general** means here. It helps most in the middle of the network, after the layers that find single edges and
# before the last ones. With these weights, what the last block makes of them is of clearly less use for letters, and of no more for our objects: it is the most
# **specific**. (Be fair to the stem: it gives 64 numbers and block 4 gives 512, and a mean forgets *where* a line was.) How far
# towards the end features are general differs from one set of weights to the next.

# %% [markdown]
# ## Three ways to use what was learned

# %%
show(you_are_here("block 4", "classifier", way="network"))

# %% [markdown]
# - **Fixed feature extractor**: all that was learned stays as it is. The last layer is replaced by a new one with as many outputs
#   as we have classes, and only that is trained.
# - **Fine-tuning**: the network goes on learning, through all layers or from some layer on. Early layers that stay frozen leave
#   fewer parameters to learn, which also guards against overfitting.
# - **Pretrained models**: weights are shared, so the first and most expensive part is done once, by one.

# %% [markdown]
# If everything before dense block 4 is frozen, what percentage of the parameters is still trained?

# %%
### BEGIN SOLUTION
my_guess = 31
### END SOLUTION
guess("parameters still trained", my_guess, unit="%")

# %%
whole = densenet121(weights="none", num_classes=10)
trained_parts = [whole.features.denseblock4, whole.features.norm5, whole.classifier]
count = sum(p.numel() for part in trained_parts for p in part.parameters())
everything = sum(p.numel() for p in whole.parameters())
with reveal("parameters still trained", round(100 * count / everything)):
    in_head = sum(p.numel() for p in whole.classifier.parameters())
    print(f"{count:,} of {everything:,}; the head alone has {in_head:,}")

# %% [markdown]
# ### Exercise 6: freeze up to here (10 min, medium)
# Write `freeze_before(network, stage)`. Everything before the stage is frozen; the stage and everything after it are
# trained. A stage is the name of a part, such as `denseblock4` or `classifier`, or `all`. The parts come in order.


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


check.exercise_6(freeze_before)

# %% [markdown]
# So the first two ways are one dial: where does the cut go? The third says where the weights come from. (One thing is still missing for a truly frozen network: its BatchNorms.
# You will meet them below.)

# %% [markdown]
# ## Four scenarios
#
# What to do with a pretrained network depends on two things, says a rule of thumb (from the course notes of Stanford's
# CS231n, *Transfer Learning*): how **large** your data set is, and how **similar** its pictures are to those that the network
# knows.
#
# ### Exercise 7: four scenarios (8 min, medium)
# Fill in the grid as the *rule* has it, whatever we have measured. Its reasons: few pictures overfit a large network; late
# features are taken for the more specific ones; and a good start saves time even where there are many pictures. In each cell stands
# one of `"head"` (train a head on the last features), `"earlier"` (train a head on features of an earlier depth), `"whole"`
# (fine-tune the whole network), `"scratch"` (begin with random weights). One of the four is not used, and one is used twice.

# %%
### BEGIN SOLUTION
plan = {
    ("small", "similar"): "head",
    ("large", "similar"): "whole",
    ("small", "different"): "earlier",
    ("large", "different"): "whole",
}
### STARTER
# plan = {
#     ("small", "similar"): ...,
#     ("large", "similar"): ...,
#     ("small", "different"): ...,
#     ("large", "different"): ...,
# }
### END SOLUTION
check.exercise_7(plan)

# %% [markdown]
# Once your plan passes, here it is as a grid:

# %%
from densekit.plots import scenario_grid

passed = check.exercise_7.judge(plan).state == "passed"
show(scenario_grid(plan if passed else {}, "What I would do"))

# %% [markdown]
# Is the rule true? One cell we have just measured: a small data set, and different pictures, the letters. The rule says to take
# *earlier* features there. The last features are the embedding, the 1024 numbers that a head usually gets. Are those of block 3 better for
# letters? Measured as before, and compared seed by seed:

# %%
from densekit.intervals import half_interval

with torch.no_grad():
    embeddings = torch.cat([networks["pretrained"](part) for part in letter_images.split(25)])  # (250, 1024)
both = {"block 3": letter_means["pretrained"]["block 3"], "embedding": embeddings}
by_seed = np.array([accuracy_by_depth(both, letter_labels, seed) for seed in range(seeds)])  # (seeds, 2)
gains = 100 * (by_seed[:, 0] - by_seed[:, 1])
print("earlier features are better for letters:", bool(gains.mean() > 0))

# %% tags=["nbval-ignore-output"]
print(f"block 3 {by_seed[:, 0].mean():.1%}, embedding {by_seed[:, 1].mean():.1%}")
print(f"gain: {gains.mean():+.1f} points, ± {half_interval(gains):.1f} over {seeds} seeds")

# %% [markdown]
# So here the rule holds of block 3, and the right panel of the depths says the same of block 2. But it shows how far the rule goes,
# too: the stem and block 1 are far worse.
# A rule of thumb is a place to begin, not a result. To know your own cell, measure it as we did: a few lines, a few seeds, intervals.

# %% [markdown]
# ## Between the picture and the network

# %%
show(you_are_here("pixels"))

# %% [markdown]
# So far everything was prepared as the weights ask for it. A head that is right about nineteen pictures in twenty can be brought to
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
# ### Exercise 8: which pipeline is wrong? (6 min, medium)
# All three run, and give tensors of the right shape. One of them is not what the network was trained on: `"a"`, `"b"` or `"c"`?
# Find out in a cell of your own: `preprocessing(picture)` is right by definition.

# %%
### BEGIN SOLUTION
wrong = "b"
### END SOLUTION
check.exercise_8(wrong)

# %% [markdown]
# ### Exercise 9: my answer depends on my neighbours (8 min, medium)
# This function extracts features, and shows two symptoms that you can't see in one picture: the features of a picture change
# with the others in its batch, and the network changes while it is only read. Both have one cause. Repair it.


# %%
def embed(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    ### BEGIN SOLUTION
    network.eval()
    with torch.no_grad():
        return network(images)
    ### STARTER
    # return network(images)
    ### END SOLUTION


check.exercise_9(embed)

# %% [markdown]
# Why? A BatchNorm in train mode scales by the mean and standard deviation *of the batch*, and notes them in its **buffers**. In
# eval mode it uses what it noted in training. Freezing with `requires_grad_(False)` alone does not stop it: buffers are not
# parameters.
#
# What does each fault cost? The head stays as it is, and its pictures take a wrong way to it:

# %%
from densekit.widgets.preprocessing import Pipeline

train, _ = features["pretrained"]
full = trained_head(train.inputs.numpy(), train.labels.numpy())


def predict(embeddings: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(full.predict(embeddings.numpy()))


hundred = folder.val[::2]  # every second one, in the order of the classes
pipeline = Pipeline(networks["pretrained"], predict, hundred, image_size)
faults = {
    "correct": {},
    "0 to 1": {"normalisation": "left out, 0 to 1"},
    "0 to 255": {"normalisation": "left out, 0 to 255"},
    "size": {"size": 32},  # a third of what the head was trained with
    "train mode": {"eval_mode": False},
    "swapped": {"swapped": True},  # red and blue
}

# %% [markdown]
# One of these five faults hardly matters on *our* pictures. Which one? Answer `"0 to 1"`,
# `"0 to 255"`, `"size"`, `"train mode"` or `"swapped"`.

# %%
### BEGIN SOLUTION
my_guess = "swapped"
### END SOLUTION
guess("the fault that hardly matters here", my_guess)

# %% tags=["nbval-ignore-output"]
results = {name: pipeline.measure(**way) for name, way in faults.items()}
right = {name: result[0] for name, result in results.items()}
harmless = max(list(faults)[1:], key=right.get)  # of the faults, the one that leaves most right
with reveal("the fault that hardly matters here", harmless):
    for name, (share, changed) in results.items():
        print(f"{name:12}{share:6.0%} right, {changed} buffers changed")

# %%
with reveal("the fault that hardly matters here", harmless, quiet=True):
    print("as it should be, above 80 %:", right["correct"] > 0.8)
    print(
        "within 5 points of it: ",
        [name for name in list(faults)[1:] if right[name] > right["correct"] - 0.05],
    )
    print("at half or less of it: ", [name for name in faults if right[name] < right["correct"] / 2])
    print("buffers changed:       ", [name for name, result in results.items() if result[1]])

# %% [markdown]
# There is no error and no warning: only worse answers. On ripe and unripe fruit, to swap red and blue would be a disaster.
#
# And why does train mode do so much harm? The pictures come sorted by class, as a folder hands them over: each batch looks alike,
# and perhaps the normalisation takes away just what its pictures have in common. If that is the cause, the same pictures in a mixed
# order will suffer less:

# %% tags=["nbval-ignore-output"]
mixed = [hundred[index] for index in np.random.default_rng(0).permutation(len(hundred))]
in_mixed_order, _ = Pipeline(networks["pretrained"], predict, mixed, image_size).measure(eval_mode=False)
print(f"train mode, sorted: {right['train mode']:.0%} right, mixed: {in_mixed_order:.0%}")

# %%
print("a mixed order does less harm:", in_mixed_order > right["train mode"] + 0.1)

# %% [markdown]
# So it is a part of the cause, and not all of it: in any order, the twenty pictures of a batch are another sample than all that the
# network was trained with.
#
# Break it yourself. The figure shows the pictures as they look to a network that expects normalised numbers.

# %%
show(pipeline.draw("left out, 0 to 1")[0])

# %% [markdown]
# Without normalisation the pictures look pale to the network: all its values lie close together. With the controls below you find
# out which faults add up. Try 144 pixels, too: every object is then larger than those that the head knows.

# %% tags=["volatile"]
from densekit.widgets.preprocessing import preprocessing_explorer

preprocessing_explorer(pipeline)

# %% [markdown]
# ## What to keep
#
# - To transfer is to keep features that are expensive to learn. With few pictures this matters more than anything else.
# - Features are a **hierarchy**: from edges to objects. What is general shows in what transfers, and can be measured.
# - An accuracy needs a **chance level**, **several seeds** and an **interval** beside it, and a measurement a second look at what
#   it measures.
# - The preprocessing belongs to the weights, and eval mode to a frozen network. Neither mistake raises an error.
#
# | English | 한국어 | here |
# |---|---|---|
# | transfer learning | 전이학습 | to use for one task the weights that were trained for another |
# | little data, better than from scratch, saves time | 적은 데이터셋, 처음부터 쌓은 모델보다 성능이 뛰어나다, 시간이 절약된다 | its three traits |
# | convolution, filter, pool | 합성곱, 필터 (커널), 풀링 | a small square of weights that is moved over a picture; its weights; to keep one of several neighbours |
# | hierarchical features | 계층적인 특징 | each layer builds on what the one before it found |
# | low level layer, high level layer | 하위 계층, 상위 계층 | near the picture, near the answer |
# | general, specific | 일반적인, 특화된 | useful for many tasks, or for few |
# | fixed feature extractor | 고정 기능 추출기 (고정 특징 추출기) | the network stays as it is, a new head is trained |
# | fine-tuning | 미세조정 (파인튜닝) | the network goes on learning, on the new pictures |
# | pretrained model | 사전 학습된 모델 | a network with weights that somebody has trained |
# | overfitting, similarity | 과적합, 유사도 | right about the training pictures alone; how like the old pictures the new ones are |
#
# **Three questions.** (1) Pretrained features of two pictures a class gave an interval several times as wide as that of fifty. Name two reasons. (2) Somebody
# freezes all parameters, trains a head in train mode, and finds that the frozen network is not the same afterwards. What
# happened? (3) Your pictures are X-rays, two thousand of them. Which cell of the grid is that, and what would you measure first?
#
# **Next**: notebook 02 asks why it is a DenseNet that we take.

# %%
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

record_result(two_a_class=round(float(pretrained[0]), 2), random_fifty_a_class=round(float(random[-1]), 2))
