"""A tiny teacher, a tiny student and a few pictures, so that a whole distillation takes a second."""

import atexit
import json
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from densekit.devices import Compute, choose_compute
from densekit.training.team import Team
from workshop.distillation import pace
from workshop.distillation.cache import build_cache, open_cache
from workshop.distillation.distil import Classroom
from workshop.distillation.package import Package
from workshop.distillation.session import Plan, train
from workshop.distillation.settings import Recipe, Stage, make_recipe
from workshop.distillation.sources import Source
from workshop.distillation.teacher import Lesson

TINY = {"growth_rate": 4, "block_config": [1, 1, 1, 1], "num_init_features": 8}


class TinyTeacher(nn.Module):
    """Random but always the same; its maps have strides 8, 16, 32, 32."""

    name: str = "tiny"
    map_channels: tuple[int, ...] = (4, 6, 8, 10)
    num_classes: int = 7

    def __init__(self, compute: Compute) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.weights = [torch.randn(n, 3, generator=generator) for n in self.map_channels]
        self.head = torch.randn(self.map_channels[-1], self.num_classes, generator=generator)

    def forward(self, views: Tensor) -> Lesson:
        maps = [
            torch.einsum("nchw,dc->ndhw", F.avg_pool2d(views, stride), weight)
            for stride, weight in zip((8, 16, 32, 32), self.weights, strict=True)
        ]
        features = maps[-1].mean(dim=(2, 3))
        return Lesson(maps, features, features @ self.head)


class BrokenTeacher(TinyTeacher):
    """A teacher that says nothing but NaN."""

    def forward(self, views: Tensor) -> Lesson:
        lesson = super().forward(views)
        return Lesson(lesson.maps, lesson.features * float("nan"), lesson.logits)


class LaterBrokenTeacher(TinyTeacher):
    """A teacher that says NaN in the third step of a run."""

    def __init__(self, compute: Compute) -> None:
        super().__init__(compute)
        self.batches_of_eight = 0  # a step's, while whatever is measured comes in other numbers

    def forward(self, views: Tensor) -> Lesson:
        lesson = super().forward(views)
        self.batches_of_eight += len(views) == 8
        return (
            lesson
            if self.batches_of_eight < 3
            else Lesson(lesson.maps, lesson.features * float("nan"), lesson.logits)
        )


def recipe(images: int = 24, **values: object) -> Recipe:
    """Return a recipe for a short run: eight views a step, 32 px, then 64 px."""
    stages = (Stage(size=32, teacher_size=64, share=0.5), Stage(size=64, teacher_size=64, share=0.5))
    return make_recipe(**{"images": images, "batch_size": 8, "stages": stages, "warm_up": 2, **values})


def unpacked(folder: Path, name: str = "some-pictures", count: int = 70) -> Package:
    """Make a package of small noisy photographs, as if it were unpacked."""
    generator = np.random.default_rng(len(name))
    (folder / name).mkdir(parents=True)
    for number in range(count):
        coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((130, 110), Image.Resampling.BICUBIC).save(
            folder / name / f"{number:03}.png"
        )
    return Package(name, "1.2-3", ("CC0", "GPL-2+"), folder / name)


@cache
def _crops() -> Path:
    """Cut the crops of 70 pictures, once in this process, which takes them away when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="crops-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    package = unpacked(folder / "packages")
    build_cache(folder / "crops", [Source(package.name, "pictures")], [package], 140, progress=False)
    return folder / "crops"


def work_folder(folder: Path, *, own_crops: bool = False) -> Path:
    """Make a work folder with a crop cache of 70 pictures.

    Args:
        folder: is made.
        own_crops: copy the crops, for a test that changes them; else they are those of all tests, to be read.
    """
    folder.mkdir(parents=True)
    if own_crops:
        shutil.copytree(_crops(), folder / "crops")
    else:
        (folder / "crops").symlink_to(_crops())
    (folder / "tiny.json").write_text(json.dumps(TINY))
    return folder


def classroom(work: Path) -> Classroom:
    """Return what stays the same over a run in a work folder that `work_folder` makes."""
    compute = choose_compute("cpu", "fp32")
    return Classroom(open_cache(work_folder(work) / "crops"), TinyTeacher(compute), recipe(), compute)


def plan(work: Path, the_recipe: Recipe | None = None, **values: object) -> Plan:
    """Return a plan for a session in a work folder that `work_folder` made."""
    settings = {
        "architecture": str(work / "tiny.json"),
        "make_teacher": TinyTeacher,
        "device": "cpu",
        "precision": "fp32",
        "save_minutes": 0.0,
        "progress": False,
    }
    return Plan(work, the_recipe or recipe(), **{**settings, **values})  # type: ignore[arg-type]


def vote_and_train(team: Team, folder: Path, the_plan: Plan) -> None:
    """Write what averaging and voting give in this process of a team, then train."""
    tensors = [torch.full((2, 3), float(team.rank)), torch.tensor(10.0 * team.rank)]
    team.average(tensors)
    votes = [team.agree(False), team.agree(team.rank == 1)]
    (folder / f"{team.rank}.json").write_text(json.dumps([tensors[0].tolist(), tensors[1].item(), votes]))
    train(team, the_plan)


def wait_for_ever(team: Team, folder: Path) -> None:
    """Say who this is, then wait."""
    (folder / f"{team.rank}.pid").write_text(str(os.getpid()))
    time.sleep(600)


def fit_and_tell(team: Team, folder: Path, the_plan: Plan, minutes: float) -> None:
    """Train within a time, and write the recipe that this process of a team has followed last."""

    def train_and_tell(team: Team, plan: Plan) -> None:
        (folder / f"followed-{team.rank}.json").write_text(plan.recipe.model_dump_json())
        train(team, plan)

    pace.train = train_and_tell  # in this process alone, which ends when the training does
    pace.train_within(team, the_plan, minutes)


def fail_in_one(team: Team) -> None:
    """Raise in the second process, while the first one waits for it."""
    if team.rank == 1:
        raise ValueError("this one is broken")
    team.agree(True)
