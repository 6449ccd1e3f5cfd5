# ---
# jupyter:
#   densekit:
#     compared_at_least: 26
#     ignored_at_most: 4
# ---

# %% [markdown]
# # From ResNet to DenseNet: to add, or to put side by side
#
# A layer of a ResNet *adds* to what it was given. A layer of a DenseNet *appends* to it. This notebook builds both from a
# few lines, next to a plain network of the same depth, and measures what the difference is good for, and what it isn't.
#
# **You will be able to**
# - write plain, residual and dense layers, and say how much of the input is left after each of them,
# - count the connections and the channels of a dense block,
# - judge the four strengths that the DenseNet paper claims: which of them you have seen yourself, and which not.
#
# **You need** Python, and what a convolution, a ReLU and a gradient are: notebooks 00 and 01 say it.
#
# **Time**: 90 minutes, of which the machine needs less than one. **Difficulty**: medium.

# %% tags=["parameters"]
depth: int = 24  # layers of the networks whose gradients are compared
seeds: int = 5  # networks of each kind, each with other first weights
pictures: int = 8  # of each class, to see which features a trained network reads
image_size: int = 64  # pixels of a side of those pictures
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
# | feature map | 특징맵 | what one channel says about every spatial position of a picture |
# | channel | 채널 | one of the maps that a layer puts out |
# | skip connection, shortcut | 스킵 연결, 지름길 | a way around a layer |
# | vanishing gradient | 그레디언트 소멸 (기울기 소실) | what comes back to the first layers is too small to learn from |
# | feature propagation | 특징 전파 | features get to later layers unharmed |
# | feature reuse | 특징 재사용 | a later layer reads an early feature, and need not make it anew |
# | parameters | 매개변수 (파라미터) | the numbers that are learned |
# | transfer learning | 전이학습 | to keep features and train what reads them |

# %% [markdown]
# ## Three ways to wire

# %%
from densekit.plots import show, you_are_here

show(you_are_here("block 1", "block 2", "block 3", "block 4", way="network"))

# %% [markdown]
# This notebook is about what happens *inside* the blocks: how their layers are wired. We compare three ways. All three use the same layer: a ReLU and a 3×3 convolution. (A
# border of zeros, `padding=1`, keeps the maps as large as they were.) We call what it computes $F(x)$. The networks differ in one
# line each.

# %%
import torch
from torch import nn


def layer(in_channels: int, out_channels: int, norm: bool = False) -> nn.Sequential:
    normalisation = [nn.BatchNorm2d(in_channels)] if norm else []  # used later on
    return nn.Sequential(*normalisation, nn.ReLU(), nn.Conv2d(in_channels, out_channels, 3, padding=1))


# %%
def plain(x, layers):
    for one in layers:
        x = one(x)  # H(x) = F(x): what was there is replaced
    return x


def residual(x, layers):
    for one in layers:
        x = one(x) + x  # H(x) = F(x) + x: the layer learns only the difference to what was there
    return x


def dense(x, layers):
    for one in layers:
        x = torch.cat([x, one(x)], dim=1)  # what was there stays, and the new maps are appended
    return x


# %% [markdown]
# Five layers. The plain and the residual ones have 8 channels throughout. Each dense one adds 4: its **growth rate**. 8
# channels enter. How many come out of the dense network? Type your guess in the place of `...`.

# %%
from densekit.exercises.predictions import guess, reveal, show_guesses

### BEGIN SOLUTION
my_guess = 8 + 5 * 4
### END SOLUTION
guess("channels after five dense layers", my_guess)

# %%
in_channels, growth_rate, num_layers = 8, 4, 5
x = torch.randn(1, in_channels, 6, 6)

same_width = [layer(in_channels, in_channels) for _ in range(num_layers)]
growing = [layer(in_channels + number * growth_rate, growth_rate) for number in range(num_layers)]
with reveal("channels after five dense layers", dense(x, growing).shape[1]):
    print("plain   ", tuple(plain(x, same_width).shape))
    print("residual", tuple(residual(x, same_width).shape))
    print("dense   ", tuple(dense(x, growing).shape))
    print("channels into each dense layer:", [one[-1].in_channels for one in growing])

# %% [markdown]
# The plain and residual shapes stay what they were, the dense one grows with each layer. Note the last line: each dense
# layer reads more than the one before it, as it reads *everything* so far.
#
# The same as arrows. Look at how many arrive at the last layer.

