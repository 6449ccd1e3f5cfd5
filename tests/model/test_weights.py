"""Weights: by name, from the network, from files; and every way in which they can be wrong."""

import hashlib
import http.server
import json
import pickle
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from densekit.errors import ConfigError, DownloadError, FingerprintError, WeightsError
from densekit.model import downloads, inventory, weights
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.downloads import Release, download, fetch_imagenet, official_release
from densekit.model.inventory import examine_weights, known_weights, verify_weights
from densekit.model.state_dicts import fingerprint
from densekit.model.weights import load_weights, save_weights
from densekit.model.weights_info import IMAGENET

TINY = DenseNetConfig(growth_rate=4, block_config=(1, 2), num_init_features=8)


def tiny(num_classes: int = 3) -> DenseNet:
    torch.manual_seed(0)
    return DenseNet(TINY, num_classes)


def legacy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict as torchvision's files have it: older names, no count of batches."""
    names = {f"{kind}{number}": f"{kind}.{number}" for kind in ("norm", "conv") for number in (1, 2)}
    return {
        ".".join(names.get(part, part) if "denselayer" in key else part for part in key.split(".")): value
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }


# The fingerprint


def test_fingerprint_is_the_same_for_a_network_and_its_state_dict() -> None:
    assert fingerprint(tiny()) == fingerprint(tiny().state_dict()) == fingerprint(tiny())


def test_fingerprint_does_not_depend_on_order_memory_format_or_counted_batches() -> None:
    network = tiny()
    expected = fingerprint(network)
    state = network.state_dict()
    assert fingerprint(dict(reversed(state.items()))) == expected
    assert fingerprint(network.to(memory_format=torch.channels_last)) == expected
    network.features.norm5.num_batches_tracked += 1
    assert fingerprint(network) == expected


@pytest.mark.parametrize("change", ["one bit", "a name", "a type", "a shape", "a buffer"])
def test_fingerprint_changes_with(change: str) -> None:
    state = dict(tiny().state_dict())
    expected = fingerprint(state)
    weight = state["classifier.weight"]
    if change == "one bit":
        changed = weight.clone()
        changed.view(torch.int32)[0, 0] ^= 1
        state["classifier.weight"] = changed
    elif change == "a name":
        state["classifier.weights"] = state.pop("classifier.weight")
    elif change == "a type":
        state["classifier.weight"] = weight.view(torch.int32)
    elif change == "a shape":
        state["classifier.weight"] = weight.reshape(-1, 3)
    else:
        state["features.norm5.running_mean"] = state["features.norm5.running_mean"] + 1e-6
    assert fingerprint(state) != expected


def test_fingerprint_takes_bfloat16_and_scalars() -> None:
    assert len(fingerprint({"a": torch.zeros(3, dtype=torch.bfloat16), "b": torch.tensor(1.0)})) == 64


# By name


def test_embedded_weights_come_with_their_description_and_without_a_classifier() -> None:
    loaded = load_weights("embedded")
    assert loaded.info.name == "embedded"
    assert loaded.info.architecture == "densenet121"
    assert loaded.info.classes is None
    assert (loaded.info.preprocessing.resize, loaded.info.preprocessing.crop) == (146, 128)
    assert (
        loaded.info.sha256
        == hashlib.sha256((weights.EMBEDDED / "densenet121.safetensors").read_bytes()).hexdigest()
    )
    assert loaded.num_classes == 0
    assert {tensor.dtype for tensor in loaded.state_dict.values()} == {torch.float32, torch.int64}
    assert all(tensor.isfinite().all() for tensor in loaded.state_dict.values())


def test_embedded_weights_are_shipped_with_a_card_that_names_their_hash() -> None:
    card = (weights.EMBEDDED / "README.md").read_text(encoding="utf-8")
    assert load_weights("embedded").info.sha256 in card


