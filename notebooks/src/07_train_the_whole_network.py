# ---
# jupyter:
#   densekit:
#     compared_at_least: 24
#     ignored_at_most: 18
# ---

# %% [markdown]
# # Train the whole network
#
# A head learns in seconds, and all before it stays as it is. Now everything learns: seven million weights, from a hundred
# pictures. Done well, this gains something. Done badly, it wrecks in a minute what took hours to learn.
#
# **You will be able to**
# - write the two phases of an epoch and a step with momentum, and keep the best weights,
# - see when a learning rate is too high, and find one that suits,
# - measure what pretrained weights are worth, and how far each block moves from them,
# - choose how much of a network to train, and in which order,
# - tell overfitting when you see it, and judge what you have chosen once, by pictures that nothing was chosen by.
#
# **You need** notebooks 00 and 06. **Time**: 130 minutes, of which the machine needs about one. **Difficulty**: medium.

# %% tags=["parameters"]
weights: str = "embedded"  # what training begins with
image_size: int = 64  # pixels of a side; small, so that it takes seconds
a_class: int = 10  # pictures of each class, to learn from and to judge by
epochs: int = 2  # of the trainings in this notebook; the large experiment trains ten
seed: int = 0  # of the head, the choice of pictures, and their order
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
# | phase (train, val) | 단계 (학습, 검증) | learning, or judging, within an epoch |
# | stochastic gradient descent, momentum | 확률적 경사 하강법, 모멘텀 | a step against the gradient that goes on in the old direction |
# | learning rate schedule, step size | 학습률 스케줄, 스텝 크기 | when the rate falls, and how often |
# | fine-tuning | 미세조정 (파인튜닝) | training goes on from weights that somebody has trained |
# | training from scratch | 처음부터 학습 | from random weights |
# | overfitting, test data | 과적합, 테스트 데이터 | right about what was learned from alone; what judges once |
# | catastrophic forgetting | 파국적 망각 | new steps destroy what was learned before |
#
# ## Two phases

# %%
from densekit.plots import show, you_are_here

show(you_are_here("features", "head"))

# %% [markdown]
# The project's second trainer trains both marked parts, features and head. Here are ten pictures of each class
# to learn from, ten others to judge by, and a network with a fresh head.

# %%
import torch

from densekit import densenet121, open_folder, sample_folder
from densekit.data.loading import load_images
from densekit.data.splits import some_of_each


def fresh_network(weights: str = weights):
    torch.manual_seed(seed)  # which gives the fresh head its first weights
    return densenet121(weights=weights, num_classes=10)


preprocessing = fresh_network().preprocessing.with_size(image_size)


def pictures(samples):
    """Images, (N, 3, S, S), and labels, (N,), of as many pictures of each class."""
    chosen = some_of_each([sample.label for sample in samples], a_class, seed)
    batches = list(load_images([samples[index] for index in chosen], preprocessing))
    return torch.cat([batch.images for batch in batches]), torch.cat([batch.labels for batch in batches])


folder = open_folder(sample_folder("tabletop"))
train, val = pictures(folder.train), pictures(folder.val)
print(tuple(train[0].shape), tuple(val[0].shape))

# %% [markdown]
# Each epoch has two phases. In the phase `train` the network learns: training mode, gradients, a step for each batch. In the
# phase `val` it is judged: evaluation mode, no gradients, no step.
#
# ### Exercise 1: one phase (12 min, medium)
# Write one phase over one batch. With an optimizer it learns; with `None` it judges, and must change nothing. It returns the
# share of the pictures that were right, from 0 to 1 (before the step, if there is one). The loss is the cross-entropy.

# %%
from torch.nn import functional as F

from densekit.exercises import train_the_whole_network as check


def one_phase(network, images, labels, optimizer) -> float:
    learning = optimizer is not None
    ### BEGIN SOLUTION
    network.train(learning)
    with torch.set_grad_enabled(learning):
        logits = network(images)
        loss = F.cross_entropy(logits, labels)
    if learning:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (logits.argmax(dim=1) == labels).float().mean().item()
    ### END SOLUTION


check.exercise_1(one_phase)

# %% [markdown]
# Validation accuracy goes up and down, and the last epoch is seldom the best one. So the trainer keeps the weights of the best
# epoch, and puts them back at the end.
#
# ### Exercise 2: the best weights, not the last (8 min, medium)
# Write `remember(network)`. It returns a dictionary for `load_state_dict`, and the network may learn on: what was returned stays
# as it was.


# %%
def remember(network) -> dict:
    ### BEGIN SOLUTION
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
    ### END SOLUTION


check.exercise_2(remember)

# %% [markdown]
# The optimiser is SGD with **momentum**: each step goes on in the direction of the earlier ones. A **velocity** *v*, 0 at first,
# keeps 0.9 of itself and takes in the gradient *g*, and the weight *w* goes against it, at the rate *r*:
#
#     v  ←  0.9 · v  +  g
#     w  ←  w − r · v
#
# ### Exercise 3: momentum by hand (8 min, medium)
# Write one step. It returns the new weight and the new velocity. The check compares six steps with those of `torch.optim.SGD`,
# in float64, while the rate falls.