# %%
from densekit.plots import connection_kinds

show(connection_kinds(5))

# %% [markdown]
# In the residual row, a shortcut leads around each layer to a sum, where it ends. In the dense row, arrows run from the input and
# from each layer to *every* later layer. (All of them leave the block, too, side by side; that is not drawn.)
#
# If the notebook runs, move the slider for the layers and watch the number of connections; then switch the wiring. (If you
# only read, you miss nothing: you will compute that number next.)

# %% tags=["volatile"]
from densekit.widgets.connections import connection_explorer

connection_explorer()

# %% [markdown]
# ### Exercise 1: count the arrows (5 min, easy)
# Write a function that returns the number of connections of a dense block with any number of layers. A right answer prints
# *passed*.

# %%
from densekit.exercises import from_resnet_to_densenet as check


def connections(layers: int) -> int:
    ### BEGIN SOLUTION
    return layers * (layers + 1) // 2
    ### END SOLUTION


check.exercise_1(connections)

# %% [markdown]
# DenseNet-121 has four dense blocks, with 6, 12, 24 and 16 layers. How many connections do they have in total? A rough
# guess will do.

# %%
### BEGIN SOLUTION
my_guess = 21 + 78 + 300 + 136
### END SOLUTION
guess("connections in the blocks of DenseNet-121", my_guess)

# %%
blocks = densekit.densenet121(weights="none").config.block_config
by_block = [sum(range(1, number + 1)) for number in blocks]
with reveal("connections in the blocks of DenseNet-121", sum(by_block)):
    print("layers in each block:     ", blocks)
    print("connections in each block:", by_block)

# %% [markdown]
# ### Exercise 2: channels that come in (5 min, easy)
# How many channels does layer `number` of a dense block read? The first layer is number 1; `in_channels` enter the block,
# and each layer adds `growth_rate`.


# %%
def channels_into(number: int, in_channels: int, growth_rate: int) -> int:
    ### BEGIN SOLUTION
    return in_channels + (number - 1) * growth_rate
    ### END SOLUTION


check.exercise_2(channels_into)

# %% [markdown]
# ## What adding loses
#
# A sum does not know where it came from. Here is what was there (`x`), what a layer found (`new`), and the two ways to
# go on.

# %%
x, new = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0])
print("added:       ", (x + new).tolist())
print("side by side:", torch.cat([x, new]).tolist())

# %% [markdown]
# ### Exercise 3: a shortcut that does not fit (6 min, medium)
# In a ResNet, some layers change the number of channels or the size of the maps, and then `x` can't be added to what they
# put out. The remedy is a small convolution on the shortcut. It is given to the function: use it.


# %%
def residual_layer(x, layer, shortcut):
    ### BEGIN SOLUTION
    return layer(x) + shortcut(x)
    ### STARTER
    # return layer(x) + x
    ### END SOLUTION


check.exercise_3(residual_layer)

# %% [markdown]
# ### Exercise 4: the same sum (3 min, easy)
# Find another `x` and another `new`, two numbers each, with the same sum as above: (4, 3). A network that adds can't tell
# your pair from ours.

# %%
### BEGIN SOLUTION
other_x = [2.0, 0.0]
other_new = [2.0, 3.0]
### END SOLUTION
check.exercise_4(other_x, other_new)

# %% [markdown]
# Side by side nothing is lost. We can check it on the networks from above: is the input still to be found in the output?

# %% tags=["false-is-meant"]
x = torch.randn(1, in_channels, 6, 6)
for name, wire, chosen in [
    ("plain", plain, same_width),
    ("residual", residual, same_width),
    ("dense", dense, growing),
]:
    output = wire(x, chosen)
    print(f"{name:9}", "the first 8 maps are the input:", torch.equal(output[:, :in_channels], x))

# %% [markdown]
# ### Exercise 5: cut out what a layer added (8 min, medium)
# `features` is the output of a dense block, (N, channels, H, W). Return the maps that layer `number` added, and no others.


# %%
def added_by(number, features, in_channels, growth_rate):
    ### BEGIN SOLUTION
    first = in_channels + (number - 1) * growth_rate
    return features[:, first : first + growth_rate]
    ### END SOLUTION


check.exercise_5(added_by)

# %% [markdown]
# ### Exercise 6: addition out of concatenation (10 min, hard)
# Can a layer that reads a concatenation do what a residual layer does? A 1×1 convolution multiplies the channels at each
# spatial position by a matrix. Return the matrix, (channels, 2 · channels), that turns `cat([x, new])` into `x + new`.


