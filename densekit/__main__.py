"""`python -m densekit` is the same as `densekit`."""

from densekit.cli import main

main()