# %%
def momentum_step(weight, gradient, velocity, rate: float, momentum: float):
    ### BEGIN SOLUTION
    velocity = momentum * velocity + gradient
    return weight - rate * velocity, velocity
    ### END SOLUTION


check.exercise_3(momentum_step)

# %% [markdown]
# Where the gradient points another way in each batch, its parts cancel in the velocity. Where it stays the same, they add up.
# Say that it is 1 in a hundred steps: how many times as far does the last one go as without momentum?

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = 10
### END SOLUTION
guess("how far the hundredth step goes", my_guess, unit="×")

# %%
weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
optimizer = torch.optim.SGD([weight], lr=0.02, momentum=0.9)
for _ in range(100):
    before = weight.item()
    weight.grad = torch.ones(1, dtype=torch.float64)
    optimizer.step()
times = abs(weight.item() - before) / 0.02
with reveal("how far the hundredth step goes", round(times, 2)):
    print(f"the hundredth step goes {times:.2f} times as far as the rate")

# %% [markdown]
# 1 + 0.9 + 0.9² + … adds up to 1 / (1 − 0.9). So a rate of 0.02 with momentum reaches as far as one of 0.2 without, and a rate that
# suits without it is too high with it. The rate falls in steps, as in notebook 06: torch calls this `StepLR`, and after every
# `step_size` epochs it is multiplied by `gamma`.
#
# Now the whole trainer in one cell. The order of the pictures comes from `shuffled`, a function of epoch and seed that the kit
# uses, too: so we can compare later.

# %%
import copy

from tqdm.auto import tqdm

from densekit.training.randomness import shuffled


def train_by_hand(network, highest=0.02, step_size=1, gamma=0.5, epochs=epochs, batch_size=16):
    optimizer = torch.optim.SGD(network.parameters(), lr=highest, momentum=0.9)
    falling = torch.optim.lr_scheduler.StepLR(optimizer, step_size, gamma)
    losses, accuracies, best = [], [], None
    for epoch in range(1, epochs + 1):
        for phase, (images, labels) in (("train", train), ("val", val)):
            learning = phase == "train"
            network.train(learning)
            right = 0
            order = shuffled(
                len(labels), batch_size, epoch, seed, least=2
            )  # a norm can't learn from one picture
            for chosen in tqdm(order, desc=f"epoch {epoch}, {phase}", leave=False):
                with torch.set_grad_enabled(learning):
                    logits = network(images[chosen])  # (16, 10)
                    loss = F.cross_entropy(logits, labels[chosen])
                if learning:
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                right += (logits.argmax(dim=1) == labels[chosen]).sum().item()
        falling.step()
        accuracies.append(right / len(labels))  # of the phase val, which comes last
        if accuracies[-1] == max(accuracies):
            best = copy.deepcopy(network.state_dict())
    network.load_state_dict(best)
    return losses, accuracies


# %% [markdown]
# Read it once more from top to bottom: three loops, over epochs, phases and batches, and four lines of learning. Before it runs: chance is 10 %. What will
# the validation accuracy be after the second epoch, in percent?

# %%
### BEGIN SOLUTION
my_guess = 45
### END SOLUTION
guess("accuracy after two epochs", my_guess, unit="%")

# %% tags=["volatile"]
by_hand = fresh_network()
losses, accuracies = train_by_hand(by_hand)

# %% [markdown]
# Each epoch took seven steps, of 16 pictures or fewer. What they have reached:

# %% tags=["nbval-ignore-output"]
with reveal("accuracy after two epochs", round(100 * accuracies[-1]), close=0.25):
    for epoch, accuracy in enumerate(accuracies, start=1):
        print(f"epoch {epoch}: {accuracy:.0%} of the validation pictures")

# %%
with reveal("accuracy after two epochs", round(100 * accuracies[-1]), quiet=True):
    print("steps:", len(losses), "   better than chance:", max(accuracies) > 0.2)

# %% [markdown]
# Compare with the head of notebook 00, which took ten epochs over more and larger pictures, and less time. The kit's `fit` is the
# same loop with more care. `Features` holds inputs with their labels, here pixels, and `behind(network, "all")` is the part of a
# network that is trained, here all of it. The same settings, the same network, the same order:

# %% tags=["volatile"]
from densekit import fit
from densekit.config import TrainingConfig
from densekit.features import Features
from densekit.model.cut import behind
from densekit.training.events import BatchDone, Validated

settings = TrainingConfig(
    optimizer="sgd", momentum=0.9, learning_rate=0.02, reduce_lr_every=1, reduce_lr_factor=0.5,
    epochs=epochs, batch_size=16, seed=seed,
)  # fmt: skip
by_kit = fresh_network()
events = list(fit(behind(by_kit, "all"), Features(*train), Features(*val), settings))