# %%
def adding_weights(channels: int) -> torch.Tensor:
    ### BEGIN SOLUTION
    return torch.cat([torch.eye(channels), torch.eye(channels)], dim=1)
    ### END SOLUTION


check.exercise_6(adding_weights)

# %% [markdown]
# So joining loses nothing that adding keeps: a 1×1 convolution on the joined maps can add them, as long as no ReLU stands between.
# Dense connections pay for it: what is kept has to be stored, and read again by each
# layer. This is why a dense layer adds only a few channels, and why notebook 03 squeezes them between the blocks.

# %% [markdown]
# ## What comes back: the gradient by depth

# %%
show(you_are_here("stem", "block 1", way="network"))

# %% [markdown]
# To learn, the first layer needs to be told how the loss changes with what it puts out: the gradient, which comes back
# through all layers after it. We measure it for the three kinds at equal depth and with about as many parameters. 16
# channels enter; a plain or residual layer keeps them, a dense layer adds 4.


# %%
def build(kind: str, norm: bool) -> list[nn.Sequential]:
    if kind == "dense":
        return [layer(16 + 4 * number, 4, norm).double() for number in range(depth)]
    return [layer(16, 16, norm).double() for _ in range(depth)]


for kind in ("plain", "residual", "dense"):
    print(f"{kind:9}{sum(p.numel() for one in build(kind, False) for p in one.parameters()):7,} parameters")

# %% [markdown]
# Noise stands in for the pictures, since we ask about the wiring and not about any data. A *hook* keeps what each layer puts
# out, and after the backward pass we read the gradient there: the root of its mean square, one number a layer.


# %%
def gradient_sizes(wire, layers):
    outputs = []
    for one in layers:
        one.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    maps = wire(torch.randn(8, 16, 8, 8, dtype=torch.float64), layers)
    for output in outputs:
        output.retain_grad()
    scores = nn.Linear(maps.shape[1], 10, dtype=torch.float64)(maps.mean(dim=(2, 3)))  # (8, 10)
    nn.functional.cross_entropy(scores, torch.arange(8)).backward()
    return [output.grad.square().mean().sqrt().item() for output in outputs]


def measure(norm: bool) -> dict[str, list[list[float]]]:
    sizes = {"plain": [], "residual": [], "dense": []}
    for seed in range(seeds):
        for kind, wire in (("plain", plain), ("residual", residual), ("dense", dense)):
            torch.manual_seed(seed)
            sizes[kind].append(gradient_sizes(wire, build(kind, norm)))
    return sizes


# %% [markdown]
# In the plain network, how many times smaller is the gradient at the first layer than at the last? Write a power of ten: if
# you think that it is 1000 = 10³ times smaller, write 3.

# %%
### BEGIN SOLUTION
my_guess = 10
### END SOLUTION
guess("power of ten of the plain network's gradients", my_guess)

# %%
import math

