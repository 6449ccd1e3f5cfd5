"""One phase of a training made ready: what is trained, and where its batches come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from torch import Tensor, nn

from densekit.config import PhaseConfig, RunConfig
from densekit.data.scan import Sample
from densekit.devices import Compute
from densekit.errors import DataError
from densekit.features.extraction import (
    AS_IT_IS,
    Features,
    Pictures,
    Progress,
    Views,
    extract,
    features_of,
    open_store,
    survey,
)
from densekit.features.extractor import Extractor
from densekit.features.store import FeatureStore
from densekit.model.cut import CLASSIFIER, TrainedPart, behind
from densekit.model.densenet import DenseNet
from densekit.training.source import MappedSource, PictureSource, Source, TensorSource
from densekit.training.standardise import Standardiser
from densekit.training.state import Counters
from densekit.training.team import Team
from densekit.training.validation import logits_of, predict_logits

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Material:
    """What all phases of a run have in common.

    Args:
        config: of the run.
        network: the whole network, on the device; training changes it.
        compute: where, and how precisely.
        team: the processes that train together.
        train: samples to learn from.
        val: samples to judge by.
        progress: called with a number of images each time that many are read.
    """

    config: RunConfig
    network: DenseNet
    compute: Compute
    team: Team
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    progress: Progress

    def in_turn(self, work: Callable[[], Answer]) -> Answer:
        """Do the same work in all processes, in one first: the others find in the store what it has computed."""
        if self.team.leads:
            answer = work()
            self.team.wait()
            return answer
        self.team.wait()
        return work()


@dataclass(frozen=True)
class Phase:
    """What one phase trains, and on what.

    Args:
        config: from where, and how.
        module: the trained part.
        compute: how precisely it is trained: a head in float32, whatever its embeddings were computed in, and
            never compiled.
        extractor: what stands before it.
        train, val: batches to learn from and to judge by.
        learned_from, held_back: the pictures in them.
        standardiser: the scale that a head is trained with; None if there is none.
        judged: embeddings of the held-back pictures as they are, where a head is trained.
    """

    config: PhaseConfig
    module: TrainedPart
    compute: Compute
    extractor: Extractor
    train: Source
    val: Source
    learned_from: Pictures
    held_back: Pictures
    standardiser: Standardiser | None = None
    judged: Features | None = None

    def final_logits(self) -> Tensor:
        """Return what the trained classifier says of the held-back pictures, (N, classes), after `leave`."""
        if self.judged is not None:
            return predict_logits(self.module.classifier, self.judged.inputs)
        return logits_of(self.module, self.val, self.compute)

    def pictures_seen(self, counters: Counters) -> int:
        """Return how many training images all epochs have seen, each counted each time."""
        pictures, batch_size = len(self.learned_from), self.config.training.batch_size
        return pictures * counters.epoch + min(pictures, counters.batch * batch_size)

    def enter(self, is_first: bool) -> None:
        """Bring a head that is there already to the scale of the features that it is trained with."""
        if self.standardiser is not None and not is_first:
            self._replace_head(self.standardiser.unfold)

    def leave(self) -> None:
        """Fold the scale of the features into the head, which then works on the network's own features."""
        if self.standardiser is not None:
            self._replace_head(self.standardiser.fold_into)

    def _replace_head(self, change: Callable[[nn.Linear], nn.Linear]) -> None:
        head = cast(nn.Linear, self.module.classifier)
        head.load_state_dict(change(head).state_dict())


def make_ready(config: PhaseConfig, material: Material) -> Phase:
    """Compute, or find in the store, what stands before the cut, and give the trained part its sources."""
    network, cut = material.network, config.train_from
    extractor = Extractor(network, cut, material.compute)
    data = material.config.data
    views = AS_IT_IS
    if data.augmentation.changes_anything:
        views = Views(data.augmentation, config.training.seed, data.stored_views)
    module = behind(network, cut)
    if cut == CLASSIFIER:
        return _head_phase(config, material, extractor, module, views)
    learned_from, train = _picture_source(material, extractor, material.train, views)
    held_back, val = _picture_source(material, extractor, material.val, AS_IT_IS)
    _check_some_left(held_back)
    return Phase(config, module, material.compute, extractor, train, val, learned_from, held_back)


def _head_phase(
    config: PhaseConfig, material: Material, extractor: Extractor, module: TrainedPart, views: Views
) -> Phase:
    compute = replace(material.compute, precision="fp32", compile=False)  # one product of matrices
    cache = material.config.data.cache_features

    def stored() -> tuple[FeatureStore, Pictures, Pictures]:
        store = open_store(extractor, cache)
        train, val = (
            extract(extractor, samples, store, progress=material.progress)
            for samples in (material.train, material.val)
        )
        return store, train, val

    store, learned_from, held_back = material.in_turn(stored)
    _check_some_left(held_back)
    plain, judged = (features_of(one, store).to(compute.device) for one in (learned_from, held_back))
    train: Source = TensorSource(plain.inputs, plain.labels)
    val: Source = TensorSource(judged.inputs, judged.labels)
    if views is not AS_IT_IS:
        learned_from, train = _picture_source(material, extractor, material.train, views)
    standardiser = None
    if _is_standardised(config, material.config.plan) and len(plain) > 0:
        standardiser = Standardiser.of(plain)
        train, val = standardised(train, standardiser), standardised(val, standardiser)
    return Phase(
        config, module, compute, extractor, train, val, learned_from, held_back, standardiser, judged
    )


def _is_standardised(config: PhaseConfig, plan: Sequence[PhaseConfig]) -> bool:
    """Say whether a head is trained on features of one scale.

    It learns faster on them, but once it has taken the scale in, its weights for features that hardly vary are
    large. That does no harm while the features stand still. As soon as they are trained, a batch's own statistics
    make them vary, and the head magnifies that: the loss rose from 0.7 to 34 on the photographs of ants and bees.
    """
    if config.training.standardise == "auto":
        return all(phase.train_from == CLASSIFIER for phase in plan)
    return config.training.standardise


def _check_some_left(held_back: Pictures) -> None:
    if not held_back.samples and held_back.skipped:
        raise DataError(
            f"none of the {len(held_back.skipped)} validation images can be read, so there is nothing to judge "
            f"by: {held_back.skipped[0]}"
        )


def standardised(source: Source, standardiser: Standardiser) -> Source:
    """Return a source whose inputs are brought to one scale: once, if they are in memory."""
    if isinstance(source, TensorSource):
        return replace(source, inputs=standardiser.scaled(source.inputs))
    return MappedSource(source, standardiser.scaled)


def _picture_source(
    material: Material, extractor: Extractor, samples: tuple[Sample, ...], views: Views
) -> tuple[Pictures, PictureSource]:
    if not (material.config.data.cache_features and views.can_be_stored):
        pictures = survey(samples, material.progress)
        return pictures, PictureSource(pictures, extractor, views)

    def stored() -> tuple[Pictures, PictureSource]:
        store = open_store(extractor, True, views)
        pictures = extract(extractor, samples, store, views, progress=material.progress)
        return pictures, PictureSource(pictures, extractor, views, store)

    return material.in_turn(stored)
