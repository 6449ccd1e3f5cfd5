"""A small training for `make chaos`: begins a run, or goes on with it. `python train.py FOLDER`.

It trains a tiny network, with dropout and changing views, on pictures that it draws itself.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from densekit import resume, train

SETTINGS = {
    "model.weights": "none",
    "model.train_from": "denseblock3",
    "model.drop_rate": 0.2,
    "data.image_size": 32,
    "data.augmentation": {"flip": True, "resized_crop": 0.5, "colour": 0.2},
    "training.epochs": 3,
    "training.save_step": 3,
    "training.learning_rate": 0.01,
}


def draw_pictures(folder: Path) -> None:
    """Draw two classes of ten noisy pictures, told apart by their colour."""
    generator = np.random.default_rng(0)
    for name, colour in {"blue": (40, 60, 200), "red": (200, 50, 40)}.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(10):
            pixels = (np.array(colour) + generator.normal(0, 40, (48, 64, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02}.png")


def main() -> None:
    """Begin a run in the folder that is named, or go on with it."""
    out = Path(sys.argv[1])
    if (out / "config.yaml").exists():
        resume(out, progress=False)
        return
    material = Path(
        tempfile.gettempdir(), "densekit-chaos"
    )  # the same for all runs: its path is in their files
    material.mkdir(exist_ok=True)
    draw_pictures(material / "pictures")
    shape = material / "tiny.json"
    shape.write_text(json.dumps({"growth_rate": 8, "block_config": [1, 1, 1, 1], "num_init_features": 16}))
    settings = {**SETTINGS, "model.architecture": str(shape)}
    train(data=material / "pictures", settings=settings, out=out, progress=False)


if __name__ == "__main__":
    main()