@pytest.mark.parametrize("architecture", ["densenet161", "densenet169", "densenet201"])
def test_embedded_weights_for_another_network_are_refused_with_what_is_possible(architecture: str) -> None:
    with pytest.raises(
        WeightsError, match=rf"densenet121 alone, not for '{architecture}': .*'imagenet' or 'none'"
    ):
        load_weights("embedded", architecture)


def test_a_changed_embedded_file_is_refused_with_both_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "densenet121.safetensors"
    safetensors.torch.save_file({"features.conv0.weight": torch.zeros(1)}, file)
    (tmp_path / "densenet121.json").write_bytes((weights.EMBEDDED / "densenet121.json").read_bytes())
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    expected = load_weights("embedded").info.sha256
    monkeypatch.setattr(weights, "EMBEDDED", tmp_path)
    with pytest.raises(FingerprintError, match=rf"{found}.*{expected}.*install densekit again"):
        load_weights("embedded")


def test_random_weights_are_the_same_each_time_and_leave_the_random_state_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = load_weights("none")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = load_weights("none")
    assert first.info == second.info
    assert first.info.sha256 == fingerprint(first.state_dict) == fingerprint(second.state_dict)
    assert load_weights("none", seed=1).info.sha256 != first.info.sha256


def test_random_weights_take_the_preprocessing_of_the_embedded_ones() -> None:
    assert load_weights("none").info.preprocessing == load_weights("embedded").info.preprocessing


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("embeded", "did you mean 'embedded'"),
        ("resnet", "known are"),
        ("x" * 5000, "known are"),  # too long for the name of a file
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(WeightsError, match=rf"called '{name}': {hint}"):
        load_weights(name)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no architecture 'densenet12': did you mean 'densenet121'"):
        load_weights("none", "densenet12")


# From a file


def test_a_safetensors_file_brings_back_what_was_saved(tmp_path: Path, tiny_json: str) -> None:
    network = tiny()
    network.preprocessing = network.preprocessing.with_size(64)
    path = tmp_path / "mine.safetensors"
    save_weights(path, network, ("ant", "bee", "꿀벌"))
    loaded = load_weights(path, tiny_json)
    assert loaded.info.classes == ("ant", "bee", "꿀벌")
    assert loaded.info.preprocessing == network.preprocessing
    assert loaded.info.name == str(path)
    assert loaded.info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert fingerprint(loaded.state_dict) == fingerprint(network)


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        save_weights(tmp_path / name, tiny(), ("a", "b", "c"))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_json_file_beside_the_weights_describes_them(tmp_path: Path, tiny_json: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / "mine.pth")
    preprocessing = IMAGENET.with_size(96)
    description = {"classes": ["a", "b", "c"], "preprocessing": preprocessing.to_dict(), "note": "anything"}
    (tmp_path / "mine.json").write_text(json.dumps(description), encoding="utf-8")
    info = load_weights(str(tmp_path / "mine.pth"), tiny_json).info
    assert (info.classes, info.preprocessing) == (("a", "b", "c"), preprocessing)


def test_a_file_without_a_description_is_taken_for_imagenet_sized(tmp_path: Path, tiny_json: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / "mine.pth")
    info = load_weights(tmp_path / "mine.pth", tiny_json).info
    assert (info.classes, info.preprocessing) == (None, IMAGENET)


@pytest.mark.parametrize("zipped", [True, False])
def test_names_of_older_files_are_accepted(tmp_path: Path, tiny_json: str, zipped: bool) -> None:
    older = legacy(tiny().state_dict())
    assert "features.denseblock1.denselayer1.norm.1.weight" in older
    torch.save(older, tmp_path / "older.pth", _use_new_zipfile_serialization=zipped)
    loaded = load_weights(tmp_path / "older.pth", tiny_json)
    assert fingerprint(loaded.state_dict) == fingerprint(tiny())


