"""Explorers: sliders over plain functions, in JupyterLab, in Colab, in a batch run, and without any front end.

Each is an `Explorer` (`densekit.widgets.explorer`) over a function that a notebook also calls by itself, so that
whoever reads without a running kernel misses the sliders and nothing else.
"""