without_norm = measure(norm=False)
plain_ratios = [sizes[-1] / sizes[0] for sizes in without_norm["plain"]]
power = round(math.log10(sorted(plain_ratios)[seeds // 2]))
with reveal("power of ten of the plain network's gradients", power, close=0.3):
    print("smaller at the first layer than at the last in every network:", min(plain_ratios) > 1)

# %% [markdown]
# Now all of them: without normalisation on the left, with a BatchNorm in front of each ReLU on the right, as ResNets and
# DenseNets have it. Look for the line that is far from flat, and at which way it goes in each panel.

# %%
from densekit.plots import gradient_by_depth

with_norm = measure(norm=True)
panels = {"without normalisation": without_norm, "with BatchNorm": with_norm}
with reveal("power of ten of the plain network's gradients", power, quiet=True):
    show(gradient_by_depth(panels, f"Gradient at what each of {depth} layers puts out, {seeds} seeds"))

# %% [markdown]
# Without normalisation, the plain network's first layers are told nothing: with PyTorch's default weights, each layer
# passes on less than half of what reaches it. The shortcuts of both other kinds keep the gradient within a small factor.
#
# With BatchNorm the plain gradient no longer vanishes: it *grows* towards the input. So a fair account is that
# normalisation cured the vanishing before DenseNet came; the authors of ResNet say of their plain networks that vanishing
# gradients are unlikely to be what makes them hard to train (He et al., *Deep Residual Learning*, CVPR 2016, section 4.1). What
# shortcuts add is on the right, too: a gradient that changes by a small factor only.


# %% tags=["false-is-meant"]
def spread(sizes: list[list[float]]) -> float:
    """The median over the seeds of the largest gradient of a layer over the smallest."""
    return sorted(max(one) / min(one) for one in sizes)[seeds // 2]


for name, sizes in panels.items():
    calm = {kind: spread(each) < 10 for kind, each in sizes.items()}
    print(f"{name}: all layers within a factor of ten?", calm)

# %% [markdown]
# This is the state before training, on noise. It says which layers *can* begin to learn at once, not how well the trained
# network will do.

# %% [markdown]
# ## What a network costs
#
# Two numbers say what a network costs: its **parameters** (memory, and what has to be learned) and its **multiply-adds**
# (work). Parameters are easily counted. The work of a layer depends on the size of its maps, too.

# %% [markdown]
# ### Exercise 7: the work of a convolution (6 min, medium)
# How many multiply-adds does a convolution need for one picture? It has `kernel` × `kernel` weights for each pair of
# channels, no bias, and its maps keep their size, `side` × `side`.


# %%
def multiply_adds(in_channels: int, out_channels: int, kernel: int, side: int) -> int:
    ### BEGIN SOLUTION
    return in_channels * out_channels * kernel**2 * side**2
    ### END SOLUTION


check.exercise_7(multiply_adds)

# %% [markdown]
# Now a whole network, torchvision's ResNet-18, by hand. On the device `meta`, tensors have a shape and no content, so this
# takes no time: we let an empty image run through, and each layer notes its work. (Shapes of weights: (out, in, kernel,
# kernel) for a convolution and (out, in) for a linear layer.)

# %%
from densekit.vision import torchvision

work = []


def note_work(module, inputs, output):
    work.append(output.numel() * module.weight[0].numel())  # each number is a sum over one row of weights


with torch.device("meta"):
    resnet18 = torchvision.models.resnet18().eval()
    for module in resnet18.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(note_work)
    _ = resnet18(torch.empty(1, 3, 224, 224))
print(f"{sum(p.numel() for p in resnet18.parameters()):,} parameters, {sum(work):,} multiply-adds")

# %% [markdown]
# The function `zoo_table` does this for the networks that torchvision offers for transfer learning, AlexNet to DenseNet. It
# also finds the depth: the layers with weights on the *longest* way through. The accuracy is not ours: it is what
# torchvision publishes with its weights (source: `weights.meta` of torchvision; ImageNet-1K, 50 000 validation pictures,
# one crop each).

# %%
from densekit.model.proof.zoo_table import zoo_table

zoo = zoo_table()
print("as by hand:", zoo.loc["resnet18", "multiply_adds"] == sum(work))
print("networks:", ", ".join(zoo.index))

# %% [markdown]
# Which of them is the deepest, and which has the most parameters? Write their names.

# %%
### BEGIN SOLUTION
deepest, largest = "densenet201", "vgg16"
### END SOLUTION
guess("the deepest network", deepest)
guess("the network with the most parameters", largest)

# %%
table = zoo[["depth", "accuracy"]].copy()
table.insert(1, "parameters (M)", (zoo["parameters"] / 1e6).round(1))
table.insert(2, "multiply-adds (G)", (zoo["multiply_adds"] / 1e9).round(2))
reveal("the network with the most parameters", zoo["parameters"].idxmax())
with reveal("the deepest network", zoo["depth"].idxmax()):
    display(table)

# %% [markdown]
# Depth and size are different things: the network with the most parameters is one of the shallow ones.
#
# The same as a picture: up is more accurate, left is cheaper. Compare the squares (DenseNets) with the circles (ResNets), in both panels.

# %%
from densekit.plots import zoo_scatter

show(zoo_scatter(zoo))

# %% [markdown]
# On the left, the DenseNets lie clearly to the left of the ResNets: the same accuracy for fewer parameters. On the right the gap is
# small. A weight works once at every position of its map, and a DenseNet has more of its weights on large maps: each is used some
# 350 times in DenseNet-121, and 160 times in ResNet-50. DenseNet-161, which stands beside the line because
# its layers add more channels than those of the others, is no better than a ResNet-101 for the same work. And the triangles
# that point up (networks made for phones) show that neither is the last word where a phone has to do the work.

# %% [markdown]
# ### Exercise 8: smaller and better (6 min, medium)
# Which networks of the table have fewer parameters **and** a higher accuracy than `resnet50`? Give a list of their names.

# %%
### BEGIN SOLUTION
reference = zoo.loc["resnet50"]
smaller_and_better = list(
    zoo.index[(zoo.parameters < reference.parameters) & (zoo.accuracy > reference.accuracy)]
)
### STARTER
# smaller_and_better = ...
### END SOLUTION
check.exercise_8(smaller_and_better, zoo)

# %% [markdown]
# One more look at those accuracies. For some networks torchvision has a second set of weights:

# %%
from densekit.model.proof.zoo_table import accuracy_of, published

for name in ("resnet50", "densenet121"):
    print(f"{name:12}", {weights.name: accuracy_of(weights) for weights in published(name)})

# %% [markdown]
# ### Exercise 9: a fair comparison (4 min, medium)
# Somebody compares the higher number of ResNet-50 with that of DenseNet-121. What do the two numbers show?
#
# - (a) Residual connections are better than dense ones.
# - (b) Not that: both the networks and the ways they were trained differ.
# - (c) Nothing: such numbers differ by chance.

# %%
### BEGIN SOLUTION
verdict = "b"
### END SOLUTION
check.exercise_9(verdict)

# %% [markdown]
# ## Are the old features used at all?
#
# Dense connections *allow* a layer to read everything before it. Whether training makes use of that can be asked of a
# trained network: the DenseNet-121 that comes with densekit. First its weights. In each layer of block 2, how large are
# they, on average, for what comes from each earlier layer? (Times the gain of the BatchNorm before it, since both multiply.)

# %%
from densekit import densenet121
from densekit.plots import weight_by_source

network = densenet121().eval()
sizes = []
for dense_layer in network.features.denseblock2.values():
    weights = dense_layer.conv1.weight[:, :, 0, 0] * dense_layer.norm1.weight  # (128, channels)
    by_channel = weights.abs().mean(dim=0).detach()
    from_input, *from_layers = by_channel.split([128] + [32] * ((len(by_channel) - 128) // 32))
    sizes.append([float(part.mean()) for part in (from_input, *from_layers)])
show(weight_by_source(sizes, "Mean size of a weight by where it reads from, dense block 2 (row mean: 1)"))

# %% [markdown]
# The newest features get the largest weights in most rows. The old ones get less, by and large, as the block goes on, but nothing
# goes to 0: even the last layer gives the block's input about a quarter of what it gives its neighbour. That is weak evidence, though: a weight may
# be large, and what it reads hardly differ from one picture to the next.
#
# A stronger test is to *take the old features away*. Each layer may look back only at the last few layers; whatever is older
# is replaced by its average, so that it says nothing about the picture.


# %%
def look_back(network, reach: int) -> list:
    """Let each dense layer read only the last `reach` of its sources; return the hooks, to undo it."""
    hooks = []
    for name, module in network.named_modules():
        if name.startswith("features.denseblock") and name.endswith(".norm1"):
            number = int(name.split(".")[2].removeprefix("denselayer"))  # it has as many sources
            if number > reach:
                hooks.append(module.register_forward_pre_hook(forget_all_but(32 * reach)))
    return hooks


def forget_all_but(kept: int):
    def forget(norm, inputs):
        features = inputs[0].clone()  # (N, channels, H, W)
        features[:, :-kept] = norm.running_mean[:-kept, None, None]
        return (features,)

    return forget


# %% [markdown]
# We classify some of the sample pictures by the nearest class: the mean embedding of five training pictures each. No head is
# trained, so nothing else can make up for what is missing.

# %%
from densekit import open_folder, sample_folder
from densekit.data.loading import open_image

folder = open_folder(sample_folder("tabletop"))
classes = range(len(folder.classes))


def first_of_each(samples, count: int) -> list:
    by_class = [[sample for sample in samples if sample.label == label] for label in classes]
    return [sample for of_one_class in by_class for sample in of_one_class[:count]]


chosen = first_of_each(folder.train, 5) + first_of_each(folder.val, pictures)
preprocess = network.preprocessing.with_size(image_size)
images = torch.stack([preprocess(open_image(sample.path)) for sample in chosen])
labels = torch.tensor([sample.label for sample in chosen])
print("pictures:", tuple(images.shape))


# %%
def accuracy_looking_back(reach: int) -> float:
    hooks, known = look_back(network, reach), 5 * len(classes)
    with torch.no_grad():
        embeddings = network.forward_head(network.forward_features(images), pre_logits=True)
    for hook in hooks:
        hook.remove()
    centres = torch.stack([embeddings[:known][labels[:known] == c].mean(dim=0) for c in classes])
    guesses = torch.cdist(embeddings[known:], centres).argmin(dim=1)
    return (guesses == labels[known:]).float().mean().item()


# %% [markdown]
# Block 3 has 24 layers, so looking back 24 takes nothing away. What share of the pictures is still right if a layer looks
# back 12 layers, and if it looks back 3? Guess in percent.

# %%
### BEGIN SOLUTION
back_12, back_3 = 80, 40
### END SOLUTION
guess("right when looking back 12 layers", back_12, unit="%")
guess("right when looking back 3 layers", back_3, unit="%")

# %% tags=["nbval-ignore-output"]
accuracies = {reach: accuracy_looking_back(reach) for reach in (24, 12, 6, 3)}
in_percent = {reach: round(100 * share) for reach, share in accuracies.items()}
reveal("right when looking back 12 layers", in_percent[12], close=0.2)
with reveal("right when looking back 3 layers", in_percent[3], close=0.3):
    for reach, share in in_percent.items():
        print(f"looking back {reach:2} layers: {share:3} % of {pictures * len(classes)} pictures right")

# %%
with reveal("right when looking back 3 layers", in_percent[3], quiet=True):
    print("with everything, above 60 %:", accuracies[24] > 0.6)
    print("looking back 3 layers, 20 points less or worse:", accuracies[3] < accuracies[24] - 0.2)
    print("half of the way is nearly enough, within 15 points:", abs(accuracies[24] - accuracies[12]) < 0.15)

# %% [markdown]
# With few pictures, each number may be off by ten points, but the fall is far larger: a trained DenseNet does read features
# that are more than three layers old. What the test can't say is how good a network would become if it had to do without
# them from the start.

# %% [markdown]
# ## Why DenseNet: four claims, examined
#
# The paper (Huang et al., *Densely Connected Convolutional Networks*, CVPR 2017) claims four strengths.
#
# | claim | what you have seen | what you can't see here |
# |---|---|---|
# | alleviates the vanishing gradient (그레디언트 소멸, 기울기 소실 완화) | over 24 dense layers the gradient stays within a small factor, the plain one vanishes or grows | that this decides the accuracy; residual layers do it as well, and BatchNorm alone already stops the vanishing |
# | strengthens feature propagation (강력한 특징 전파) | the input of a block is in its output, unchanged | that a later layer makes good use of it in every case |
# | encourages feature reuse (특징 재사용 활성화) | old features keep a part of the weights, and without those older than three layers a trained network gets far fewer right | whether a network trained without them would be worse |
# | substantially fewer parameters (파라미터 수 감소) | at equal published accuracy, fewer parameters than the ResNets of the same table | fewer multiply-adds or less time: work is nearly that of the ResNets, and storing all features costs memory |
#
# For this course DenseNet-121 was chosen since its features propagate unharmed, which suits transfer learning (전이학습), since
# it is small enough to be trained on a laptop, and since its wiring is simple enough to be rebuilt by you: next.

# %% [markdown]
# ## What to keep
#
# - **Residual**: $H(x) = F(x) + x$. The sum keeps the gradient alive and forgets what was added. **Dense**: $[x, F(x)]$. Nothing
#   is forgotten, and each layer may read all that came before it.
# - $L$ layers have $L(L+1)/2$ dense connections; layer $l$ reads $k_0 + (l-1)\,k$ channels.
# - Few parameters are not little work, and an accuracy belongs to a network *and* the way it was trained.
#
# **Three questions.** (1) A dense layer adds few channels, a residual layer rewrites all of them: why can the dense one afford
# that? (2) You double the growth rate of a block. What happens, roughly, to its parameters? (3) Which single experiment would
# convince you that feature reuse, and not something else, makes DenseNets accurate?
#
# **Next**: notebook 03 builds DenseNet-121 layer by layer.

# %%
show_guesses()

# %% tags=["result"]
from densekit.course.results import record_result

record_result(
    connections=sum(by_block),
    looking_back_everything=round(accuracies[24], 3),
    looking_back_3=round(accuracies[3], 3),
)
