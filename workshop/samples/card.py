"""The data card of the tabletop pictures: what they are, where they come from, what they can't do."""

from collections.abc import Callable, Mapping
from inspect import getdoc

import PIL
import torch

from workshop.samples.objects import CLASSES, Thing
from workshop.samples.randomness import Chance


def data_card(counts: Mapping[str, int], size: int, quality: int, total_bytes: int) -> str:
    """Return the card as Markdown."""
    splits = "\n".join(f"| {split} | {count} | {count * len(CLASSES)} |" for split, count in counts.items())
    classes = "\n".join(f"| {name} | {_described(make)} |" for name, make in CLASSES.items())
    pictures = sum(counts.values()) * len(CLASSES)
    return _CARD.format(
        splits=splits,
        classes=classes,
        pictures=pictures,
        size=size,
        quality=quality,
        megabytes=f"{total_bytes / 1e6:.1f}",
        torch=torch.__version__.partition("+")[0],
        pillow=PIL.__version__,
    )


def _described(make: Callable[[Chance], Thing]) -> str:
    """Say what a class is, in the words of the function that makes one."""
    words = (getdoc(make) or "").removeprefix("Make ")
    return words[:1].upper() + words[1:]


_CARD = """# tabletop: ten kinds of things on a table

{pictures} pictures, {size}×{size} pixels, JPEG (quality {quality}), {megabytes} MB, in `train/`,
`val/` and `test/`. Each shows one thing of one class, with a few distractions, on a table.

| split | pictures a class | pictures |
|---|---|---|
{splits}

| class | what it is |
|---|---|
{classes}

## Where they come from
No photograph is in here. Every picture is computed by `workshop/samples/`: shapes written as distance functions,
a sphere tracer, soft shadows, ambient occlusion, mirror reflections, a lens that blurs what is out of focus and
spreads some of the light as haze, film that adds grain. A class decides the shape and nothing else. Pattern,
finish, colours, table, wall, lamp, camera and clutter are drawn by chance from the same distributions for every
class; `drawn.csv` lists what was drawn for each picture. A scene in which the thing is too small, cut off,
largely hidden, or shows nothing of the part that names it (a mug's handle) is drawn again.

Remake it: `make samples`, or

    python -m workshop.samples tabletop --out data_samples/tabletop

Check it: `python -m workshop.samples tabletop --check data_samples/tabletop`, or `sha256sum -c SHA256SUMS`.

The result is the same to the byte with any number of threads, because the renderer uses only operations whose
result IEEE 754 fixes to the last bit. On processors without AVX-512 about a fifth of the pictures differ
somewhere by a level all the same; they look the same, and the check with `--render` takes them. The JPEG
encoder is Pillow's; another major version of it, or of the libjpeg it was built with, could write other bytes
for the same pixels. Made with torch {torch} and Pillow {pillow}.

## Licence
Made for densekit and part of it: the MIT licence of the project covers the pictures; where you prefer, take
them under CC0 1.0 instead.

## What makes them hard
Some classes are close to each other: a tumbler is a mug without a handle, a vase is not a bottle, nor a die
a box, nor a nut a ring. Colours and patterns say nothing. A mug's handle may point at you, a thing may lie
on its side, be partly hidden, in shadow or slightly blurred. And the camera is a poor one: many pictures are
grainy, hazy, tinted, too dark or too bright, which photographs for the web seldom are. Features that were learned
elsewhere are not used to that, so they do worse here than they might. Each picture has its own chance, so no
scene occurs twice.

How hard, measured by `benchmarks/transfer.py`: a logistic regression on the standardised, frozen features of the
embedded DenseNet-121, at 128 pixels, with so many training pictures of each class (validation and test pictures
right, in percent; mean of five draws):

| features | 5 | 10 | 20 | 50 |
|---|---|---|---|---|
| embedded weights | 86 | 91 | 95 | 96 |
| random weights | 20 | 26 | 32 | 45 |

With 400 pictures to measure on, two points are noise.

## Known limits
Ten shapes from one renderer are not the world: accuracy here says how one method compares with another, not
how well it does on photographs. Things are clean and opaque and fill most of the picture; the camera always
looks down a little. There is no glass, no writing, nobody's hand. Light comes from one lamp and the
surroundings. Vases and teapots show faint rings, a trace of the grid that their distances are looked up in.
"""
