from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image

from densekit.config import AugmentationConfig
from densekit.data.folder import open_folder
from densekit.data.loading import open_image
from densekit.data.scan import Sample
from densekit.devices import choose_compute
from densekit.features import extract_features
from densekit.features.extraction import AS_IT_IS, Views, extract, open_store
from densekit.features.extractor import Extractor
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import FrozenDenseNet
from densekit.model.zoo import build


@pytest.fixture
def network(tiny_architecture: Path) -> DenseNet:
    return build(str(tiny_architecture), "none", 0)


@pytest.fixture
def samples(pictures: Path) -> tuple[Sample, ...]:
    return open_folder(pictures).val


def cached_files(cache: Path) -> list[Path]:
    return sorted(cache.glob("features/*/*.safetensors"))


class TestExtraction:
    def test_features_are_what_the_plain_network_makes_of_each_picture(
        self, network: DenseNet, samples: tuple[Sample, ...]
    ) -> None:
        features = extract_features(network, samples)
        network.eval()
        images = torch.stack([network.preprocessing(open_image(sample.path)) for sample in samples])
        with torch.no_grad():
            expected = network.forward_head(network.forward_features(images), pre_logits=True)
        assert features.inputs.shape == (len(samples), network.num_features)
        torch.testing.assert_close(features.inputs, expected, rtol=1e-5, atol=1e-5)
        assert features.labels.tolist() == [sample.label for sample in samples]
        assert features.samples == samples

    def test_not_one_bit_of_the_network_changes(self, network: DenseNet, samples: tuple[Sample, ...]) -> None:
        network.train()  # even if somebody left it in training mode
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        extract_features(network, samples)
        assert network.training
        assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())

    def test_what_was_computed_once_is_not_computed_again(
        self, network: DenseNet, samples: tuple[Sample, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = extract_features(network, samples)
        monkeypatch.setattr(FrozenDenseNet, "forward", None)  # nothing may be computed from here on
        again = extract_features(network, samples)
        assert torch.equal(first.inputs, again.inputs)

    def test_only_new_pictures_are_computed(
        self, network: DenseNet, samples: tuple[Sample, ...], own_cache: Path
    ) -> None:
        extract_features(network, samples[:3])
        extract_features(network, samples)
        assert len(cached_files(own_cache)) == 2
        rows = [len(safetensors.torch.load_file(path)["rows"]) for path in cached_files(own_cache)]
        assert sorted(rows) == [len(samples) - 3, 3]

    def test_without_a_cache_nothing_is_written(
        self, network: DenseNet, samples: tuple[Sample, ...], own_cache: Path
    ) -> None:
        extract_features(network, samples, cache=False)
        assert cached_files(own_cache) == []

    def test_progress_counts_every_picture_once(self, network: DenseNet, samples: tuple[Sample, ...]) -> None:
        for _ in ("computed", "from the store"):
            counts: list[int] = []
            extract_features(network, samples, progress=counts.append)
            assert sum(counts) == len(samples)

    def test_a_picture_that_can_not_be_read_is_left_out_and_named(
        self, network: DenseNet, samples: tuple[Sample, ...]
    ) -> None:
        broken = samples[1].path
        broken.write_bytes(broken.read_bytes()[:200])
        features = extract_features(network, samples)
        assert len(features) == len(samples) - 1
        assert [problem.path for problem in features.skipped] == [broken]
        assert broken not in [sample.path for sample in features.samples]

    def test_of_no_pictures_there_are_no_features(self, network: DenseNet) -> None:
        assert len(extract_features(network, [])) == 0


class TestStaleEntries:
    def test_a_picture_that_changed_gets_new_features(
        self, network: DenseNet, samples: tuple[Sample, ...]
    ) -> None:
        before = extract_features(network, samples)
        Image.new("RGB", (64, 48), "black").save(samples[0].path)
        after = extract_features(network, samples)
        assert not torch.equal(before.inputs[0], after.inputs[0])
        assert torch.equal(before.inputs[1:], after.inputs[1:])

    def test_a_picture_under_another_name_keeps_its_features(
        self, network: DenseNet, samples: tuple[Sample, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = extract_features(network, samples[:1])
        moved = samples[0].path.rename(samples[0].path.with_name("moved.png"))
        monkeypatch.setattr(FrozenDenseNet, "forward", None)
        assert torch.equal(extract_features(network, [Sample(moved, 0)]).inputs, before.inputs)

    def test_other_weights_sizes_and_precisions_have_other_keys(self, tiny_architecture: Path) -> None:
        network = build(str(tiny_architecture), "none", 0)
        other = build(str(tiny_architecture), "none", 0, seed=1)
        fp32, bf16 = choose_compute("cpu", "fp32"), choose_compute("cpu", "bf16")
        larger = network.preprocessing.with_size(160)
        extractors = [
            Extractor(network, "classifier", fp32),
            Extractor(other, "classifier", fp32),
            Extractor(network, "classifier", fp32, larger),
            Extractor(network, "classifier", bf16),
            Extractor(network, "denseblock4", fp32),
            Extractor(network, "all", fp32),
        ]
        assert len({extractor.identity for extractor in extractors}) == len(extractors)

    def test_what_is_trained_behind_the_cut_is_not_in_the_key(self, tiny_architecture: Path) -> None:
        network = build(str(tiny_architecture), "none", 0)
        before = Extractor(network, "denseblock3", choose_compute()).identity
        with torch.no_grad():
            network.features.denseblock3.denselayer1.conv1.weight.zero_()  # type: ignore[union-attr]
        assert Extractor(network, "denseblock3", choose_compute()).identity == before

    def test_a_head_that_was_trained_does_not_make_the_features_stale(self, network: DenseNet) -> None:
        before = _key(network)
        network.reset_classifier(7)
        assert _key(network) == before

    def test_one_changed_bit_of_the_weights_does(self, network: DenseNet) -> None:
        before = _key(network)
        with torch.no_grad():
            next(network.features.parameters()).view(-1)[0] += 1e-6
        assert _key(network) != before


def _key(network: DenseNet) -> str:
    return Extractor(network, "classifier", choose_compute()).identity


class TestReading:
    def test_each_file_is_read_once(
        self, network: DenseNet, samples: tuple[Sample, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Path] = []
        read_bytes = Path.read_bytes
        monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
        extract_features(network, samples)
        assert sorted(path for path in read if path.suffix == ".png") == sorted(one.path for one in samples)

    def test_the_same_picture_twice_is_no_problem(
        self, network: DenseNet, samples: tuple[Sample, ...]
    ) -> None:
        for _ in ("computed", "from the store"):
            features = extract_features(network, [samples[0], samples[1], samples[0]])
            assert torch.equal(features.inputs[0], features.inputs[2])

    def test_an_interrupted_extraction_keeps_what_it_computed(
        self, network: DenseNet, samples: tuple[Sample, ...], own_cache: Path
    ) -> None:
        extractor = Extractor(network, "denseblock4", choose_compute())

        def control_c(images: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            extract(extractor, samples, open_store(extractor), batch_size=2, progress=control_c)
        assert len(cached_files(own_cache)) == 1

    def test_features_do_not_depend_on_the_batch_they_were_computed_in(
        self, network: DenseNet, samples: tuple[Sample, ...]
    ) -> None:
        one = extract_features(network, samples, cache=False, batch_size=1)
        four = extract_features(network, samples, cache=False, batch_size=4)
        assert torch.equal(one.inputs, four.inputs)


class TestViews:
    def test_so_many_are_kept_of_each_picture_and_seen_in_turn(
        self, network: DenseNet, samples: tuple[Sample, ...]
    ) -> None:
        views = Views(AugmentationConfig(resized_crop=0.3, flip=True, colour=0.3), seed=1, kept=3)
        extractor = Extractor(network, "denseblock4", choose_compute())
        store = open_store(extractor, views=views)
        pictures = extract(extractor, samples, store, views)
        content = pictures.hashes[0]
        names = [views.name(content, epoch) for epoch in (1, 2, 3, 4)]
        assert names[0] == names[3]
        assert all(name in store for name in names)
        rows = store.rows(names)
        assert not torch.equal(rows[0], rows[1])

    def test_their_store_is_not_that_of_the_pictures_as_they_are(self, network: DenseNet) -> None:
        extractor = Extractor(network, "classifier", choose_compute())
        flip, light = AugmentationConfig(flip=True), AugmentationConfig(colour=0.2)
        keys = {open_store(extractor, views=Views(one, 0, 2)).key for one in (flip, light)}
        keys |= {open_store(extractor, views=one).key for one in (AS_IT_IS, Views(flip, 1, 2))}
        assert len(keys) == 4
