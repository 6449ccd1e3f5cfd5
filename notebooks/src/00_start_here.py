# ---
# jupyter:
#   densekit:
#     compared_at_least: 20
#     ignored_at_most: 9
# ---

# %% [markdown]
# # Start here: a classifier of pictures in twenty seconds
#
# At the end of this notebook a neural network tells ten kinds of objects apart, and you will have trained it
# yourself: on this machine, without a GPU, without downloading anything.
#
# **You will be able to**
# - say what is frozen and what is trained when a network is *transferred* to new pictures,
# - train the last layer of a DenseNet-121 on a folder of pictures, by hand and in one call,
# - read a prediction: which class, how sure, and was it right,
# - ask the trained network about pictures of your own.
#
# **You need** a little Python. If you have seen a tensor before, good; if not, read on all the same.
#
# **Time**: 35 minutes, of which the machine needs less than one. **Difficulty**: easy.

# %% [markdown]
# ## Is everything here?
#
# In JupyterLab nothing has to be installed now. In Colab, write the address that you install densekit
# from into `install_from` in the next cell, such as `git+https://…`, and run that cell and the one below it.

# %% tags=["parameters"]
data: str = ""  # a folder of your own, with a subfolder of pictures for each class; empty for the samples
epochs: int = 10  # how often the training sees each picture
learning_rate: float = 1e-3  # how far each step goes
seed: int = 0  # another seed: other first weights, another order of the pictures
my_pictures: str = ""  # a folder of pictures to ask about at the end; empty for test pictures
install_from: str = ""  # only in Colab

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules and install_from:
    get_ipython().run_line_magic("pip", f"install --quiet {install_from}")

import densekit

print(f"densekit {densekit.__version__} is here")

# %% [markdown]
# This is the whole way from a picture to its class. The drawing comes back at the start of most sections. It marks
# where you are.

# %%
from densekit.plots import show, you_are_here

show(you_are_here())

# %% [markdown]
# The words of this notebook, as Korean texts have them:
#
# | English | 한국어 | here |
# |---|---|---|
# | transfer learning | 전이학습 | to use for new pictures what a network has learned from others |
# | pretrained weights | 사전 학습된 가중치 | the parameters of a network that somebody has trained |
# | fixed feature extractor | 고정 기능 추출기 (고정 특징 추출기) | the part of the network that stays as it is |
# | feature, embedding | 특징, 임베딩 | a number that says something about a picture; all 1024 of them |
# | head, classifier | 분류기 | the last layer, which turns features into a score for each class |
# | accuracy | 정확도 | the share of pictures whose class is named rightly |

# %% [markdown]
# ## The pictures

# %%
show(you_are_here("picture"))

# %% [markdown]
# A data set for classification is a folder of folders: each subfolder is a **class**, and holds pictures of it.
# Some pictures are there to learn from (*train*), and some to check on while learning (*val*). Some are not looked at
# before everything is done (*test*).

# %%
from densekit import open_folder, sample_folder

folder = open_folder(data or sample_folder("tabletop"))
print(len(folder.classes), "classes:", ", ".join(folder.classes))
for split, samples in folder.splits.items():
    print(f"{split:5} {len(samples):4} pictures")

# %% [markdown]
# Here is one picture of each class, taken with a poor camera in bad light, as pictures often are. Look for two classes
# that you could mix up yourself.

# %%
from densekit.data.loading import open_image
from densekit.plots import image_grid

one_of_each = [next(s for s in folder.train if s.label == label) for label in range(len(folder.classes))]
pictures = [open_image(sample.path) for sample in one_of_each]
show(image_grid(pictures, folder.classes, title="One training picture of each class"))

# %% [markdown]
# From some sides a mug looks like a tumbler, and a bowl like a ring. A grainy picture hides the small differences. Later, see
# whether the network hesitates where you do.

# %% [markdown]
# ## The network: a frozen part and a head

# %%
show(you_are_here("features", "head"))

# %% [markdown]
# **DenseNet-121** turns a picture into 1024 numbers, its **embedding**. A last layer, the **head**, turns those into one
# score for each class. The weights were learned on other pictures; none of ours was among them. We keep them as they
# are, *frozen*, and train the head alone. That is transfer learning in its simplest form: the network is a fixed
# **feature extractor**.

# %%
from densekit import densenet121

network = densenet121(num_classes=len(folder.classes))
frozen = sum(parameter.numel() for parameter in network.features.parameters())
print(f"frozen: {frozen:,} parameters")
print("the head:", network.classifier)

