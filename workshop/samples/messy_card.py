"""The data card of the messy folder."""

CARD = """# messy: a folder with everything wrong

{files} small files that teach what `densekit doctor` finds: pictures that are damaged, doubtful, in the wrong
place, there twice, in two classes, or in both `train/` and `val/`; files that are no pictures; classes that are
none. It is for looking at, not for learning from: the pictures are patches of colour and show nothing.

`manifest.json` is the truth: what is wrong with which path, by the kinds that `densekit doctor --json` names.
What is not in it is in order.

## What is not in it
Hidden files and folders, links, files that may not be read, names that are no text, empty folders: neither
Git nor a package carries these. `densekit.data.messy.write_messy(folder)` copies this folder to a place of
yours, adds them, and returns the whole truth. Two kinds are missing: a single class would exclude the others,
and a missing file is in no folder.

## Where it comes from
Everything is made by `workshop/samples/messy.py`, from chance and whole numbers; ordinary pictures are JPEGs of
{width}×{height} pixels. Remake or check it:

    python -m workshop.samples messy --out data_samples/messy
    python -m workshop.samples messy --check data_samples/messy

## Licence
Made for densekit and part of it: the MIT licence of the project covers it; where you prefer, take it under
CC0 1.0 instead.

## Known limits
Each kind is there once or twice, and clearly: nothing here says how well doubtful cases are told. The limits of
the doctor were set on photographs, not on this folder.
"""
