# ---
# jupyter:
#   densekit:
#     compared_at_least: 14
#     ignored_at_most: 2
# ---

# %% [markdown]
# # Two rewritings that change nothing
#
# A frozen network only has to compute the same numbers. *How* is up to us. This notebook shows the algebra that makes
# densekit's frozen part faster, and proves that it is exact. It is an appendix: nothing else in the course needs it.
#
# **You will be able to**
# - say when two layers may change places,
# - turn a BatchNorm and a ReLU into a clamp, and move the rest into the next layer,
# - prove that a rewriting is exact.
#
# **You need** notebook 04. **Time**: 65 minutes, of which the machine needs less than one. **Difficulty**: hard.

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
# | linear function | 선형 함수 | a sum of inputs times fixed numbers |
# | average pooling, max pooling | 평균 풀링, 최대 풀링 | the mean, or the largest, of neighbouring positions |
# | clamp | 값 제한 (클램프) | what is below a lower or above an upper bound is set to the bound |
# | multiply-adds | 곱셈-덧셈 연산 | the work of a convolution, counted |

# %%
import torch
from torch import nn
from torch.nn import functional as F

from densekit import densenet121
from densekit.exercises import exact_rewriting as check

# %% [markdown]
# ## The first: pool, then convolve
# %%
from densekit.plots import show, you_are_here

show(you_are_here("transition 1", "transition 2", "transition 3", way="network"))

# %% [markdown]
# A transition convolves and then pools. Let us exchange the two in a small network, and compare it with the original, module
# by module, in float64. The maps *inside* the transition then have another shape, so two rungs of the ladder are red. What
# about the numbers *after* the transition? Are they the same to the last bit, or up to rounding (about 1e-15)? Answer `"bits"` or
# `"rounding"`.

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = "rounding"
### END SOLUTION
guess("how equal the numbers after the transition are", my_guess)

# %%
from densekit.model.proof.parity import compare_networks
from densekit.model.proof.planted import PLANTED, specimen
from densekit.plots import difference_ladder
from densekit.plots.ladder import rungs

generator = torch.Generator().manual_seed(seed)
images = torch.randn(2, 3, image_size, image_size, generator=generator, dtype=torch.float64)
good = specimen("randomised")
swapped = rungs(compare_networks(PLANTED["pool before convolution"](good), good, images))
logits_apart = list(swapped.values())[-1]
how_equal = "bits" if logits_apart == 0 else "rounding" if logits_apart < 1e-9 else "not at all"
with reveal("how equal the numbers after the transition are", how_equal):
    show(difference_ladder(swapped, "Pool before convolution, in the transition"))

# %% [markdown]
# Look at the rungs after the two red ones. Sums in another order are rounded in another way.
#
# A 1×1 convolution adds up channels, at each spatial position on its own. An average pool adds up four positions, in each
# channel on its own. These are two sums over different things. The order can't matter, so the cheaper one may come first.

# %% [markdown]
# ### Exercise 1: Pool first, convolve less (10 min, medium)
# Write the function that pools first (2 × 2, average) and then convolves. Then fill in three answers:
#
# - `saving`: how many times fewer multiply-adds the convolution then needs,
# - `max_pool_may_come_first`: `True` if the result stays the same with a *max* pool in the place of the average, else `False`,
# - `pool_may_precede_3x3`: `True` if it stays the same with a *3×3* convolution (padding 1), else `False`.
#
# Try those with random numbers if you can't decide.