# %%
kit_losses = [event.loss for event in events if isinstance(event, BatchDone)]
kit_accuracies = [event.accuracy for event in events if isinstance(event, Validated)]
difference = max(abs(mine - theirs) for mine, theirs in zip(losses, kit_losses, strict=True))
print("losses: exact" if losses == kit_losses else f"losses: max |Δ| {difference:.0e}")
print("within 1e-4:", difference < 1e-4)
print("accuracies within a picture:", max(abs(a - b) for a, b in zip(accuracies, kit_accuracies)) < 0.011)

# %% [markdown]
# So there is no secret in `fit`. What it adds: it stops and resumes, tells what happens as **events**, and finds what is wrong
# before it costs an hour. In a terminal the same trainer is `densekit train --preset full`.
#
# One thing of the project's trainer is still missing. A validation of many pictures takes long, so that trainer reported on
# the way: after every `user_step` batches it told the accuracy so far, and wrote it down if it was above a floor of 0.7 and the best
# so far.
#
# ### Exercise 4: a check on the way (8 min, medium)
# `right` is a list with True or False for each validation picture. Return the list of the accuracies that are written down. A check
# comes after every `every` whole batches; what is left over at the end is told with the validation itself.


# %%
def checks(right: list, batch_size: int, every: int, floor: float) -> list:
    found, best = [], floor
    ### BEGIN SOLUTION
    for seen in range(every * batch_size, len(right) + 1, every * batch_size):
        accuracy = sum(right[:seen]) / seen  # of all pictures so far
        if accuracy > best:
            found.append(accuracy)
            best = accuracy
    ### STARTER
    # for seen in range(every * batch_size, len(right) + 1, every * batch_size):
    #     ...
    ### END SOLUTION
    return found


check.exercise_4(checks)

# %% [markdown]
# ## Too fast

# %%
show(you_are_here("block 1", "block 2", "block 3", "block 4", "classifier", way="network"))

# %% [markdown]
# The weights were good before we began. A step that is too long throws them away. Here is the same training with four rates,
# from 0.001 up. Which one of the four will be best after two epochs?

# %%
### BEGIN SOLUTION
my_guess = 0.01
### END SOLUTION
guess("the best of 0.001, 0.01, 0.1 and 0.3", my_guess)

# %% tags=["volatile"]
rates = [0.001, 0.01, 0.1, 0.3]
reached = [train_by_hand(fresh_network(), highest=rate, gamma=1.0)[1][-1] for rate in rates]

# %% [markdown]
# Four trainings, two epochs each. Look at both ends of the line:

# %% tags=["nbval-ignore-output"]
from densekit.plots import accuracy_lines

best_rate = max(zip(reached, rates))[1]
with reveal("the best of 0.001, 0.01, 0.1 and 0.3", best_rate):
    panel = {"validation pictures": {f"after {epochs} epochs": [reached]}}
    show(
        accuracy_lines(
            panel, rates, {"validation pictures": 0.1}, "learning rate", "The same training, four rates"
        )
    )

# %%
with reveal("the best of 0.001, 0.01, 0.1 and 0.3", best_rate, quiet=True):
    print("the highest rate is worse than the best by 15 points or more:", max(reached) - reached[-1] > 0.15)
    print("the lowest one, too:", max(reached) - reached[0] > 0.15)

# %% [markdown]
# At the right end the network has forgotten what it knew, and at the left end it has hardly begun. No error was raised at either
# end. Both look like *the pictures are too hard*. Whoever tries one rate only can't tell.
#
# ## Find a rate
#
# A cheaper way than four trainings is one short training whose rate grows with every step (Leslie Smith, *Cyclical learning
# rates*, 2017). Nothing happens at first; then the loss falls; then it explodes. The network itself is left as it is.

# %% tags=["volatile"]
from densekit.training.lr_finder import find_learning_rate

sweep = find_learning_rate(
    behind(fresh_network(), "all"), Features(*train), settings, lowest=1e-4, highest=3.0, steps=25
)

# %% [markdown]
# Look for three parts of the line: flat, falling, rising. (The rise may leave the panel.)

# %% tags=["nbval-ignore-output"]
from densekit.plots import learning_rate_sweep

show(learning_rate_sweep(sweep.rates, sweep.losses, sweep.smoothed, sweep.suggestion))

# %%
print("there is a suggestion:", sweep.suggestion is not None)
print("it is below 0.3:", sweep.suggestion is not None and sweep.suggestion < 0.3)

# %% [markdown]
# The suggestion is where the loss falls fastest, not the lowest point of the line: there one more step may be too far. And even so it
# is a bound rather than a rate to train with. A sweep spends one step on each rate, and says nothing of what many such steps in a
# row, with momentum, would do: hold it against the four trainings above. So begin with a third of it. With 25 steps it is rough; in a terminal,
# `densekit lr-find --data my_pictures --preset full` takes a hundred.
#
# ### Exercise 5: where the loss falls fastest (10 min, medium)
# Write your own finder. It gets the rates of a sweep, which grow by the same factor at each step, and the smoothed losses. It
# returns the rate at which the loss falls fastest (not yet a third of it).