def test_half_precision_becomes_single(tmp_path: Path, tiny_json: str) -> None:
    path = tmp_path / "half.safetensors"
    safetensors.torch.save_file(tiny().half().state_dict(), path)
    assert load_weights(path, tiny_json).state_dict["classifier.weight"].dtype == torch.float32


def test_weights_without_a_classifier_are_weights(tmp_path: Path, tiny_json: str) -> None:
    torch.save(tiny(num_classes=0).state_dict(), tmp_path / "features.pth")
    assert load_weights(tmp_path / "features.pth", tiny_json).num_classes == 0


def refusal(path: Path, architecture: str) -> str:
    with pytest.raises(WeightsError) as caught:
        load_weights(path, architecture)
    assert str(path.parent) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_refused_with_the_nearest(tmp_path: Path, tiny_json: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / "flowers.pth")
    assert "did you mean 'flowers.pth'?" in refusal(tmp_path / "flower.pth", tiny_json)


def test_a_missing_file_in_an_empty_folder_is_refused(tmp_path: Path, tiny_json: str) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no weights" in refusal(tmp_path / "empty" / "flower.pth", tiny_json)


def test_a_missing_folder_is_named(tmp_path: Path, tiny_json: str) -> None:
    assert "there is no folder" in refusal(tmp_path / "no" / "flower.pth", tiny_json)


def test_a_folder_is_refused(tmp_path: Path, tiny_json: str) -> None:
    (tmp_path / "folder.pth").mkdir()
    assert "can't be read: a folder, where a file is needed" in refusal(tmp_path / "folder.pth", tiny_json)


def test_an_unknown_ending_is_refused(tmp_path: Path, tiny_json: str) -> None:
    (tmp_path / "mine.h5").touch()
    assert "has the ending '.h5': expected '.safetensors', '.pth'" in refusal(tmp_path / "mine.h5", tiny_json)
    (tmp_path / "folder").mkdir()
    assert "is a folder: name a weights file" in refusal(tmp_path / "folder", tiny_json)


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("left", [0, 7, 400])
def test_a_truncated_file_is_refused(tmp_path: Path, tiny_json: str, ending: str, left: int) -> None:
    whole = tmp_path / f"whole{ending}"
    if ending == ".pth":
        torch.save(tiny().state_dict(), whole)
    else:
        save_weights(whole, tiny(), None)
    cut = tmp_path / f"cut{ending}"
    cut.write_bytes(whole.read_bytes()[:left])
    assert "is damaged" in refusal(cut, tiny_json)


def altered(data: bytes, at: int) -> bytes:
    """Return the data with all bits of one byte turned."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize("zipped", [True, False])
class TestDamage:
    """In the first and the last kilobyte of a file of torch's it is told what and where everything is."""

    @pytest.fixture
    def whole(self, tmp_path: Path, zipped: bool) -> bytes:
        torch.save({"a": torch.zeros(3)}, tmp_path / "whole", _use_new_zipfile_serialization=zipped)
        return (tmp_path / "whole").read_bytes()

    def test_a_file_that_was_cut_is_refused_wherever(
        self, tmp_path: Path, tiny_json: str, whole: bytes
    ) -> None:
        path = tmp_path / "cut.pth"
        for left in range(0, len(whole), 5):
            path.write_bytes(whole[:left])
            assert "is damaged" in refusal(path, tiny_json)

    def test_a_file_with_another_byte_is_refused_wherever(
        self, tmp_path: Path, tiny_json: str, whole: bytes
    ) -> None:
        path = tmp_path / "altered.pth"
        for at in range(-min(len(whole), 1024), min(len(whole), 1024), 3):
            path.write_bytes(altered(whole, at))
            assert refusal(path, tiny_json)  # perhaps for what is in it: a byte of a name is no damage to see


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_text_file_is_refused(tmp_path: Path, tiny_json: str, ending: str) -> None:
    path = tmp_path / f"page{ending}"
    path.write_text("404 Not Found", encoding="utf-8")
    assert "is damaged" in refusal(path, tiny_json)


