"""The command `densekit`, which is the same as `python -m densekit`."""

import sys


def main() -> None:
    """Run the command line; also while it is still being loaded, Ctrl-C ends it without a traceback."""
    try:
        from densekit.threads import wait_patiently

        wait_patiently()  # before anything brings torch
        from densekit.cli import main as run
    except KeyboardInterrupt:
        print("densekit: stopped", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