# %%
import numpy as np


def steepest_rate(rates: list, losses: list) -> float:
    ### BEGIN SOLUTION
    return rates[int(np.diff(losses).argmin())]
    ### END SOLUTION


check.exercise_5(steepest_rate)

# %% [markdown]
# On the sweep above, up to its lowest loss, is your rate within a factor of four of the kit's?

# %%
end = int(np.argmin(sweep.smoothed)) + 1
mine = steepest_rate(sweep.rates[:end], sweep.smoothed[:end])
print("not yet" if not mine or not sweep.suggestion else 1 / 4 < mine / sweep.suggestion < 4)

# %% [markdown]
# ## What are the weights worth?
#
# Training from scratch is the same loop on a network with random weights. One small training says little, so this is the place
# for a large experiment: 20 pictures of each class, ten epochs, three seeds, and notebook 07b as a batch. It takes twenty minutes
# or more, so its results come with the course.

# %%
from densekit.course.measured import read_measured

experiment = read_measured("whole_network")
print(len(experiment), "trainings:", ", ".join(sorted(experiment["way"].unique())))
print("made by:", experiment.attrs["command"])
print("on:", experiment.attrs["machine"])

# %% [markdown]
# Draw the two curves that you expect, from random weights and from pretrained ones, on a piece of paper. Then say: what does
# training from random weights reach after ten epochs, in percent?

# %%
### BEGIN SOLUTION
my_guess = 30
### END SOLUTION
guess("from random weights, after ten epochs", my_guess, unit="%")

# %%
curves = {
    name: np.array(experiment[experiment["way"] == way]["curve"].tolist())  # (seeds, epochs)
    for name, way in (("pretrained", "all"), ("from random weights", "all, from random weights"))
}
scratch = curves["from random weights"][:, -1].mean()
with reveal("from random weights, after ten epochs", round(100 * scratch), close=0.25):
    points = range(1, curves["pretrained"].shape[1] + 1)
    show(
        accuracy_lines(
            {"tabletop": curves}, points, {"tabletop": 0.1}, "epochs", "The same network, two beginnings"
        )
    )

# %%
with reveal("from random weights, after ten epochs", round(100 * scratch), quiet=True):
    gap = curves["pretrained"][:, -1] - curves["from random weights"][:, -1]
    print("pretrained weights are ahead with every seed:", bool((gap > 0).all()))
    third, tenth = curves["pretrained"][:, 2], curves["from random weights"][:, -1]
    print(
        "three epochs from pretrained weights beat ten from random ones, with every seed:",
        (third > tenth).all(),
    )

# %% [markdown]
# Same network, same pictures, same loop: the lines differ only in where they begin. The lower one is still rising after ten epochs.
# That is what transfer saves: pictures and time. (Where an interval leaves the panel, as after the first epoch, the three seeds
# differ widely: so few steps depend on chance.)

# %% [markdown]
# ## How far did it go?
#
# Early features are edges and colours, late ones answer to objects. So does fine-tuning change the late ones most? We can ask the weights: how far is
# each block from where it began, in parts of its own length?
#
# ### Exercise 6: how far did a block move? (8 min, medium)
# `before` and `after` are dictionaries of parameters. Take those whose names begin with the prefix, as one long list of numbers.
# Return the length of the change, divided by the length before. (The length of a vector is the root of the sum of its squares.)


# %%
def moved(before: dict, after: dict, prefix: str) -> float:
    ### BEGIN SOLUTION
    keys = [key for key in before if key.startswith(prefix)]
    old = torch.cat([before[key].flatten() for key in keys])
    new = torch.cat([after[key].flatten() for key in keys])
    return ((new - old).norm() / old.norm()).item()
    ### END SOLUTION


check.exercise_6(moved)

# %% [markdown]
# Which of the five moved farthest in our first training: `"stem"`, `"block 1"`, `"block 2"`, `"block 3"` or `"block 4"`? (The
# classifier began with random numbers, so it doesn't count.)

# %%
### BEGIN SOLUTION
my_guess = "block 1"
### END SOLUTION
guess("the block that moved farthest", my_guess)

# %% tags=["nbval-ignore-output"]
from densekit.plots import stage_bars

STAGES = {"conv0": "stem"} | {f"denseblock{number}": f"block {number}" for number in (1, 2, 3, 4)}


def moved_by_stage(network) -> dict[str, float]:
    before, after = (dict(one.named_parameters()) for one in (fresh_network(), network))
    with torch.no_grad():
        lengths = {
            name: (
                sum((after[k] - before[k]).square().sum() for k in before if f".{stage}." in k),
                sum(before[k].square().sum() for k in before if f".{stage}." in k),
            )
            for stage, name in STAGES.items()
        }
    return {name: float((change / length).sqrt()) for name, (change, length) in lengths.items()}