@pytest.mark.parametrize("kind", ["F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"])
def test_numbers_that_are_not_read_are_refused_with_their_type(
    tmp_path: Path, tiny_json: str, kind: str
) -> None:
    size = {"F4": 4, "F8": 8}.get(kind[:2], 6)  # bytes of eight numbers
    entry = {"dtype": kind, "shape": [8], "data_offsets": [0, size]}
    header = json.dumps({"features.conv0.weight": entry}).encode()
    path = tmp_path / "small.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    told = refusal(path, tiny_json)
    # An older safetensors knows nothing of such numbers, and takes the file for damaged.
    assert f"numbers of type {kind}: expected real numbers" in told or "is damaged" in told


@pytest.mark.skipif(not hasattr(torch, "float4_e2m1fn_x2"), reason="this torch has no numbers of four bits")
def test_numbers_of_four_bits_in_a_file_of_torchs_are_refused_too(tmp_path: Path, tiny_json: str) -> None:
    numbers = torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    torch.save({"features.conv0.weight": numbers}, tmp_path / "small.pth")
    assert "numbers of type float4_e2m1fn_x2: expected" in refusal(tmp_path / "small.pth", tiny_json)


def test_a_classifier_without_dimensions_is_refused(tmp_path: Path, tiny_json: str) -> None:
    state = tiny().state_dict() | {"classifier.weight": torch.tensor(1.0)}
    torch.save(state, tmp_path / "odd.pth")
    assert "of another shape: classifier.weight is ()" in refusal(tmp_path / "odd.pth", tiny_json)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("was-run"),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_file_that_would_run_code_is_refused_and_not_run(
    tmp_path: Path, tiny_json: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if how == "torch":
        torch.save({"features": Harmful()}, tmp_path / "harmful.pth")
    else:
        (tmp_path / "harmful.pth").write_bytes(pickle.dumps(Harmful()))
    assert "could run any code" in refusal(tmp_path / "harmful.pth", tiny_json)
    assert not (tmp_path / "was-run").exists()


def test_a_whole_pickled_network_is_refused(tmp_path: Path, tiny_json: str) -> None:
    torch.save(tiny(), tmp_path / "network.pth")
    assert "save network.state_dict() instead" in refusal(tmp_path / "network.pth", tiny_json)


def test_a_training_checkpoint_without_a_network_is_refused_with_what_it_holds(
    tmp_path: Path, tiny_json: str
) -> None:
    torch.save({"epoch": 3, "optimizer": {}}, tmp_path / "checkpoint.pth")
    assert "is of type int: expected a state dict" in refusal(tmp_path / "checkpoint.pth", tiny_json)


def test_a_single_tensor_is_refused(tmp_path: Path, tiny_json: str) -> None:
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    assert "holds a Tensor: expected a state dict" in refusal(tmp_path / "tensor.pth", tiny_json)


@pytest.mark.slow
def test_weights_of_another_variant_are_refused_with_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "which.safetensors"
    state = load_weights("none", "densenet169").state_dict
    safetensors.torch.save_file(state, path)
    text = refusal(path, "densenet121")
    assert "don't fit densenet121: not expected: features.denseblock3.denselayer25.conv1.weight" in text
    assert "they fit densenet169" in text


def test_keys_that_fit_no_variant_are_named(tmp_path: Path, tiny_json: str) -> None:
    state = tiny().state_dict()
    del state["features.conv0.weight"]
    state["features.norm5.bias"] = torch.zeros(2)
    state["module.extra"] = torch.zeros(1)
    torch.save(state, tmp_path / "odd.pth")
    text = refusal(tmp_path / "odd.pth", tiny_json)
    assert "missing: features.conv0.weight" in text
    assert "not expected: module.extra" in text
    assert "of another shape: features.norm5.bias is (2,) instead of (14,)" in text
    assert "they fit none of densenet121" in text


def test_counts_of_batches_may_be_missing_and_are_none_of_their_own(tmp_path: Path, tiny_json: str) -> None:
    state = tiny().state_dict()
    del state["features.norm0.num_batches_tracked"]
    torch.save(state, tmp_path / "some.pth")
    assert fingerprint(load_weights(tmp_path / "some.pth", tiny_json).state_dict) == fingerprint(tiny())
    state["features.norm5.num_batches_tracked"] = torch.zeros(2)
    state["features.norm6.num_batches_tracked"] = torch.tensor(3)
    torch.save(state, tmp_path / "odd.pth")
    text = refusal(tmp_path / "odd.pth", tiny_json)
    assert "not expected: features.norm6.num_batches_tracked" in text
    assert "of another shape: features.norm5.num_batches_tracked is (2,) instead of ()" in text


def test_only_the_first_few_keys_are_named(tmp_path: Path, tiny_json: str) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "odd.pth")
    text = refusal(tmp_path / "odd.pth", tiny_json)
    assert "missing: features.conv0.weight, features.norm0.weight, features.norm0.bias and " in text
    assert len(text) < 500