# %% [markdown]
# How many parameters does the head have? It is a linear layer: for each class it has a weight for each feature, and a bias.
# **Type your guess** in the place of `...` and run the cell. From here on, each question has a cell like this one. The cell
# after it answers, once there is a guess.

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = 10 * 1024 + 10
### END SOLUTION
guess("parameters of the head", my_guess)

# %%
in_head = sum(parameter.numel() for parameter in network.classifier.parameters())
with reveal("parameters of the head", in_head):
    print(
        f"{network.num_features} x {len(folder.classes)} weights + {len(folder.classes)} biases = {in_head:,}"
    )

# %% [markdown]
# ## From a picture to an embedding

# %%
show(you_are_here("pixels", "features", "embedding"))

# %% [markdown]
# Let us follow our pictures through the network. First each becomes a tensor: 3 colours, 128 rows, 128 columns,
# scaled as the weights expect it. (What happens without that scaling is a story for notebook 01.)

# %%
import torch

images = torch.stack([network.preprocessing(picture) for picture in pictures])
network.eval()  # use the stored statistics of the normalisation layers: nothing in the network changes
with torch.no_grad():
    feature_maps = network.forward_features(images)
    embeddings = network.forward_head(feature_maps, pre_logits=True)
print("images      ", tuple(images.shape))
print("feature maps", tuple(feature_maps.shape))
print("embeddings  ", tuple(embeddings.shape))

# %% [markdown]
# Read the shapes from left to right. There are ten pictures. Each has 1024 feature maps of 4 × 4 spatial positions, which
# say *what* is *where*. The mean over the positions is the embedding: 1024 numbers that say what is in the picture.

# %% [markdown]
# ## Before training
#
# The head's weights are random so far. It gives an answer all the same, as networks always do. How good can that be?

# %% [markdown]
# ### Exercise 1: by chance (2 min, easy)
# There are ten classes with equally many pictures, and somebody names one blindly for each picture. What share do they get
# right? Write a number between 0 and 1. A right answer prints *passed*.

# %%
from densekit.exercises import start_here as check

### BEGIN SOLUTION
chance = 1 / 10
### END SOLUTION
check.exercise_1(chance)

# %% [markdown]
# ## The frozen part runs once

# %%
show(you_are_here("features", "embedding"))

# %% [markdown]
# The frozen part gives the same embedding for the same picture, today and in every epoch. So we compute the embeddings of
# all pictures **once**, and train on those. This is why it goes so fast: a step of training costs a tiny matrix product
# instead of a whole network.

# %% tags=["volatile"]
from time import perf_counter

from densekit import extract_features

began = perf_counter()
train_features = extract_features(network, folder.train)
val_features = extract_features(network, folder.val)
print(f"{len(train_features) + len(val_features)} pictures in {perf_counter() - began:.1f} s")

# %%
print("to learn from:", tuple(train_features.inputs.shape))
print("to check on:  ", tuple(val_features.inputs.shape))

by_hand = dict(zip(one_of_each, embeddings))
extracted = dict(zip(train_features.samples, train_features.inputs))
difference = max(float((by_hand[s] - extracted[s]).abs().max()) for s in one_of_each)
print("the same embeddings as by hand, to 1e-4:", difference < 1e-4)

# %% [markdown]
# The call did just what we did by hand, for more pictures.

# %% [markdown]
# ## Training, by hand

# %%
show(you_are_here("head"))

# %% [markdown]
# First we bring all 1024 features to one scale: mean 0 and standard deviation 1 over the training pictures. Else the
# features that happen to be large get all the attention. The validation pictures are scaled with the *same* two numbers,
# not with their own, for we must not look at them.

# %%
mean = train_features.inputs.mean(dim=0)
deviation = train_features.inputs.std(dim=0).clamp(min=1e-3)  # some features never change: don't divide by 0
train_inputs = (train_features.inputs - mean) / deviation
val_inputs = (val_features.inputs - mean) / deviation
is_scaled = (train_inputs.std(dim=0) - 1).abs() < 1e-3
print("standard deviation 1, for nine features in ten or more:", bool(is_scaled.float().mean() > 0.9))

# %% [markdown]
# Now everything a training does, in a dozen lines. An *epoch* goes once over all pictures, in *batches* of eight. For each
# batch: compute the scores (*logits*) and how wrong they are (the *loss*, here the *cross-entropy*); find out how the loss
# changes with each weight (the *gradient*, which `backward` computes); and move all weights a small step against it (*Adam*
# decides how far).

