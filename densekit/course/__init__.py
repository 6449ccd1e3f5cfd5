"""The course tool: notebooks are built from sources, checked, and run in batch.

    notebooks/src/NN_name.py  ──build──►  notebooks/NN_name.ipynb            what the learner opens
                                          notebooks/solutions/NN_name.ipynb  the same with the solutions

The modules, in the order in which a notebook meets them: `places` (where things lie), `blanking` (solutions
become placeholders), `sources` (a source becomes cells), `execution` (cells become outputs), `tidying`
(outputs become the same bytes every time), `build`, `check`, `parameters`, `run`. A notebook itself imports
`results` alone, so this file imports nothing.
"""
