"""Partial fine-tuning, with the frozen part's maps in a store and without.

    .venv/bin/python benchmarks/partial.py [--data DIR] [--train-from CUT] [--epochs N] [--rounds N] [--json]

Both ways are `densekit train` from the same cut, with the same pictures in the same order and no augmentation;
with the store the frozen part runs once per picture, without it in every epoch. The store is empty at the
beginning of each round, so filling it counts. The losses of both must agree.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from time import perf_counter

import pandas as pd
from timing import compared, interleaved, load, machine, print_table

from densekit import train
from densekit.files import sample_folder


def main() -> None:
    """Time both ways in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=None, help="the tabletop pictures if not given")
    parser.add_argument("--train-from", default="denseblock4")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], help="other settings, such as compute.precision=bf16")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    data = arguments.data or sample_folder("tabletop")
    results: dict[str, tuple[float, float]] = {}

    def way(stored: bool) -> float:
        settings = [f"data.cache_features={str(stored).lower()}", *arguments.set]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DENSEKIT_CACHE"] = folder
            began = perf_counter()
            run = train(
                data=data,
                train_from=arguments.train_from,
                epochs=arguments.epochs,
                settings=settings,
                out=Path(folder, "run"),
                progress=False,
            )
            took = perf_counter() - began
            losses = pd.read_csv(run.folder / "history.csv")["train_loss"].dropna()
        results["with the store" if stored else "without"] = (
            run.metrics["val_accuracy"],
            float(losses.iloc[-1]),
        )
        return took

    ways = {"without": lambda: way(False), "with the store": lambda: way(True)}
    seconds = interleaved(ways, arguments.rounds, warm_up=0)
    rows = [
        {"way": name, **row, "val_accuracy": results[name][0], "last_train_loss": results[name][1]}
        for name, row in compared(seconds, "without").items()
    ]
    told = {
        "machine": machine(),
        "data": data.name,
        "train_from": arguments.train_from,
        "epochs": arguments.epochs,
    }
    if arguments.json:
        print(json.dumps({**told, "rows": rows}, indent=2))
        return
    print(machine())
    print(f"{data.name}, trained from {arguments.train_from}, {arguments.epochs} epochs; {load()}")
    cells = [
        (
            str(row["way"]),
            f"{row['seconds']:.1f}",
            f"{row['times_faster']:.1f}",
            f"{row['val_accuracy']:.1%}",
            f"{row['last_train_loss']:.4f}",
        )
        for row in rows
    ]
    print_table(("partial fine-tuning", "seconds", "times faster", "val accuracy", "last train loss"), cells)


if __name__ == "__main__":
    main()