# %%
from torch import nn

torch.manual_seed(seed)
head = nn.Linear(network.num_features, len(folder.classes))
untrained_head = nn.Linear(network.num_features, len(folder.classes))
untrained_head.load_state_dict(head.state_dict())
optimizer = torch.optim.Adam(head.parameters(), lr=learning_rate)

for _ in range(epochs):
    for batch in torch.randperm(len(train_inputs)).split(8):
        logits = head(train_inputs[batch])  # (8, classes)
        loss = nn.functional.cross_entropy(logits, train_features.labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% [markdown]
# Done; it took about a second. What share of the validation pictures does the trained head get right? It has seen none of
# them. Guess in percent.

# %%
### BEGIN SOLUTION
my_guess = 95
### END SOLUTION
guess("accuracy after training", my_guess, unit="%")


# %%
def accuracy(head: nn.Module) -> float:
    """Return the share of validation pictures that a head classifies rightly."""
    with torch.no_grad():
        named = head(val_inputs).argmax(dim=1)
    return (named == val_features.labels).float().mean().item()


# %% tags=["nbval-ignore-output"]
with reveal("accuracy after training", round(100 * accuracy(head))):
    print(f"before training {accuracy(untrained_head):.0%}, after training {accuracy(head):.0%}")

# %% [markdown]
# With another processor or another seed the number moves: on two hundred pictures, a point or two is chance. So this course
# holds on to *bands* with a wide margin, which are checked on every machine. This notebook's are at its end.

# %% [markdown]
# ## The same, in one call
#
# `train` does what you did, and what you would do next: it checks the head on the validation pictures after each epoch, and
# keeps the best one. It writes everything into a new folder below `runs`: settings, history, tables, the head itself. If it
# is interrupted, `resume` goes on where it stopped.

# %% tags=["volatile"]
from densekit import train

run = train(
    data=folder.root,
    epochs=epochs,
    settings={"training.learning_rate": learning_rate, "training.seed": seed},
)

# %%
print(sorted(path.name for path in run.folder.iterdir()))
if not data:  # of few pictures, one alone is more than 5 points
    print("as good as by hand, within 5 points:", abs(run.metrics["val_accuracy"] - accuracy(head)) < 0.05)

# %% [markdown]
# Up to six validation pictures follow, with the probability that the head gives to each class, before and after training. Look at
# the bars before you look at the names.

# %% tags=["nbval-ignore-output"]
from densekit.plots import before_after

step = max(1, len(val_features) // 6)
shown = list(range(min(3, step - 1), len(val_features), step))[:6]
before = untrained_head(val_inputs[shown]).softmax(dim=1).detach()
# The head of the run takes the embeddings as they are: `train` has put the scaling into its weights.
after = run.network.classifier(val_features.inputs[shown]).softmax(dim=1).detach()
images = [open_image(val_features.samples[index].path) for index in shown]
show(
    before_after(images, folder.classes, before, after, val_features.labels[shown]),
    alt="Six validation pictures, each with the probabilities before and after training.",
)

# %% [markdown]
# Before training, the probability is shared out among several classes, by chance. After training most of it is on one class, and
# for some pictures nearly all. Where is it shared between two classes, and do those two look alike? Would you have been as sure?

# %% [markdown]
# ## Reading a prediction

# %%
show(you_are_here("class"))

# %% [markdown]
# A picture that the network has never met, from the *test* folder if there is one:

# %% tags=["nbval-ignore-output"]
unseen = folder.test or folder.val
picture = unseen[len(unseen) * 4 // 5]
(prediction,) = run.predict([picture.path], top=3).made
print("it is:", folder.classes[picture.label])
for name, probability in zip(prediction.classes, prediction.probabilities):
    print(f"  {name:10} {probability:6.1%}")

# %% [markdown]
# The classes stand in order, the likeliest first. The probabilities of *all* classes sum to 100 %.

# %% [markdown]
# ### Exercise 2: read a prediction (5 min, easy)
# Here are the probabilities that a network gave to one picture. Write down the class that it names, how sure it is (a
# number between 0 and 1), and whether it was right, as `True` or `False`.

# %%
classes = ["apple", "mug", "teapot", "vase"]
probabilities = torch.tensor([0.05, 0.62, 0.30, 0.03])
truth = "teapot"
### BEGIN SOLUTION
named = "mug"
sure = 0.62
right = False
### END SOLUTION
check.exercise_2(named, sure, right)

# %% [markdown]
# ## Repairing
#
# Two errors spoil many a first training. You will meet both; here they are on purpose.

# %% [markdown]
# ### Exercise 3: the wrong number of classes (5 min, easy)
# The head below is for ImageNet's thousand classes. With our pictures it does not even fail: it trains, and after a
# few epochs it is as good as the right one. But it has a hundred times the weights that it needs, and before training it names
# classes that have no name here. Repair `new_head` so that it fits any list of classes.


# %%
def new_head(num_features: int, classes: list[str]) -> nn.Linear:
    ### BEGIN SOLUTION
    return nn.Linear(num_features, len(classes))
    ### STARTER
    # return nn.Linear(num_features, 1000)
    ### END SOLUTION


check.exercise_3(new_head)

# %% [markdown]
# ### Exercise 4: data here, network there (8 min, medium)
# With a GPU, the network may be on one device and the pictures on another, and PyTorch stops. You need no GPU to see
# the message: torch has a device called `meta`, on which tensors have a shape and no content. Here it is:

# %% tags=["nbval-ignore-output"]
try:
    nn.Linear(3, 2)(torch.zeros(1, 3, device="meta"))
except RuntimeError as error:
    print(error)

# %% [markdown]
# Repair `classify` so that it works wherever the network is: ask the network where it is, and send the images there.


# %%
def classify(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    ### BEGIN SOLUTION
    device = next(network.parameters()).device
    return network(images.to(device)).argmax(dim=1)
    ### STARTER
    # device = torch.device("meta")
    # return network(images.to(device)).argmax(dim=1)
    ### END SOLUTION


check.exercise_4(classify)

# %% [markdown]
# ## Your own pictures

# %%
show(you_are_here("picture", "class"))

# %% [markdown]
# Now ask the network about pictures of your own. Set `my_pictures` at the top to a folder, run that cell again and then the
# next one; or use the button below. Both work in JupyterLab and in Colab. Without a folder, these are test pictures. The network knows ten classes and nothing else: show
# it your cat, and it still names one of the ten.

# %% tags=["nbval-ignore-output"]
from densekit.widgets.upload import answers, picture_upload

ten = [sample.path for sample in (folder.test or folder.val)[::20][:10]]
show(
    answers(run, my_pictures or ten),
    alt="Pictures, each with the class that the network names and how sure it is.",
)

# %% [markdown]
# Where is the network least sure, and can you see why? Even if all ten are right: on the validation pictures it was wrong a
# few times in a hundred. A high probability does not mean that the answer is right.

# %% tags=["volatile"]
picture_upload(run)

# %% [markdown]
# To train on pictures of your own, put them into one folder for each class, set `data` at the top of this notebook, and run it
# again from there. First
# let the doctor look at the folder: `densekit doctor FOLDER` in a terminal, or in a cell:

# %%
diagnosis = densekit.diagnose(folder.root)
print("errors:", len(diagnosis.errors), "in", sum(map(len, folder.splits.values())), "pictures")

# %% [markdown]
# ## What to keep
#
# - A picture becomes an **embedding**; a **head** turns it into scores. To transfer a network is to keep what makes the
#   embedding, and to train what reads it.
# - The frozen part gives the same numbers every time, so it runs **once** per picture.
# - A network always answers. Look at the probability, and at pictures that it has not learned from, before you believe it.
#
# **Three questions.** (1) Why may the head be trained on stored embeddings, but not the first layers of the network? (2) If a
# class had two pictures only, which of your numbers would you trust less? (3) Your own pictures show leaves: which of
# the two parts would you expect to fit worse, the frozen one or the head?
#
# **Next**: notebook 01 asks why weights that were learned on other pictures are of use for ours.

# %%
show_guesses()

# %% [markdown]
# The bands of this notebook. With ten seeds on two CPU cores, 8 to 16 % of the validation pictures were right before training,
# and 95 to 97 % after it.

# %%
own_data = bool(data)  # nothing can be promised of your own pictures
print("before training near chance, below 35 %:", own_data or accuracy(untrained_head) < 0.35)
print("after training above 85 %:", own_data or accuracy(head) > 0.85)

# %% tags=["result"]
from densekit.course.results import record_result

record_result(val_accuracy=round(run.metrics["val_accuracy"], 3), classes=len(run.classes))
