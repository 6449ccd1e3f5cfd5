"""Batches: whose they are, the same from a store and from images, whatever decodes them."""

from pathlib import Path

import pytest
import torch

from densekit.config import AugmentationConfig
from densekit.data import loading
from densekit.data.folder import open_folder
from densekit.devices import choose_compute
from densekit.errors import DataError
from densekit.features.extraction import AS_IT_IS, Views, extract, open_store, survey
from densekit.features.extractor import Extractor
from densekit.model.zoo import build
from densekit.training.source import MappedSource, PictureSource, TensorSource

ORDER = (torch.tensor([3, 0, 7]), torch.tensor([5]), torch.tensor([2, 1]))
VIEWS = Views(AugmentationConfig(resized_crop=0.4, flip=True, colour=0.4), seed=1)


@pytest.fixture
def extractor(tiny_architecture: Path) -> Extractor:
    network = build(str(tiny_architecture), "none", 3)
    network.preprocessing = network.preprocessing.with_size(32)
    return Extractor(network, "denseblock3", choose_compute())


def all_of(source: PictureSource, epoch: int = 1) -> list[tuple[list[int], torch.Tensor, list[int]]]:
    return [(one.numbers.tolist(), one.inputs, one.labels.tolist()) for one in source.batches(ORDER, epoch)]


def equal(one: PictureSource, other: PictureSource, epoch: int = 1) -> bool:
    pairs = zip(all_of(one, epoch), all_of(other, epoch), strict=True)
    return all(a[0] == b[0] and torch.equal(a[1], b[1]) and a[2] == b[2] for a, b in pairs)


def test_tensors_come_in_the_order_that_is_asked_for() -> None:
    source = TensorSource(torch.arange(8.0)[:, None], torch.arange(8) % 3)
    first, *_ = source.batches(ORDER, 1)
    assert first.inputs.flatten().tolist() == [3, 0, 7]
    assert first.labels.tolist() == [0, 0, 1]


def test_a_change_is_made_to_every_batch_and_leaves_whose_it_is() -> None:
    source = MappedSource(TensorSource(torch.ones(8, 1), torch.arange(8) % 3), lambda inputs: inputs * 2)
    first, *_ = source.batches(ORDER, 1)
    assert first.numbers.tolist() == [3, 0, 7]
    assert first.inputs.flatten().tolist() == [2, 2, 2]


class TestPictures:
    @pytest.mark.parametrize(("size", "at_once"), [(32, 64), (224, 64), (448, 16), (1024, 3), (4096, 1)])
    def test_large_ones_are_judged_in_smaller_parts(
        self, extractor: Extractor, pictures: Path, size: int, at_once: int
    ) -> None:
        large = extractor.preprocessing.with_size(size)
        extractor = Extractor(extractor._network, "denseblock3", choose_compute(), large)
        assert PictureSource(survey(open_folder(pictures).val), extractor).at_once == at_once

    @pytest.mark.parametrize("cut", ["classifier", "denseblock3", "denseblock1", "all"])
    def test_from_the_store_they_are_what_they_are_from_the_images(
        self, extractor: Extractor, pictures: Path, cut: str
    ) -> None:
        extractor = Extractor(extractor._network, cut, choose_compute())
        samples = open_folder(pictures).train
        store = open_store(extractor)
        found = extract(extractor, samples, store)
        stored, fresh = PictureSource(found, extractor, store=store), PictureSource(found, extractor)
        assert equal(stored, fresh)
        (numbers, inputs, labels), *_ = all_of(stored)
        assert numbers == [3, 0, 7]
        assert labels == [samples[number].label for number in numbers]
        assert len(inputs) == 3

    def test_a_row_that_is_missing_or_damaged_is_computed(self, extractor: Extractor, pictures: Path) -> None:
        samples = open_folder(pictures).train
        extract(extractor, [samples[0], samples[2], samples[5]], open_store(extractor))
        some = open_store(extractor)
        assert some.folder is not None
        (shard,) = some.folder.glob("*.safetensors")
        content = bytearray(shard.read_bytes())
        content[-1] ^= 1  # of the last row
        shard.write_bytes(content)
        some, found = open_store(extractor), survey(samples)
        assert [found.hashes[number] in some for number in (0, 2, 5, 1)] == [True, True, False, False]
        assert equal(PictureSource(found, extractor, store=some), PictureSource(found, extractor))

    def test_kept_views_are_those_that_are_drawn(self, extractor: Extractor, pictures: Path) -> None:
        samples = open_folder(pictures).train
        views = Views(VIEWS.augmentation, seed=1, kept=2)
        store = open_store(extractor, views=views)
        found = extract(extractor, samples, store, views)
        stored = PictureSource(found, extractor, views, store)
        fresh = PictureSource(found, extractor, views)
        assert equal(stored, fresh, epoch=1) and equal(stored, fresh, epoch=2)
        assert equal(stored, fresh, epoch=3)
        first, second, third = (all_of(stored, epoch)[0][1] for epoch in (1, 2, 3))
        assert not torch.equal(first, second)
        assert torch.equal(first, third)

    def test_views_do_not_depend_on_threads_or_order(
        self, extractor: Extractor, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = PictureSource(survey(open_folder(pictures).train), extractor, VIEWS)
        monkeypatch.setattr(loading, "usable_cores", lambda: 1)
        alone = all_of(source, epoch=4)
        monkeypatch.setattr(loading, "usable_cores", lambda: 7)
        assert all(torch.equal(a[1], b[1]) for a, b in zip(alone, all_of(source, epoch=4), strict=True))
        (one,) = source.batches([torch.tensor([5])], 4)
        assert torch.equal(one.inputs, alone[1][1])
        assert not torch.equal(all_of(source, epoch=5)[0][1], alone[0][1])

    def test_a_picture_that_went_away_or_changed_is_told(self, extractor: Extractor, pictures: Path) -> None:
        found = survey(open_folder(pictures).train)
        source = PictureSource(found, extractor, AS_IT_IS)
        path = found.samples[3].path
        path.write_bytes(found.samples[4].path.read_bytes())
        with pytest.raises(DataError, match="has changed since the training began: put it back"):
            all_of(source)
        path.unlink()
        with pytest.raises(DataError, match="could be read when the training began: put it back"):
            all_of(source)