distances = moved_by_stage(by_hand)
farthest = max(distances, key=distances.get)
with reveal("the block that moved farthest", farthest):
    show(stage_bars({"one rate": distances}, "How far each block moved", "distance, % of the length before"))

# %%
with reveal("the block that moved farthest", farthest, quiet=True):
    print("none moved by more than a third of its length:", max(distances.values()) < 1 / 3)

# %% [markdown]
# Two things are worth a second look. Nothing went far from where it began. (These are the weights of the best epoch: 7 steps, or 14.)
# And the part that should have stayed moved most. Edges and colours need no change. But SGD moves each weight in proportion to its
# gradient, so the stem's gradient must be large compared with its weights: everything else depends on the stem.

# %% [markdown]
# So let early blocks learn at a lower rate: each at a share of the rate of the block after it, nearer the class (Howard and Ruder, 2018, call it
# *discriminative fine-tuning*). The kit's setting is `layer_decay`.
#
# ### Exercise 7: slower in front (6 min, medium)
# `stages` are names, from the picture to the class. The last one learns at `highest`, each one before it at `decay` times the rate
# of the one after it. Return a dictionary from names to rates.


# %%
def stage_rates(highest: float, decay: float, stages: list) -> dict:
    ### BEGIN SOLUTION
    return {name: highest * decay**after for after, name in enumerate(reversed(stages))}
    ### END SOLUTION


check.exercise_7(stage_rates)

# %% [markdown]
# With a highest rate of 0.02, which is the classifier's, and a decay of one half, the stem of our network would learn at:

# %%
slower = stage_rates(0.02, 0.5, [*STAGES.values(), "classifier"])
print(f"{slower['stem']:.6f}" if slower else "not yet")

# %% [markdown]
# ## The dial

# %%
show(you_are_here("block 1", "block 2", "block 3", "block 4", "classifier", way="network"))

# %% [markdown]
# Everything or the head alone: these are the two ends of one dial, `train_from`. What stands before the stop is frozen, computed
# once for each picture, and kept. What comes after it is trained. The same experiment has turned it, with 20 pictures of each
# class: `classifier` with the preset `head`, which is Adam at a rate of 0.001 and batches of 8, and all the others with the preset
# `full`, SGD with momentum at 0.03 and batches of 16. Each has what suits it, so the step from the first row to the second is not
# the stop's alone. An accuracy is that of the best epoch, chosen on the very pictures that it is counted on, so all of them are a
# little flattered.

# %% [markdown]
# Will the interval of the best stop, over three seeds, stand clear of all others? Answer `"clear"` or `"not clear"`.

# %%
### BEGIN SOLUTION
my_guess = "not clear"
### END SOLUTION
guess("whether the best stop stands clear", my_guess)

# %%
from densekit.intervals import half_interval

STOPS = ["classifier", "denseblock4", "denseblock3", "denseblock2", "denseblock1", "all"]


def told(way: str) -> dict:
    """What the seeds of one way have reached, and what it cost."""
    rows = experiment[experiment["way"] == way]
    means = {
        name: float(rows[key].mean())
        for name, key in (("accuracy", "val_accuracy"), ("seconds", "seconds"), ("megabytes", "megabytes"))
    }
    return {"stop": way, **means, "half": half_interval(rows["val_accuracy"].tolist())}


stops = [told(way) for way in STOPS]
best = max(stops, key=lambda stop: stop["accuracy"])
level = [stop["stop"] for stop in stops if stop["accuracy"] + stop["half"] >= best["accuracy"] - best["half"]]
stands = "clear" if len(level) == 1 else "not clear"

# %%
from math import isclose

from densekit.plots import dial

with reveal("whether the best stop stands clear", stands):
    highest = " and ".join(stop["stop"] for stop in stops if isclose(stop["accuracy"], best["accuracy"]))
    print(
        f"the highest mean: {highest}; intervals meet that of {best['stop']} at {len(level) - 1} other stops"
    )
    show(dial(stops, "The dial: 20 pictures of each class, 64 px"))

# %% [markdown]
# Three panels, one row for each stop: what is reached, what is waited for, what is held in memory. Look at the intervals first:
# which stops can't be told apart? `all`, straight from a fresh head, has the lowest mean and the widest one: what it reaches is a
# matter of the seed. (An interval from three numbers may reach past 100 %. The seconds are those of one
# thread on a machine that others used, too: compare them, and don't quote them. The megabytes are the most that the process held,
# with all that is kept of the pictures at the stop: so an early stop may need more than `all`.)

# %% [markdown]
# ### Exercise 8: the cheapest stop that will do (6 min, easy)
# `stops` is a list of dictionaries with `stop`, `accuracy`, `half` (what stands behind ±) and `seconds`. Here a simple rule
# decides: a stop will do if its interval reaches up to the lower end of that of the most accurate one. Of those that will do, return the
# name of the one with the fewest seconds. (That two intervals meet does not prove the stops equal. The difference seed by seed is a
# sharper test, and comes below.)


