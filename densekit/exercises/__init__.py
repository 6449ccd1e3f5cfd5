"""Exercises that check themselves: a framework, and a module or package of checkers for each notebook.

In a notebook, an exercise is one cell:

    from densekit.exercises import start_here as check

    channels = ...
    check.exercise_1(channels)

The call shows whether the exercise is still to do, passed, or not there yet, and why; it never raises,
whatever it is fed. `check.exercise_1.hint(1)` opens a hint, `check.exercise_1.solution()` a solution.
"""
