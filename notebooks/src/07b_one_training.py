# ---
# jupyter:
#   densekit:
#     compared_at_least: 4
#     ignored_at_most: 3
# ---

# %% [markdown]
# # One training of many
#
# An experiment is the same training many times: with other seeds, from other weights, with more or less of the network
# trained. So this notebook is one training, and everything that may differ is a parameter. It is an appendix to notebook 07,
# whose large experiment runs it 24 times.
#
# **You will be able to**
# - run a notebook in batch, with parameters from the command line,
# - say what a training cost: seconds, and memory.
#
# **You need** notebook 07. **Time**: 10 minutes, of which the machine needs less than one. **Difficulty**: easy.

# %% tags=["parameters"]
preset: str = "head"  # to start from: head, full, or, with 0 epochs, head-then-full, head-then-block4
train_from: str = "classifier"  # what is trained: this part and all after it
weights: str = "embedded"  # what training begins with; none for random weights
a_class: int = 10  # training pictures of each class
image_size: int = 64  # pixels of a side
epochs: int = 5  # over the training pictures; 0 takes those of the preset
precision: str = "auto"  # bf16 is faster where the processor has it, and rounds
seed: int = 0  # of the head, the order, and the choice of pictures
install_from: str = ""  # only in Colab

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules and install_from:
    get_ipython().run_line_magic("pip", f"install --quiet {install_from}")

import densekit

print(f"densekit {densekit.__version__} is here")

# %% [markdown]
# | English | 한국어 | here |
# |---|---|---|
# | experiment, seed | 실험, 시드 | the same training again, with other random numbers |
# | batch execution | 일괄 실행 (배치 실행) | nobody is there; the notebook runs from top to bottom |
# | peak memory | 최대 메모리 사용량 | the most that was held at one moment |
#
# ## The pictures
#
# A few pictures of each class to learn from, chosen by the seed; all validation pictures to judge by. They are copied into a
# folder of their own, for `train` takes a folder; each time that this notebook runs, another one.

# %%
import shutil
from itertools import count
from pathlib import Path

from densekit import open_folder, sample_folder
from densekit.data.splits import some_of_each

whole = open_folder(sample_folder("tabletop"))
here = next(free for n in count(1) if not (free := Path(f"training-{n}")).exists())
chosen = some_of_each([sample.label for sample in whole.train], a_class, seed)
for split, samples in (("train", [whole.train[index] for index in chosen]), ("val", whole.val)):
    for sample in samples:
        copy = Path(here, "pictures", split, whole.classes[sample.label], sample.path.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample.path, copy)
print(len(chosen), "pictures to learn from,", len(whole.val), "to judge by")

# %% [markdown]
# ## The training
#
# Features that an earlier run has kept would make the seconds a lie, so the store is a new one. The memory is what the
# operating system has seen this process hold at most, less what it held before.

# %%
import os

os.environ["DENSEKIT_CACHE"] = str((here / "store").resolve())
print("kept features:", len(list((here / "store").rglob("*"))))

# %% tags=["volatile"]
from time import perf_counter

from densekit import train
from densekit.devices import peak_memory

network = densekit.densenet121(weights="none")  # so that torch and its libraries are in the memory before
before, began = peak_memory(), perf_counter()
settings = {"data.image_size": image_size, "compute.precision": precision, "training.seed": seed}
if not preset.startswith("head-then-"):  # whose phases say where they train from
    settings["model.train_from"] = train_from
run = train(
    data=here / "pictures",
    preset=preset,
    weights=weights,
    epochs=epochs or None,
    settings=settings,
    out=here / "run",
    progress=False,
)
seconds, megabytes = perf_counter() - began, (peak_memory() - before) / 1e6
print(f"{run.metrics['val_accuracy']:.1%} of the validation pictures, {seconds:.1f} s, {megabytes:.0f} MB")

# %% [markdown]
# The line above, once the cell has run, tells accuracy, seconds and megabytes, whatever is trained. One question comes before all
# others: a training that is no better
# than guessing needs no curve.

# %%
print("it is better than guessing:", bool(run.metrics["val_accuracy"] > 0.2))

# %% tags=["nbval-ignore-output"]
from densekit.plots import show, training_curves

curve = run.history["val_accuracy"].dropna()
show(training_curves(run.history))

# %% [markdown]
# The dashed line is the training, while its weights change; the other one is the validation after each epoch.
#
# ## In batch
#
# What the next cell records is what the table of a batch run shows. With other parameters, in a terminal:
#
#     densekit course run 07b --set preset=full --set train_from=all --set seed=1 --set epochs=0 --set a_class=20
#
# **What to keep.** A notebook with parameters is an experiment that anybody can repeat. Seconds count what the reader waits
# for, features included; memory counts the peak.
#
# **Three questions.** (1) Why is the network built before the memory is measured? (2) Why does the store have to be a new one?
# (3) Which parameter would you change to see how sure the accuracy is?
#
# **Next**: pictures of your own, as the end of notebook 07 says; or all of this experiment again, with
# `benchmarks/whole_network.py`.

# %% tags=["result"]
from densekit.course.results import record_result

record_result(
    val_accuracy=round(run.metrics["val_accuracy"], 4),
    seconds=round(seconds, 1),
    megabytes=round(megabytes),
    curve=" ".join(f"{accuracy:.4f}" for accuracy in curve),
)