# %%
def cheapest(stops: list) -> str:
    ### BEGIN SOLUTION
    best = max(stops, key=lambda stop: stop["accuracy"])
    enough = best["accuracy"] - best["half"]
    will_do = [stop for stop in stops if stop["accuracy"] + stop["half"] >= enough]
    return min(will_do, key=lambda stop: stop["seconds"])["stop"]
    ### END SOLUTION


check.exercise_8(cheapest)

# %% [markdown]
# Of the six stops in the figure, that is:

# %%
print(cheapest(stops) or "not yet")

# %% [markdown]
# On your own pictures, turn the dial in a terminal, `densekit train --data my_pictures --preset full --train-from
# denseblock4`, and stop where the accuracy no longer grows.

# %% [markdown]
# ## Head first, then all

# %%
show(you_are_here("head"))

# %% [markdown]
# A head can be trained first, in seconds, and the whole network from there. Courses give a reason: a fresh head is wrong about
# everything, so it would send *large* gradients through weights that are good already. That can be measured. This trains the head
# alone, on embeddings that are computed once:


# %%
from densekit.model.frozen.rewrite import frozen


def with_trained_head(network):
    inputs = [frozen(network)(images).clone() for images, _ in (train, val)]  # (N, 1024)
    features = [Features(x, labels) for x, (_, labels) in zip(inputs, (train, val))]
    head_alone = TrainingConfig(learning_rate=0.01, epochs=20, batch_size=16, seed=seed)
    for _ in fit(network.classifier, *features, head_alone):
        pass
    return network


def share_right(network, judged=val) -> float:
    images, labels = judged
    with torch.no_grad():
        return (network.eval()(images).argmax(dim=1) == labels).float().mean().item()


def gradient_of(network, learning: bool = True) -> tuple[float, float]:
    """The length of the gradient of all weights before the head, for 32 pictures in mixed order, and their loss."""
    chosen = shuffled(len(train[1]), 32, 1, seed)[0]
    network = copy.deepcopy(network).train(learning)
    loss = F.cross_entropy(network(train[0][chosen]), train[1][chosen])
    loss.backward()
    length = torch.cat([p.grad.flatten() for p in network.features.parameters()]).norm().item()
    return length, loss.item()


# %% [markdown]
# The gradient that reaches the backbone in the first step, in training mode, as `fit` trains: is it `"longer"` or `"shorter"`
# through a fresh head than through a trained one?

# %%
### BEGIN SOLUTION
my_guess = "shorter"
### END SOLUTION
guess("the gradient through a fresh head", my_guess)

# %% tags=["volatile"]
head_first = with_trained_head(fresh_network())
head_alone = share_right(head_first)
heads = {"a fresh head": fresh_network(), "a trained head": head_first}
in_training = {name: gradient_of(network) for name, network in heads.items()}
in_evaluation = {name: gradient_of(network, learning=False) for name, network in heads.items()}

# %% tags=["nbval-ignore-output"]
fresh, trained = (in_training[name][0] for name in heads)
with reveal("the gradient through a fresh head", "longer" if fresh > trained else "shorter"):
    for mode, found in (("training", in_training), ("evaluation", in_evaluation)):
        for name, (length, loss) in found.items():
            print(f"{mode:10} mode, through {name:14}: length {length:.2f}, loss {loss:.2f}")
    grown = heads["a trained head"].classifier.weight.norm() / heads["a fresh head"].classifier.weight.norm()
    print(f"the trained head's weights are {grown:.1f} times as long as the fresh one's")

# %% [markdown]
# Look at all four lines. In evaluation mode the trained head is hardly wrong about pictures that it has learned from, and yet its
# gradient is about as long. One cause is that its weights have grown to several times their length, and an error goes back
# multiplied by them. In training mode, the one in which steps are taken here, BatchNorm scales the maps by the 32 pictures at hand. The head has learned
# with other statistics, so it is wrong again, though less than a fresh one, and the gradient is longer by far. (One batch, one seed:
# try others.)

# %% [markdown]
# To know whether head first pays, train on. One epoch over all of the network, from the trained head, at a rate of 0.004 with SGD:
# will the accuracy be `"higher"` or `"lower"` than with the head alone?

# %%
### BEGIN SOLUTION
my_guess = "lower"
### END SOLUTION
guess("after one epoch of SGD over everything", my_guess)


# %% tags=["volatile"]
def one_epoch_of_all(**how):
    """The network with the trained head after one epoch over everything."""
    network = copy.deepcopy(head_first)
    settings = TrainingConfig(epochs=1, batch_size=32, seed=seed, **how)
    for _ in fit(behind(network, "all"), Features(*train), Features(*val), settings):
        pass
    return network


