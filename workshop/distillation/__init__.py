"""How the embedded weights are made: a small network learns to see what a trained one sees.

    packages   Debian packages with openly licensed pictures: fetched by name, unpacked, licences read
    sources    which packages, and what kind of pictures each one holds
    pictures   finding the pictures in them, also those inside the archives of games
    crops      cutting squares from pictures, and setting things on backgrounds
    cache      all crops in one memory-mapped file, with a manifest
    teacher    EfficientNet-Lite0: what is to be imitated
    student    DenseNet-121 with the adapters that compare its maps to the teacher's
    views      the random crops, colours and mixtures that both look at
    settings   the recipe, and the plan over a run
    progress   the log and the progress bar
    checkpoint everything that a run needs to go on
    distil     the loop, in one process or several
    card       the finished file, its description and its card

`python -m workshop.distillation --work DIR` does all of it, and goes on where it was stopped.
"""
