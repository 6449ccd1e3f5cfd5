"""The weights that the next run begins with are whole, and said to be what they are."""

import csv
import json
from pathlib import Path

from densekit.model.architectures import read_architecture
from densekit.model.state_dicts import check_fit, read_weights_file
from workshop import distillation
from workshop.distillation.settings import make_recipe

FOLDER = Path(distillation.__file__).parent / "under_way"


def test_they_fit_and_came_to_the_end_of_their_run() -> None:
    path = FOLDER / "densenet121.safetensors"
    check_fit(read_weights_file(path).tensors, read_architecture("densenet121"), "densenet121", path)
    assert path.stat().st_size < 20e6
    configuration = json.loads((FOLDER / "run" / "recipe.json").read_text(encoding="utf-8"))
    recipe = make_recipe(**configuration["recipe"])
    *_, last = csv.DictReader((FOLDER / "run" / "log.csv").read_text(encoding="utf-8").splitlines())
    assert recipe.images <= int(last["images"]) < recipe.images + recipe.batch_size  # whole batches
    assert f"{recipe.images:,} views" in (FOLDER / "README.md").read_text(encoding="utf-8")