by_sgd = one_epoch_of_all(optimizer="sgd", momentum=0.9, learning_rate=0.004)
by_adamw = one_epoch_of_all(optimizer="adamw", learning_rate=0.0003)
with_sgd, with_adamw = share_right(by_sgd), share_right(by_adamw)
moved_by_sgd, moved_by_adamw = moved_by_stage(by_sgd), moved_by_stage(by_adamw)

# %% [markdown]
# The second training took AdamW instead: Adam that can also shrink the weights a little at each step (**weight decay**, which is 0 here). It divides
# each step by the usual size of that weight's own gradient, so no part of the network runs ahead of the others. Accuracy first,
# then how far each stage has moved:

# %% tags=["nbval-ignore-output"]
after_sgd = "higher" if with_sgd > head_alone else "lower"
with reveal("after one epoch of SGD over everything", after_sgd):
    print(f"the head alone {head_alone:.0%}, then SGD {with_sgd:.0%}, or AdamW {with_adamw:.0%}")
    ways = {"SGD": moved_by_sgd, "AdamW": moved_by_adamw}
    show(stage_bars(ways, "One epoch from the same head", "distance, % of the length before"))

# %%
with reveal("after one epoch of SGD over everything", after_sgd, quiet=True):
    print("SGD is behind the head alone by 5 points or more:", with_sgd < head_alone - 0.05)
    print("AdamW is ahead of SGD by 10 points or more:", with_adamw > with_sgd + 0.1)
    stem, last = moved_by_sgd["stem"], moved_by_sgd["block 4"]
    print("with SGD the stem moved at least ten times as far as block 4:", stem > 10 * last)

# %% [markdown]
# Was it the stem? We put its old filters back into the network that SGD has left, and leave all else as it is:

# %% tags=["nbval-ignore-output"]
old_stem = copy.deepcopy(by_sgd)
old_stem.features.conv0.load_state_dict(head_first.features.conv0.state_dict())
with_old_stem = share_right(old_stem)
print(
    f"with SGD {with_sgd:.0%}, with SGD and the old stem {with_old_stem:.0%}, the head alone {head_alone:.0%}"
)

# %%
print("the old stem brings back 10 points or more:", with_old_stem > with_sgd + 0.1)

# %% [markdown]
# So it was the stem, for the most part. This is how features are wrecked: not by going far, but by moving the wrong part. All that
# comes after the stem is made for its maps. SGD has hardly touched block 4, and has moved the stem. AdamW moved all stages alike, and kept what was there. (Of a hundred
# pictures, a few points are chance.) With SGD the remedies are a lower rate, more epochs, or slower stages in front, as in exercise 7.

# %% [markdown]
# That was one epoch. In the large experiment `all` is SGD from a fresh head, ten epochs; `head, then all` is ten epochs of the head
# and eight more of AdamW over everything, with early blocks slower. And there the norms keep the statistics that the head has learned
# with (`norm_statistics: kept`): statistics of few pictures differ, as notebook 06 has shown.

# %%
for way in ("classifier", "all", "head, then all"):
    stop = told(way)
    print(f"{way:15} {stop['accuracy']:6.1%} ± {100 * stop['half']:.1f}   {stop['seconds']:4.0f} s")

by_seed = experiment.pivot(index="seed", columns="way", values="val_accuracy")
gains = (100 * (by_seed["head, then all"] - by_seed["classifier"])).tolist()
print("ahead of the head alone, seed by seed:", ", ".join(f"{gain:+.1f}" for gain in gains), "points")
print(f"on average {np.mean(gains):+.1f} ± {half_interval(gains):.1f}")

# %% [markdown]
# Read the intervals before you choose: those of the first and the last row meet. But each seed gives both ways the same pictures and
# the same fresh head, so their difference has an interval of its own, and that one stays clear of 0: `head, then all` is ahead of
# the head alone with every seed. It takes ten times the seconds, and it had more epochs to pick its best from. `all`, straight from
# a fresh head, is behind the head alone with every seed. So it matters not only how much is trained, but how.

# %% [markdown]
# ### Exercise 9: head first, then more (6 min, medium)
# In the kit a training in two parts is a list of **phases**. Write one: first `classifier` for five epochs; then from `denseblock3`
# on, three epochs at a `learning_rate` of 0.0001. What a phase does not name is as it is in the preset.

# %%
### BEGIN SOLUTION
phases = [
    {"train_from": "classifier", "training": {"epochs": 5}},
    {"train_from": "denseblock3", "training": {"epochs": 3, "learning_rate": 0.0001}},
]
### STARTER
# phases = [
#     {"train_from": ..., "training": {"epochs": ...}},
#     {"train_from": ..., "training": {"epochs": ..., "learning_rate": ...}},
# ]
### END SOLUTION
check.exercise_9(phases)

# %% [markdown]
# With `train(data="my_pictures", settings={"phases": phases})` it runs. The preset `head-then-full` is such a list, with early blocks
# slower, norms that keep their statistics, and a rate that rises before it falls: `densekit train --data my_pictures --preset head-then-full`.
# For few pictures there is `head-then-block4`: first the head, then the last block with it, on sixteen changed versions of each picture.