def test_half_a_classifier_is_refused(tmp_path: Path, tiny_json: str) -> None:
    state = tiny().state_dict()
    del state["classifier.bias"]
    torch.save(state, tmp_path / "odd.pth")
    assert "missing: classifier.bias" in refusal(tmp_path / "odd.pth", tiny_json)


def test_more_classes_than_outputs_are_refused(tmp_path: Path, tiny_json: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / "mine.pth")
    (tmp_path / "mine.json").write_text('{"classes": ["a", "b"]}', encoding="utf-8")
    assert "names 2 classes, but its classifier has 3 outputs" in refusal(tmp_path / "mine.pth", tiny_json)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "mine.json can't be read as JSON"),
        ("[]", "mine.json holds a list: expected a JSON object"),
        ('{"classes": "abc"}', "expected a list of names"),
        ('{"classes": [1, 2, 3]}', "expected a list of names"),
        (
            '{"preprocessing": {"crop": 3}}',
            "mine.json: the preprocessing .* lacks 'resize', 'mean' and 'std'",
        ),
        (
            '{"preprocessing": {"crop": 3, "resize": 3, "mean": 1, "std": [1, 1, 1]}}',
            "mine.json: .* can't be read",
        ),
        ('{"preprocessing": 7}', "'preprocessing' is 7: expected an object, or null"),
    ],
)
def test_a_bad_description_is_refused(tmp_path: Path, tiny_json: str, text: str, complaint: str) -> None:
    torch.save(tiny().state_dict(), tmp_path / "mine.pth")
    (tmp_path / "mine.json").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=complaint):
        load_weights(tmp_path / "mine.pth", tiny_json)


# Over the network: a server of our own, with a checkpoint of our own in torchvision's older format.


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; some paths misbehave as real servers do."""

    daemon_threads = True
    files: dict[str, bytes]
    patience = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        how, _, name = self.path.strip("/").partition("/")
        body = self.server.files.get(name)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        if how != "unsized":
            self.send_header("Content-Length", str(len(body) // 2 if how == "cut" else len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        if how == "stalls":
            self.wfile.flush()
            time.sleep(self.server.patience)
        if how in ("good", "unsized"):
            self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    network = DenseNet(num_classes=2)
    path = tmp_path_factory.mktemp("checkpoint") / "made.pth"
    torch.save(legacy(network.state_dict()), path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


@pytest.fixture
def server(checkpoint: bytes) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.files = {"densenet121.pth": checkpoint, "other.pth": checkpoint + b"?"}
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the real cache out of the tests, and any proxy."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv(downloads.MIRROR, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def release(checkpoint: bytes, monkeypatch: pytest.MonkeyPatch, server: Server) -> Release:
    """Take our own checkpoint for the official one, which can't be had without the internet."""
    stand_in = replace(
        official_release("densenet121"),
        url=f"{server.address}/good/densenet121.pth",
        sha256=hashlib.sha256(checkpoint).hexdigest()[:8],
        classes=("ant", "bee"),
    )
    monkeypatch.setattr(downloads, "official_release", lambda _: stand_in)
    monkeypatch.setattr(weights, "official_release", lambda _: stand_in)
    monkeypatch.setattr(inventory, "official_release", lambda _: stand_in)
    return stand_in


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


