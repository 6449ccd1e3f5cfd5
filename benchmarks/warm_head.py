"""Head training from a warm store, everything included, against an earlier version of densekit.

    .venv/bin/python benchmarks/warm_head.py [--before COMMIT] [--data DIR] [--rounds N] [--json]

The command is `densekit train` with the preset `head`, over images whose features are in the store already:
opening the folder, building the network, ten epochs, checkpoints, tables and heat maps. The earlier version is
taken out of the repository's history. Both run in turn in processes of their own that have imported everything
before; what counts is the time from the call of `train` to its return.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import compared, interleaved, load, machine, print_table

BEFORE = "8459e5b"  # the last commit before the one engine
ROOT = Path(__file__).resolve().parents[1]

WORK = """
import sys, tempfile, time
from pathlib import Path
import torch, pandas, numpy
import densekit.plots
from densekit import train
torch.set_num_threads(int(sys.argv[2]))
for line in sys.stdin:
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        run = train(data=sys.argv[1], out=Path(scratch, "run"), progress=False)
        print(time.perf_counter() - began, run.metrics["val_accuracy"], flush=True)
"""


class Version:
    """A version of densekit in a process that trains when it is asked to."""

    def __init__(self, root: Path, data: Path, threads: int, cache: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(root), "DENSEKIT_CACHE": str(cache)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORK, str(data), str(threads)],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.accuracy = 0.0

    def __call__(self) -> float:
        """Train once; return the seconds that it took."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds, accuracy = map(float, self.process.stdout.readline().split())
        self.accuracy = accuracy
        return seconds


def main() -> None:
    """Time both versions in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", default=BEFORE, help="a commit of this repository")
    parser.add_argument("--data", type=Path, default=ROOT / "data_samples" / "tabletop")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder, "earlier")
        earlier.mkdir()
        archive = subprocess.run(
            ["git", "archive", arguments.before], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "x"], cwd=earlier, input=archive.stdout, check=True)
        data = arguments.data.resolve()
        versions = {
            f"before ({arguments.before})": Version(earlier, data, arguments.threads, Path(folder, "a")),
            "now": Version(ROOT, data, arguments.threads, Path(folder, "b")),
        }
        seconds = interleaved(versions, arguments.rounds, warm_up=2)  # the first one fills the store
    before, *_ = versions
    rows = [
        {"version": name, **row, "val_accuracy": versions[name].accuracy}
        for name, row in compared(seconds, before).items()
    ]
    if arguments.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=2))
        return
    print(machine())
    print(f"{data.name}, preset head, {arguments.threads} thread(s), median of {arguments.rounds}; {load()}")
    cells = [
        (
            str(row["version"]),
            f"{row['seconds']:.2f}",
            f"{row['times_faster']:.1f}",
            f"{row['val_accuracy']:.1%}",
        )
        for row in rows
    ]
    print_table(("head training from a warm store", "seconds", "times faster", "val accuracy"), cells)


if __name__ == "__main__":
    main()