# %% [markdown]
# ## Judged once

# %%
show(you_are_here("picture", "class"))

# %% [markdown]
# Every accuracy of this notebook served to choose: the best epoch, a rate, a stop of the dial. And what was chosen for its number
# is a little worse than its number, since luck was chosen, too. So the folder has a third part, the **test** pictures. They are for
# the moment when nothing is left to choose, and for that alone.
#
# Say that we have chosen a head on all training pictures. It is right about a share of those that it learned from (`"train"`), of those
# that its best epoch was chosen by (`"val"`), and of those that it never met (`"test"`). Which share is the highest?

# %%
### BEGIN SOLUTION
my_guess = "train"
### END SOLUTION
guess("the highest of the three", my_guess)

# %% tags=["volatile"]
chosen = {"data.image_size": image_size, "training.seed": seed}
final = densekit.train(data=folder.root, preset="head", weights=weights, settings=chosen)
reports = {split: final.evaluate(split=split)[0] for split in ("train", "val", "test")}
own_pictures = share_right(head_first, train)  # the head from before, on what it learned from

# %% [markdown]
# Three shares, and below them those of the head from before, which had fewer pictures to learn from (and other settings, and 100 `val`
# pictures: so don't compare them to a point):

# %% tags=["nbval-ignore-output"]
with reveal("the highest of the three", max(reports, key=lambda split: reports[split].accuracy)):
    for split, report in reports.items():
        print(f"{split:6}{report.accuracy:7.1%} of {report.confusion.sum()} pictures")
    print(f"with {a_class} of each class: train {own_pictures:.1%}, val {head_alone:.1%}")

# %%
with reveal("the highest of the three", max(reports, key=lambda s: reports[s].accuracy), quiet=True):
    ahead = reports["train"].accuracy - reports["test"].accuracy
    print("a head knows the pictures that it learned from best:", ahead > 0.02)

# %% [markdown]
# To be more often right about what one has learned from than about anything else is usual. It is called **overfitting** when more
# training makes the first share rise and the others fall. More pictures usually help most. So do changed views of them (`data.augmentation`), fewer weights that learn (the dial), and to
# stop at the best epoch: that is when the share of `val` no longer rises, while that of `train` goes on.
#
# What others should hear is the last share, once, with the number of pictures. (Of two hundred, three points are chance, so `val` and
# `test` may lie in either order here.) Whoever looks at it, changes something and looks again has a second `val`.
#
# Here are the test pictures by class: rows say what a picture shows, columns what the head named. Which class is taken for which?

# %% tags=["nbval-ignore-output"]
from densekit.plots import confusion_heatmap

with reveal("the highest of the three", max(reports, key=lambda s: reports[s].accuracy), quiet=True):
    show(confusion_heatmap(reports["test"]))

# %% [markdown]
# Such a heat map of the test pictures is for the final report. Before you touch a setting, look at the *validation* pictures that were
# taken for others, `final.evaluate(split="val")`: they tell more than a number.

# %% [markdown]
# With your own pictures, three commands do it. The doctor comes first; the second one trains the head, or with
# `--preset head-then-full` the rest as well; what you keep for the end lies in `my_pictures/test`, or in
# a folder of its own, best with pictures from another day. Large photographs show finer detail with
# `--set data.image_size=256`, in four times the time of 128 pixels, which the embedded weights take by themselves:
#
#     densekit doctor my_pictures
#     densekit train --data my_pictures
#     densekit evaluate runs/my_pictures-1 --split test           # what lies in my_pictures/test
#     densekit evaluate runs/my_pictures-1 --data my_test_pictures  # or a folder of its own

# %% [markdown]
# ## What to keep
#
# - An epoch has two phases. The one that judges changes nothing, and the best weights are **copied**.
# - Too high a rate destroys what was learned, and looks like pictures that are too hard. Sweep, and begin with a third.
# - Pretrained weights are worth more than epochs. Fine-tuning is to correct them without wrecking them.
# - `train_from` is one dial: accuracy, seconds, and memory. Stop where you can't tell the difference.
# - A reason that everybody gives may not hold for your network. Measure it where it matters.
# - `train` is learned from, `val` chooses, `test` judges, once.
#
# **Three questions.** (1) Your validation accuracy is 12 % after three epochs, and chance is 10 %. What do you try first?
# (2) Somebody keeps `network.state_dict()` of the best epoch, and gets the weights of the last one. Why? (3) You have 5,000 pictures
# that look like nothing the network has seen. Where do you set the dial, and how do you find out whether it was right?
#
# **Next**: your own pictures. And notebook 07b is one training of the large experiment, to run with parameters of your own.

# %% tags=["nbval-ignore-output"]
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

record_result(two_epochs=round(max(accuracies), 2), head_then_all=round(with_adamw, 2))