@pytest.mark.parametrize(
    ("architecture", "sha256"),
    [
        ("densenet121", "a639ec97"),
        ("densenet161", "8d451a50"),
        ("densenet169", "b2777c0a"),
        ("densenet201", "c1103571"),
    ],
)
def test_the_official_release_is_what_torchvision_says(
    architecture: str, sha256: str, tmp_path: Path
) -> None:
    official = official_release(architecture)
    assert official.url.endswith(f"/{architecture}-{sha256}.pth")
    assert official.sha256 == sha256
    assert official.path == tmp_path / "hub" / "hub" / "checkpoints" / f"{architecture}-{sha256}.pth"
    assert len(official.classes) == 1000
    assert official.classes[0] == "tench"
    assert official.preprocessing == IMAGENET


def test_imagenet_weights_for_an_unknown_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="no ImageNet weights for 'resnet50': there are for 'densenet121'"):
        fetch_imagenet("resnet50")


def test_imagenet_weights_are_fetched_once_checked_and_loaded(release: Release, server: Server) -> None:
    loaded = load_weights("imagenet")
    assert loaded.info.classes == ("ant", "bee")
    assert loaded.info.preprocessing == IMAGENET
    assert loaded.info.source == release.url
    assert loaded.info.sha256.startswith(release.sha256)
    DenseNet(num_classes=2).load_state_dict(loaded.state_dict)
    server.files.clear()  # from here on it is not there any more
    assert fingerprint(load_weights("imagenet").state_dict) == fingerprint(loaded.state_dict)
    assert left_behind(release.path.parent) == [release.file_name]


def test_a_mirror_takes_the_place_of_the_official_address(
    release: Release, server: Server, monkeypatch: pytest.MonkeyPatch, checkpoint: bytes
) -> None:
    unreachable = replace(release, url=f"http://127.0.0.1:{free_port()}/densenet121.pth")
    monkeypatch.setattr(downloads, "official_release", lambda _: unreachable)
    with pytest.raises(DownloadError):
        fetch_imagenet()
    monkeypatch.setenv(downloads.MIRROR, f"{server.address}/good/")
    assert fetch_imagenet().read_bytes() == checkpoint


def test_a_mirror_can_be_a_folder(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: bytes
) -> None:
    shared = tmp_path / "a shared folder"
    shared.mkdir()
    (shared / release.file_name).write_bytes(checkpoint)
    monkeypatch.setenv(downloads.MIRROR, str(shared))
    assert fetch_imagenet().read_bytes() == checkpoint


@pytest.mark.parametrize("kind", ["address", "path"])
def test_a_copy_can_be_named(
    release: Release, server: Server, tmp_path: Path, kind: str, checkpoint: bytes
) -> None:
    copy = tmp_path / "copy.pth"
    copy.write_bytes(checkpoint)
    source = f"{server.address}/good/densenet121.pth" if kind == "address" else str(copy)
    assert fetch_imagenet(url=source).read_bytes() == checkpoint


