"""One session of a run: from the last checkpoint on, until the run or the time is over.

The work folder holds

    crops/         the crop cache
    packages/      what it was cut from; may be deleted
    run/           recipe.json, checkpoint.safetensors, log.csv; before/ with the records of what it follows
    weights/       the result, once there is a checkpoint: weights, description, card
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from densekit.devices import bf16_is_fast, choose_compute
from densekit.errors import RunError, WeightsError
from densekit.files import read_json, write_atomically
from densekit.model.architectures import read_architecture
from densekit.model.state_dicts import check_fit, read_weights_file
from densekit.training.team import Team
from workshop.distillation.adapters import fit_adapters
from workshop.distillation.cache import open_cache
from workshop.distillation.distil import (
    Classroom,
    Examination,
    StepDone,
    distil,
    measure_standards,
)
from workshop.distillation.fast_teacher import efficientnet_lite0
from workshop.distillation.first_filters import first_filters
from workshop.distillation.logbook import LogBook
from workshop.distillation.norms import measure_statistics
from workshop.distillation.settings import Recipe, make_recipe
from workshop.distillation.state import State, load_state, new_state, save_state
from workshop.distillation.teacher import Teacher, TeacherMaker

CHECKPOINT, LOG, RECIPE, LOCK = "checkpoint.safetensors", "log.csv", "recipe.json", ".lock"
BEFORE, GRAFT, AVERAGE = "before", "graft.json", "average.json"

_HAS_LOCKS = find_spec("fcntl") is not None


@dataclass(frozen=True)
class Plan:
    """What one session shall do. It can be sent to other processes.

    Args:
        work: the work folder; its crop cache is there already.
        recipe: what the run follows.
        architecture: the student's, a name or a JSON file.
        first_weights: the file that a run begins with, if its recipe asks for one; not needed to go on with it.
        make_teacher: makes the teacher in each process.
        device: as in `choose_compute`.
        precision: 'fp32' or 'bf16'; 'auto' for bf16 where it is fast.
        minutes: stop after this time, to be continued; None to go on to the end.
        save_minutes: a checkpoint, and a row of the log, at least that often.
        examine_minutes: how often the student is examined on the pictures kept for it.
        progress: show a bar.
        hold_crops: keep all crops in the device's memory instead of reading them from the disk.
    """

    work: Path
    recipe: Recipe
    architecture: str = "densenet121"
    first_weights: Path | None = None
    make_teacher: TeacherMaker = efficientnet_lite0
    device: str = "auto"
    precision: str = "auto"
    minutes: float | None = None
    save_minutes: float = 3.0
    examine_minutes: float = 12.0
    progress: bool = True
    hold_crops: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.work / "run"


def train(team: Team, plan: Plan) -> None:
    """Go on with a run, or begin it; in each process of a team.

    Raises:
        DataError: there is no crop cache in the work folder.
        RunError: the run in the work folder follows another recipe, or somebody else is training it.
        TrainingError: the loss is no number any more.
        WeightsError: the first weights are of another network, or have not the teacher's classes.
    """
    with _claimed(plan.folder) if team.leads else nullcontext():
        _train(team, plan)


def _train(team: Team, plan: Plan) -> None:
    # Nothing here has to be exact, so bfloat16 is taken wherever it is fast.
    fast = "bf16" if plan.precision == "auto" and bf16_is_fast() else plan.precision
    compute = choose_compute(plan.device, fast)
    teacher = plan.make_teacher(compute)
    cache = open_cache(plan.work / "crops")
    held = compute.send(torch.from_numpy(np.array(cache.pixels))) if plan.hold_crops else None
    room = Classroom(cache, teacher, plan.recipe, compute, team, held)
    checkpoint = plan.folder / CHECKPOINT
    identity = f"{plan.recipe.identity()} {plan.architecture} {teacher.name} {room.cache.identity}"
    begins = team.told(not checkpoint.is_file())  # before the first of them writes one
    if begins:
        state = _begun(plan, room)
    else:
        state = new_state(read_architecture(plan.architecture), teacher, plan.recipe, compute, team=team)
        load_state(state, checkpoint, identity)
    if begins and team.leads:
        _keep_before(plan)
    keeper = (
        _Keeper(plan, state, room, lambda: save_state(state, checkpoint, identity)) if team.leads else None
    )
    began = monotonic()
    for event in distil(state, room):
        if keeper is not None:
            keeper.read(event)
        is_late = plan.minutes is not None and monotonic() - began >= 60 * plan.minutes
        if team.agree(is_late):
            break
    if keeper is not None:
        keeper.close()


def _begun(plan: Plan, room: Classroom) -> State:
    """Return the state before the first step, the same in each process."""
    config = read_architecture(plan.architecture)
    first_weights = _first_weights(plan, room.teacher)
    filters = None
    if first_weights is None and plan.recipe.first_filters == "ica":
        filters = first_filters(room, torch.Size((config.num_init_features, 3, 7, 7)))
        room.team.average([filters])  # no process may begin with others, not even by rounding
    state = new_state(config, room.teacher, plan.recipe, room.compute, first_weights, filters, room.team)
    measure_standards(state, room)
    if first_weights is not None:
        fit_adapters(state, room)
    return state


def _first_weights(plan: Plan, teacher: Teacher) -> dict[str, Tensor] | None:
    """Read the weights that the recipe asks for; None for random ones."""
    if not plan.recipe.first_weights:
        return None
    if plan.first_weights is None:
        raise RunError(
            f"the run in {plan.work} shall begin with the weights {plan.recipe.first_weights[:12]}…: say which "
            "file they are in, --first-weights FILE"
        )
    file = read_weights_file(plan.first_weights)
    if file.sha256 != plan.recipe.first_weights:
        raise RunError(
            f"{plan.first_weights} has the SHA-256 {file.sha256[:12]}…, the recipe asks for "
            f"{plan.recipe.first_weights[:12]}…: give the file that the recipe was made with"
        )
    check_fit(file.tensors, read_architecture(plan.architecture), plan.architecture, plan.first_weights)
    outputs = len(file.tensors.get("classifier.bias", ()))
    if outputs != teacher.num_classes:
        has = f"a classifier of {outputs} outputs" if outputs else "no classifier"
        raise WeightsError(
            f"{plan.first_weights} has {has}, {teacher.name} has {teacher.num_classes}: give weights that were "
            "distilled from it, in whole"
        )
    return file.tensors


def _keep_before(plan: Plan) -> None:
    """Keep what is known of the run that made the first weights, so that the card can tell of both."""
    shutil.rmtree(plan.folder / BEFORE, ignore_errors=True)
    if plan.recipe.first_weights and plan.first_weights is not None:
        earlier = plan.first_weights.parent / "run"
        copy_records(earlier, plan.folder / BEFORE)


def copy_records(folder: Path, to: Path, without: str | None = None) -> None:
    """Copy what tells how weights were made: every .json and .csv below a folder, and no checkpoint.

    Args:
        folder: the record of a run.
        to: where it goes.
        without: a folder in it that is left out.
    """
    for path in sorted(folder.rglob("*")):
        is_record = path.is_file() and path.suffix in (".json", ".csv")
        if is_record and path.relative_to(folder).parts[0] != without:
            with write_atomically(to / path.relative_to(folder), "w") as file:
                file.write(path.read_text(encoding="utf-8"))


def read_recipe(work: Path) -> Recipe | None:
    """Return the recipe of the run in a work folder; None if there is no run yet.

    Raises:
        RunError: its file is damaged.
    """
    path = work / "run" / RECIPE
    if not path.is_file():
        return None
    try:
        return make_recipe(**read_json(path)["recipe"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} can't be read: {error}") from error


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Keep the folder of a run to this process: two that write to it would undo each other's work.

    The claim ends with the process, however it ends. Systems without `fcntl` (Windows) go without.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not _HAS_LOCKS:
        yield
        return
    import fcntl

    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another process is training in {folder}: wait for its end, stop it, or use another work folder"
            ) from None
        yield


class _Keeper:
    """What the leading process does besides training: checkpoints, the log, the bar, the examinations."""

    def __init__(self, plan: Plan, state: State, room: Classroom, save: Callable[[], None]) -> None:
        self.plan, self.state, self.room, self.save = plan, state, room, save
        self.log = LogBook.resumed(plan.folder / LOG, state.counters.step)
        self.examine = Examination(room)
        self.saved = self.examined = monotonic()
        self.bar: Any = tqdm(
            total=plan.recipe.images,
            initial=state.counters.images,
            unit="image",
            desc="distilling",
            disable=not plan.progress,
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 60,
        )
        configuration = {
            "recipe": plan.recipe.model_dump(mode="json"),
            "architecture": plan.architecture,
            "teacher": room.teacher.name,
            "crops": room.cache.identity,
            "device": room.compute.device.type,
            "precision": room.compute.precision,
            "processes": room.team.size,
        }
        with write_atomically(plan.folder / RECIPE, "w") as file:
            file.write(json.dumps(configuration, indent=2) + "\n")

    def read(self, event: StepDone) -> None:
        self.log.read(event)
        facts = {"loss": f"{event.loss:.3f}", "px": event.size, "rate": f"{event.learning_rate:.1e}"}
        self.bar.set_postfix(facts, refresh=False)
        self.bar.update(event.images - self.bar.n)
        now = monotonic()
        if now - self.saved >= 60 * self.plan.save_minutes:
            self._keep(now - self.examined >= 60 * self.plan.examine_minutes)

    def close(self) -> None:
        measure_statistics(self.state, self.room)  # what is exported now shall be as good as it can be
        self._keep(examined=True)
        self.bar.close()

    def _keep(self, examined: bool) -> None:
        # The log first: if the checkpoint fails, resuming drops the row that has no weights.
        self.log.write(self.state, self.examine(self.state) if examined else None)
        self.save()
        self.saved = monotonic()
        if examined:
            self.examined = self.saved
