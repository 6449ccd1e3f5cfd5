from pathlib import Path

import pytest
import torch
from PIL import Image

from densekit.data.folder import open_folder
from densekit.data.loading import open_image
from densekit.data.scan import Sample
from densekit.devices import choose_compute
from densekit.features import FeatureStore, extract_features, store_key
from densekit.model.densenet import DenseNet
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
        monkeypatch.setattr("densekit.features.load_images", None)  # nothing may be loaded from here on
        again = extract_features(network, samples)
        assert torch.equal(first.inputs, again.inputs)

    def test_only_new_pictures_are_computed(
        self, network: DenseNet, samples: tuple[Sample, ...], own_cache: Path
    ) -> None:
        extract_features(network, samples[:3])
        extract_features(network, samples)
        sizes = [len(FeatureStore(_key(network), own_cache / "features"))]
        assert sizes == [len(samples)]
        assert len(cached_files(own_cache)) == 2

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
        monkeypatch.setattr("densekit.features.load_images", None)
        assert torch.equal(extract_features(network, [Sample(moved, 0)]).inputs, before.inputs)

    def test_other_weights_sizes_and_precisions_have_other_keys(self, tiny_architecture: Path) -> None:
        network = build(str(tiny_architecture), "none", 0)
        other = build(str(tiny_architecture), "none", 0, seed=1)
        fp32, bf16 = choose_compute("cpu", "fp32"), choose_compute("cpu", "bf16")
        larger = network.preprocessing.with_size(160)
        keys = {
            store_key(network, network.preprocessing, fp32),
            store_key(other, network.preprocessing, fp32),
            store_key(network, larger, fp32),
            store_key(network, network.preprocessing, bf16),
        }
        assert len(keys) == 4

    def test_a_head_that_was_trained_does_not_make_the_features_stale(self, network: DenseNet) -> None:
        before = _key(network)
        network.reset_classifier(7)
        assert _key(network) == before

    def test_one_changed_bit_of_the_weights_does(self, network: DenseNet) -> None:
        before = _key(network)
        with torch.no_grad():
            next(network.features.parameters()).view(-1)[0] += 1e-6
        assert _key(network) != before


class TestStore:
    def test_it_reads_back_what_another_wrote(self, tmp_path: Path) -> None:
        rows = torch.randn(2, 5)
        FeatureStore("key", tmp_path).add(["a", "b"], rows)
        store = FeatureStore("key", tmp_path)
        assert torch.equal(store.rows(["b", "a"]), rows.flip(0))
        assert "c" not in store

    def test_a_store_with_another_key_does_not_see_them(self, tmp_path: Path) -> None:
        FeatureStore("key", tmp_path).add(["a"], torch.zeros(1, 5))
        assert "a" not in FeatureStore("other", tmp_path)

    def test_in_memory_alone_nothing_is_written(self, tmp_path: Path) -> None:
        store = FeatureStore("key")
        store.add(["a"], torch.zeros(1, 5))
        assert "a" in store
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
    def test_a_damaged_file_is_left_out(self, tmp_path: Path, damage: str) -> None:
        FeatureStore("key", tmp_path).add(["a"], torch.ones(1, 5))
        (path,) = tmp_path.glob("*/*.safetensors")
        content = bytearray(path.read_bytes())
        if damage == "flip":
            content[-1] ^= 1  # one bit of one feature
        path.write_bytes({"cut": content[:-3], "flip": content, "empty": b"", "other": b"x" * 64}[damage])
        assert "a" not in FeatureStore("key", tmp_path)

    def test_a_file_of_another_store_that_got_here_is_left_out(self, tmp_path: Path) -> None:
        FeatureStore("key", tmp_path).add(["a"], torch.ones(1, 5))
        FeatureStore("other", tmp_path).add(["b"], torch.ones(1, 5))
        (path,) = (path for path in tmp_path.glob("*/*.safetensors") if "a" in _hashes(path))
        (other,) = (path for path in tmp_path.glob("*/*.safetensors") if "b" in _hashes(path))
        path.replace(other.with_name("strayed.safetensors"))
        assert "a" not in FeatureStore("other", tmp_path)


def _key(network: DenseNet) -> str:
    return store_key(network, network.preprocessing, choose_compute())


def _hashes(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return str(file.metadata()["hashes"])