def test_a_copy_that_is_not_the_official_file_is_refused(release: Release, server: Server) -> None:
    with pytest.raises(DownloadError, match="is another file than expected"):
        fetch_imagenet(url=f"{server.address}/good/other.pth")
    assert left_behind(release.path.parent) == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("what", "path", "complaint"),
    [
        ("the connection breaks off", "breaks/densenet121.pth", r"broke off after \d+( of \d+)? bytes"),
        ("the file is cut, the length right", "cut/densenet121.pth", "another file than expected"),
        ("the file is another one", "good/other.pth", "another file than expected"),
        ("the file is not there", "good/nothing.pth", "the server says 404"),
        ("the server stalls", "stalls/densenet121.pth", "broke off after .* bytes: .*timed out"),
        ("the server is gone", "", "refused"),
        ("the address is none", "", "can't be fetched"),
    ],
)
def test_a_failed_download_is_explained_leaves_nothing_and_can_be_tried_again(
    release: Release, server: Server, what: str, path: str, complaint: str, checkpoint: bytes
) -> None:
    server.patience = 3.0
    timeout = 1.0 if what == "the server stalls" else 30.0  # a busy machine answers late, which is no failure
    source = f"{server.address}/{path}"
    if what == "the server is gone":
        source = f"http://127.0.0.1:{free_port()}/densenet121.pth"
    elif what == "the address is none":
        source = "nowhere://densenet121.pth"
    with pytest.raises(DownloadError, match=complaint) as caught:
        fetch_imagenet(url=source, timeout=timeout)
    text = str(caught.value)
    assert source in text
    assert "weights='embedded'" in text
    assert str(release.path) in text
    assert downloads.MIRROR in text
    assert left_behind(release.path.parent) == []
    assert fetch_imagenet().read_bytes() == checkpoint


def test_a_wrong_hash_is_reported_with_both(server: Server, tmp_path: Path) -> None:
    found = hashlib.sha256(server.files["other.pth"]).hexdigest()
    with pytest.raises(DownloadError, match=rf"its SHA-256 is {found}, it should begin with 0123abcd"):
        download(f"{server.address}/good/other.pth", tmp_path / "new" / "x.pth", "0123abcd")
    assert left_behind(tmp_path / "new") == []


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.pth"
        with pytest.raises(DownloadError, match=r"can't be fetched: .*(timed out|no answer in 0\.2 seconds)"):
            download(url, tmp_path / "x.pth", "", timeout=0.2)


def test_a_host_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"no-such-host\.invalid/x\.pth can't be fetched"):
        download("http://no-such-host.invalid/x.pth", tmp_path / "x.pth", "", timeout=5)


def test_a_server_that_does_not_say_the_length_is_fine(
    server: Server, tmp_path: Path, checkpoint: bytes
) -> None:
    download(f"{server.address}/unsized/densenet121.pth", tmp_path / "x.pth", "")
    assert (tmp_path / "x.pth").read_bytes() == checkpoint


def test_a_place_that_can_not_be_written_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match=r"x\.pth can't be written"):
        download(f"{server.address}/good/densenet121.pth", tmp_path / "file" / "x.pth", "")


def test_a_damaged_file_in_the_cache_is_fetched_again(release: Release, checkpoint: bytes) -> None:
    release.path.parent.mkdir(parents=True)
    release.path.write_bytes(checkpoint[:1000])
    assert fetch_imagenet().read_bytes() == checkpoint


def test_a_failed_download_keeps_what_was_there(release: Release, server: Server) -> None:
    release.path.parent.mkdir(parents=True)
    release.path.write_bytes(b"damaged")
    with pytest.raises(DownloadError):
        fetch_imagenet(url=f"{server.address}/good/nothing.pth")
    assert release.path.read_bytes() == b"damaged"


