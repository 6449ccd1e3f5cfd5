"""One sitting over a run: from its beginning, or from where an earlier sitting ended."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from densekit.config import RunConfig
from densekit.data.folder import open_folder
from densekit.devices import bf16_is_fast, choose_compute
from densekit.errors import RunError
from densekit.evaluation.files import write_tables
from densekit.evaluation.report import Report
from densekit.files import write_json, write_text
from densekit.model.cut import CLASSIFIER
from densekit.model.saving.block import save_memory
from densekit.run.artefact import Artefact
from densekit.run.classifier import backbone
from densekit.run.folder import (
    CHECKPOINT,
    CONFIG,
    EVALUATION,
    HEAD,
    METRICS,
    MODEL,
    SPLIT,
    TENSORBOARD,
    Split,
)
from densekit.run.identity import identity
from densekit.run.keeper import Keeper
from densekit.run.phase import Material, Phase, make_ready
from densekit.run.plan import check_classes, check_plan, check_saving, section_of
from densekit.run.reading import how_many, is_kept, read_aloud
from densekit.run.remarks import Teller, remark_on_stderr, repeated
from densekit.run.reports import forget_reports
from densekit.training.checkpoint import read_notes, remove_checkpoints
from densekit.training.events import Event, Finished, PhaseBegins
from densekit.training.loop import fit
from densekit.training.progress import ProgressBar
from densekit.training.randomness import number_of_batches
from densekit.training.state import Best, Counters, TrainingState, copy_weights, start
from densekit.training.stop import Stop, stopped_by_interrupt
from densekit.training.team import Team, least_in_batch
from densekit.training.tensorboard import TensorBoardLog, check_installed

Listener = Callable[[Event], None]


class Session:
    """A training with everything that it needs.

    Args:
        config: of the run, with absolute paths.
        team: the processes that train together.
        progress: show progress bars.
        on_event: called with each event.
        stop: whoever has it can end the training properly.
        split: the pictures of a run that goes on; those of the data folder if not given.
        tell: called with each remark on the run; if not given, they are printed on standard error.

    Raises:
        DensekitError: images, network or settings can't be used.
    """

    def __init__(
        self,
        config: RunConfig,
        team: Team,
        progress: bool = True,
        on_event: Listener | None = None,
        stop: Stop | None = None,
        split: Split | None = None,
        tell: Teller | None = None,
    ) -> None:
        self.config, self.team, self.split = config, team, split
        self._teller = tell or remark_on_stderr
        self.progress = progress and team.leads
        self.on_event = on_event or (lambda event: None)
        self.stop = stop or Stop()
        if config.logs.tensorboard:
            check_installed()  # before anything is written
        wanted = config.compute
        self.compute = choose_compute(wanted.device, wanted.precision, wanted.compile)
        if config.compute.precision == "bf16" and not bf16_is_fast(self.compute.device):
            self._tell("this processor has no instructions for bf16, so it is slower here than fp32")
        root, data = config.data.folder, config.data
        if split is None:
            opened = open_folder(root, data.val_fraction, data.split_seed)
            self.classes, self.train, self.val = opened.classes, opened.train, opened.val
            self.problems = [problem.to_dict() for problem in (*opened.skipped, *opened.warnings)]
        else:
            self.classes, self.problems = split.classes, list(split.left_out)
            self.train, self.val = (tuple(split.samples(root, part)) for part in ("train", "val"))
        self.network = backbone(config, len(self.classes), config.plan[0].training.seed)
        check_plan(config, self.network, len(self.train), team)
        if config.compute.save_memory:
            check_saving(self.compute, team)
            save_memory(self.network)
        self.compute.place(self.network)

    def first_phase(self) -> Phase:
        """Return the first phase, made ready to be trained; nothing is written but features into the store."""
        return self._ready(0, Counters())

    def carry_out(self, folder: Path) -> None:
        """Do what is left to do: read, extract, train, report."""
        try:
            if self.team.leads and not (folder / CONFIG).exists():
                write_text(folder / CONFIG, self.config.to_yaml())
            finished, phase, keeper, state = self._all_phases(folder)
            # Perhaps of another process; who asks from now on changes nothing.
            asked = self.team.agree(self.stop.requested)
            why = ("asked" if asked else "patience") if finished.stopped else None
            if self.team.leads:
                with stopped_by_interrupt(self.stop):  # nothing is left to be stopped, and all is to be kept
                    self._complete(folder, finished, why, phase, keeper, state.counters)
            self.team.wait()
        except (KeyboardInterrupt, OSError) as end:  # somebody's wish, or a full disk
            if (folder / CONFIG).exists():
                end.add_note(f"continue with `densekit train --resume {folder}`")
            raise

    def _all_phases(self, folder: Path) -> tuple[Finished, Phase, Keeper, TrainingState]:
        notes = read_notes(folder / CHECKPOINT)
        known = Counters(**notes.get("counters", {}))
        first = known.phase
        if self.split is not None and not notes:
            self._tell(f"{folder} has no checkpoint yet, so the training begins anew")
        if first >= len(self.config.plan):
            raise RunError(
                f"the run {folder} was in phase {first + 1}, and its {CONFIG} lists {len(self.config.plan)} now: "
                "put back the others, or start a new run"
            )
        keeper = Keeper(folder, self.classes, writes=self.team.leads, tell=self._tell)
        earlier: TrainingState | None = None
        for number in range(first, len(self.config.plan)):
            phase = self._ready(number, earlier.counters if earlier else known, begins=earlier is None)
            if number == first:
                self._agree_on_pictures(folder, phase)
                keeper.identity = identity(
                    self.config, self.network, self.compute.precision, self.classes, phase
                )
            state = start(phase.module, phase.config.training)
            if earlier is None:
                for complaint in keeper.resume(state):
                    self._tell(complaint)
            else:
                state.counters, state.best = _carried_over(earlier, phase)
            is_last = number + 1 == len(self.config.plan)
            finished = self._one_phase(phase, state, keeper, is_last)
            earlier = state
            if self.team.agree(self.stop.requested):  # lost patience ends a phase, and the next one begins
                # This phase may have come to its end all the same: others have not.
                finished = replace(finished, stopped=finished.stopped or not is_last)
                break
        return finished, phase, keeper, state

    def _ready(self, number: int, counters: Counters, begins: bool = True) -> Phase:
        total = how_many(self.config, number, len(self.train), len(self.val))
        stop = self.stop if begins and self.team.size == 1 else None  # later, there are weights to be kept
        kept = is_kept(self.config, number)
        with read_aloud(total, counters, self.progress, self.on_event, stop, kept) as count:
            material = Material(
                self.config, self.network, self.compute, self.team, self.train, self.val, count
            )
            phase = make_ready(self.config.plan[number], material)
        phase.enter(is_first=number == 0)
        return phase

    def _one_phase(self, phase: Phase, state: TrainingState, keeper: Keeper, is_last: bool) -> Finished:
        settings = phase.config.training
        where = section_of(self.config, state.counters.phase)
        events = fit(
            phase.module, phase.train, phase.val, settings, state, phase.compute, self.team, self.stop, where
        )
        begins = self._beginning_of(phase, state.counters)
        self.on_event(begins)
        bar = ProgressBar(begins.last_step, begins.step, begins.epochs, shown=self.progress)
        log = None
        if self.config.logs.tensorboard and self.team.leads:
            log = TensorBoardLog(keeper.folder / TENSORBOARD, state.counters.step, keeper.history)
        with stopped_by_interrupt(self.stop), bar, log or nullcontext():
            for event in events:
                keeper.read(event, state)
                bar.read(event)
                if log:
                    log.read(event)
                self.on_event(event)
        assert isinstance(event, Finished)  # the loop's last word
        if not (event.stopped or is_last) and self.team.agree(self.stop.requested) and keeper.writes:
            keeper.save(state)  # between two phases, for the next one to begin with
        phase.leave()
        return event

    def _beginning_of(self, phase: Phase, counters: Counters) -> PhaseBegins:
        settings = phase.config.training
        least = least_in_batch(phase.module, self.team, settings)
        batches = number_of_batches(len(phase.learned_from), settings.batch_size, least)
        last_epoch = counters.first_epoch + settings.epochs
        left = (last_epoch - counters.epoch) * batches - counters.batch
        epochs = last_epoch + sum(one.training.epochs for one in self.config.plan[counters.phase + 1 :])
        return PhaseBegins(counters.epoch, counters.step, last_epoch, counters.step + left, epochs)

    def _agree_on_pictures(self, folder: Path, phase: Phase) -> None:
        """Remember the pictures of a new run; refuse to go on with others than those of an old one."""
        split = Split.of(self.config.data.folder, self.classes, phase.learned_from, phase.held_back)
        skipped = (*phase.learned_from.skipped, *phase.held_back.skipped)
        if self.split is not None and (split.train, split.val) != (self.split.train, self.split.val):
            changed = f": {skipped[0]}" if skipped else ""
            raise RunError(
                f"the run {folder} belongs to a training with other images or settings{changed}; put them back "
                "as they were, or start a new run"
            )
        if self.split is None:
            check_classes(self.config.data.folder, self.classes, phase.learned_from)
            for remark in repeated(self.config.data.folder, phase.learned_from, phase.held_back):
                self._tell(remark)
            self.problems += [problem.to_dict() for problem in skipped]
            if self.team.leads:
                replace(split, left_out=tuple(self.problems)).write(folder / SPLIT)

    def _complete(
        self,
        folder: Path,
        finished: Finished,
        why: str | None,
        phase: Phase,
        keeper: Keeper,
        counters: Counters,
    ) -> None:
        """Write the classifier, the reports, and then the numbers, and `why` it ended early, if it did."""
        # Of an earlier end: the run is not complete until they are written again.
        (folder / METRICS).unlink(missing_ok=True)
        forget_reports(folder / EVALUATION)  # on the weights of an earlier end of this run
        cut = phase.config.train_from
        artefact = Artefact.of(self.network, self.classes, cut, phase.extractor.fingerprint)
        name, other = (HEAD, MODEL) if cut == CLASSIFIER else (MODEL, HEAD)
        artefact.save(folder / name)
        (folder / other).unlink(missing_ok=True)  # of an earlier phase, in which the run was stopped
        report = Report.from_logits(phase.held_back.labels, phase.final_logits(), self.classes)
        write_tables(report, folder / EVALUATION)
        keeper.draw_heat_maps()
        seen, before = phase.pictures_seen(counters), counters.first_epoch  # of the phases before
        metrics = self._metrics(finished, why, report, phase, keeper.seconds, seen)
        write_json(folder / METRICS, metrics)
        if before and finished.best_epoch <= before < finished.epoch:
            self._tell(
                f"no validation of the last phase ({cut}) was better than epoch {finished.best_epoch}, before "
                "it: those weights are kept. A lower learning_rate or a larger batch_size for that phase may help"
            )
        if why != "asked":
            remove_checkpoints(folder / CHECKPOINT)
            return
        self._tell(
            f"stopped after {finished.epoch} of {metrics['epochs']} epochs, at step {finished.step}: the run "
            f"in {folder} is complete, with the best weights so far; continue with "
            f"`densekit train --resume {folder}`"
        )

    def _metrics(
        self, finished: Finished, why: str | None, report: Report, phase: Phase, seconds: float, seen: int
    ) -> dict[str, Any]:
        plan = self.config.plan
        n_train = len(phase.learned_from)
        return {
            "val_accuracy": report.accuracy,
            "val_loss": report.loss,
            "best_epoch": finished.best_epoch,
            "best_step": finished.best_step,
            "epochs": sum(one.training.epochs for one in plan),
            "epochs_done": finished.epoch,
            "stopped": why,
            "seconds": round(seconds, 3),
            # training images seen in a second, everything included, over all sessions
            "images_per_second": round(seen / seconds, 1),
            "n_train": n_train,
            "n_val": len(phase.held_back),
            "classes": list(self.classes),
            "skipped": [problem for problem in self.problems if problem["left_out"]],
            "warnings": [problem for problem in self.problems if not problem["left_out"]],
            "device": str(self.compute.device),
            "precision": self.compute.precision,
            "architecture": self.config.model.architecture,
            "weights": self.config.model.weights,
            "weights_sha256": self.network.weights.sha256,
            "train_from": phase.config.train_from,
        }

    def _tell(self, text: str) -> None:
        if self.team.leads:
            self._teller(text)


def _carried_over(earlier: TrainingState, phase: Phase) -> tuple[Counters, Best]:
    """Go on counting where the phase before ended; its best weights, which the network has, are to be beaten."""
    before, best = earlier.counters, earlier.best
    counters = Counters(before.phase + 1, before.epoch, before.epoch, before.step, validated_at=before.step)
    return counters, replace(best, weights=copy_weights(phase.module))