# %%
def pooled_first(x: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
    ### BEGIN SOLUTION
    return conv(F.avg_pool2d(x, 2))
    ### END SOLUTION


### BEGIN SOLUTION
saving = 4
max_pool_may_come_first = False
pool_may_precede_3x3 = False
### END SOLUTION
check.exercise_1(pooled_first, saving, max_pool_may_come_first, pool_may_precede_3x3)

# %% [markdown]
# Once your answer passes, here are the numbers: both orders, for the two pools and the two kernels.

# %%
answers = pooled_first, saving, max_pool_may_come_first, pool_may_precede_3x3
passed = check.exercise_1.judge(*answers).state == "passed"
x = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
for pool in (nn.AvgPool2d(2), nn.MaxPool2d(2)):
    for kernel in (1, 3):
        conv = nn.Conv2d(6, 4, kernel, padding=kernel // 2).double()
        same = bool((pool(conv(x)) - conv(pool(x))).abs().max() < 1e-12)
        if passed:
            print(f"{type(pool).__name__}, {kernel}×{kernel}: {'the same' if same else 'different'}")

# %% [markdown]
# ## The second: a norm becomes a clamp

# %%
show(you_are_here("norm1", "conv1", way="dense layer"))

# %% [markdown]
# A BatchNorm with fixed statistics computes s·x + b in each channel: a line. With the ReLU after it, the line gets one bend, at
# t = −b/s. So norm and ReLU together are a *clamp* of x at t, and something linear after it. What is linear can move into the
# convolution that follows.

# %% [markdown]
# ### Exercise 2: A ReLU becomes a clamp (15 min, hard)
# For given s and b, find four numbers such that, for every x, `scale * clamp(x, lower, upper) + shift` is
# `relu(s * x + b)`. Return them in this order: `lower, upper, scale, shift`. There are three cases: s > 0, s < 0 and s = 0. A
# bound that does nothing is `math.inf` or `-math.inf`. Draw the line on paper first.

# %%
import math


def as_clamp(s: float, b: float) -> tuple[float, float, float, float]:
    ### BEGIN SOLUTION
    if s == 0:
        return -math.inf, math.inf, 0.0, max(b, 0.0)
    bend = -b / s
    return (bend, math.inf, s, b) if s > 0 else (-math.inf, bend, s, b)
    ### END SOLUTION


check.exercise_2(as_clamp)

# %% [markdown]
# ### Exercise 3: Into the next layer (12 min, hard)
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


check.exercise_3(folded)

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

# %%
show(
    you_are_here(
        "block 1",
        "transition 1",
        "block 2",
        "transition 2",
        "block 3",
        "transition 3",
        "block 4",
        way="network",
    )
)

# %% [markdown]
# `frozen(network)` does this to all of a network. Norms after a convolution disappear into it: the stem's, and each `norm2`. Norms
# that read the growing maps become clamps: each `norm1`, and the transitions'. The transitions pool first, and nothing is
# concatenated. Its embeddings are the network's. In float64, and as it is used, in float32:

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
# And the time, for sixteen images of 96 × 96 pixels, the best of three? What percentage of it is left?

# %%
### BEGIN SOLUTION
my_guess = 50
### END SOLUTION
guess("percent of the time that is left", my_guess, unit="%")

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
with reveal("percent of the time that is left", round(100 * fast / plain), close=0.5):
    print(f"as it is written {plain:.2f} s, rewritten {fast:.2f} s")

# %% [markdown]
# There is not one approximation, no compiler: algebra, and a proof that it is right. `extract_features` uses this rewrite, and so does
# every training of a head.

# %% [markdown]
# ## What to keep
#
# - What is linear may move and change places. With a proof, it is safe to do so.
# - A BatchNorm with fixed statistics is a line; with a ReLU after it, a line with one bend.
# - Prove it in **float64**: exact algebra leaves a difference of about 1e-15, a mistake leaves far more.
#
# **Three questions.** (1) May the average pool before the classifier change places with the classifier? With the ReLU before
# it? (2) Why must the statistics of the norms be fixed for the second rewriting? (3) Which of the two rewritings would still
# hold if the ReLUs were replaced by a smooth function?
#
# **Next**: notebook 05 looks at the pictures before anything learns from them: ours, and then yours.

# %%
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

record_result(pool_may_move=logits_apart < 1e-9)
