# ---
# jupyter:
#   densekit:
#     compared_at_least: 8
#     ignored_at_most: 2
# ---

# %% [markdown]
# # A sample notebook
# It has one of everything that a notebook of the course has: parameters, a prediction, a figure, widgets,
# exercises of every kind, something volatile, a result. **Time**: 10 minutes.

# %% tags=["parameters"]
layers: int = 6  # dense layers in the block
scale: float = 1.0
name: str = "block"

# %%
import time

import ipywidgets as widgets
import sample_checkers as check
from IPython.display import display
from matplotlib.figure import Figure

from densekit.course.results import record_result
from densekit.exercises.predictions import guess, reveal, show_guesses
from densekit.plots import show

print(f"{layers} layers, scale {scale}, {name}")

# %%
### BEGIN SOLUTION
mine = 256
### END SOLUTION
guess("channels after the block", mine, unit="channels")

# %% [markdown]
# The answer, and whatever gives it away:

# %%
with reveal("channels after the block", 64 + 32 * layers):
    print(f"{64 + 32 * layers} channels leave it")

# %%
figure = Figure(figsize=(3, 2))
_ = figure.subplots().bar(range(layers), [32] * layers)
show(figure, alt=f"{layers} bars of the same height, one for each layer.")

# %% [markdown]
# All bars are of the same height: each layer adds as many channels as every other.

# %%
slider = widgets.IntSlider(value=layers, min=1, max=12, description="layers")
display(widgets.HBox([slider, widgets.Label("dense layers")]))

# %% [markdown]
# A slider can be moved, by hand or from a cell.

# %%
slider.value = 7
print("the slider stands at", slider.value)

# %% [markdown]
# ## Exercise 1: how many channels? (2 min, easy)

# %%
### BEGIN SOLUTION
channels = 64 + 32 * layers
### END SOLUTION
check.exercise_1(channels, layers)

# %% [markdown]
# ## Two more


# %%
def connections(number_of_layers):
    """Return how many connections a block has: each layer is wired to all before it, and to the input."""
    ### BEGIN SOLUTION
    total = number_of_layers * (number_of_layers + 1) // 2
    return total
    ### END SOLUTION


check.exercise_2(connections)

# %%
### BEGIN SOLUTION
device = "cpu"
### STARTER
# device = "cuda:7"
### END SOLUTION
check.exercise_3(device)

# %% [markdown]
# ## The end

# %% tags=["volatile"]
print(f"{time.time()} seconds since 1970")

# %%
show_guesses()

# %% tags=["result"]
record_result(channels=64 + 32 * layers, scale=scale)