def test_the_progress_bar_is_shown_in_a_terminal_only(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download(f"{server.address}/good/densenet121.pth", tmp_path / "x.pth", "")
    assert capsys.readouterr() == ("", "")


# What there is


def test_known_weights_are_the_embedded_and_four_of_imagenet() -> None:
    known = known_weights()
    assert [(item.name, item.architecture) for item in known] == [
        ("embedded", "densenet121"),
        ("imagenet", "densenet121"),
        ("imagenet", "densenet161"),
        ("imagenet", "densenet169"),
        ("imagenet", "densenet201"),
    ]
    assert [item.status for item in known] == ["shipped"] + ["not fetched"] * 4
    assert known[0].path.stat().st_size == known[0].size
    json.dumps([item.to_dict() for item in known])


def test_fetched_weights_are_known_as_cached(release: Release) -> None:
    fetch_imagenet()
    item = known_weights()[1]
    assert (item.status, item.size) == ("cached", release.path.stat().st_size)
    assert verify_weights("imagenet", "densenet121") == item


def test_embedded_weights_verify() -> None:
    assert verify_weights().sha256 == load_weights().info.sha256


def test_verifying_finds_a_changed_file_and_names_both_hashes(release: Release) -> None:
    fetch_imagenet()
    with release.path.open("ab") as file:
        file.write(b"x")
    found = hashlib.sha256(release.path.read_bytes()).hexdigest()
    with pytest.raises(FingerprintError, match=rf"its SHA-256 is {found}, it should be {release.sha256}…"):
        verify_weights("imagenet", "densenet121")


@pytest.mark.parametrize(
    ("name", "architecture", "complaint"),
    [
        ("imagenet", "densenet161", "there is nothing to verify: .* weights fetch --arch densenet161"),
        ("embeded", "densenet121", r"called 'embeded': did you mean 'embedded'\?"),
        (
            "embedded",
            "densenet161",
            "'embedded' has no weights for 'densenet161', but for 'densenet121'",
        ),
    ],
)
def test_verifying_what_is_not_there_is_refused(name: str, architecture: str, complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint):
        verify_weights(name, architecture)


@pytest.mark.slow
def test_a_file_that_is_called_after_another_hash_is_refused(tmp_path: Path, tiny_json: str) -> None:
    path = tmp_path / "densenet121-a639ec97.safetensors"
    shutil.copy(verify_weights().path, path)
    with pytest.raises(FingerprintError, match="called after its SHA-256, which should begin with a639ec97"):
        examine_weights(path)
    right = path.with_name(f"densenet121-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.safetensors")
    assert examine_weights(path.rename(right)).fits == ("densenet121",)


class TestNumbers:
    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("features.conv0.weight", float("nan"), "such as nan"),
            ("features.norm0.weight", float("inf"), "such as inf"),
            ("features.norm5.bias", -3e38, "such as -3e\\+38"),
            ("features.norm0.running_var", -0.5, "is a variance, but -0.5 is in it"),
        ],
    )
    @pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
    def test_weights_that_no_network_can_compute_with_are_refused_with_their_name(
        self, tmp_path: Path, tiny_json: str, name: str, value: float, told: str, suffix: str
    ) -> None:
        state = tiny().state_dict()
        state[name].view(-1)[0] = value
        path = tmp_path / f"bad{suffix}"
        if suffix == ".pth":
            torch.save(state, path)
        else:
            safetensors.torch.save_file(state, path)
        with pytest.raises(WeightsError, match=f"'{name}' .*{told}"):
            load_weights(path, tiny_json)

    @pytest.mark.slow
    def test_the_last_number_of_a_full_sized_network_is_looked_at_too(self, tmp_path: Path) -> None:
        state = DenseNet(num_classes=2).state_dict()
        state["features.norm5.bias"][-1] = torch.nan
        torch.save(state, tmp_path / "bad.pth")
        with pytest.raises(WeightsError, match=r"'features\.norm5\.bias' has 1 of 1024 values .*such as nan"):
            load_weights(tmp_path / "bad.pth")


def test_embedded_weights_that_are_gone_come_back_with_densekit_and_not_by_fetching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("densekit.model.inventory.EMBEDDED", tmp_path)
    (tmp_path / "densenet121.json").write_bytes((weights.EMBEDDED / "densenet121.json").read_bytes())
    with pytest.raises(WeightsError, match="it comes with densekit: install that anew"):
        verify_weights("embedded", "densenet121")
