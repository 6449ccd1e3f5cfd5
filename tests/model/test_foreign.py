"""Checkpoints as other programs save them are taken, and it is told what was taken off."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from densekit.errors import WeightsError
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.zoo import build

TINY = DenseNetConfig(growth_rate=4, block_config=(1, 2), num_init_features=8)  # as `tiny_json` has it


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return DenseNet(TINY, num_classes=7).state_dict()


def with_prefix(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in state.items()}


def loaded(architecture: str, path: Path, content: Any) -> DenseNet:
    torch.save(content, path)
    return build(architecture, path, num_classes=7)


def is_equal(network: DenseNet, state: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "encoder.net."])
def test_any_single_prefix_is_taken_off_and_told(
    tmp_path: Path, tiny_json: str, state: dict[str, Tensor], prefix: str
) -> None:
    network = loaded(tiny_json, tmp_path / "a.pth", with_prefix(prefix, state))
    assert is_equal(network, state)
    assert f"'{prefix}' taken off the names" in network.weights.source


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model", "net"])
def test_a_state_dict_is_taken_out_of_what_is_around_it(
    tmp_path: Path, tiny_json: str, state: dict[str, Tensor], wrapper: str
) -> None:
    content = {
        "epoch": 3,
        "best": torch.tensor(61.0),
        wrapper: with_prefix("module.", state),
        "optimizer": {},
    }
    network = loaded(tiny_json, tmp_path / "a.pth.tar", content)
    assert is_equal(network, state)
    assert f"taken out of '{wrapper}'" in network.weights.source


@pytest.mark.parametrize("name", ["fc", "classifier.1", "head"])
def test_a_head_of_another_name_is_the_classifier(
    tmp_path: Path, tiny_json: str, state: dict[str, Tensor], name: str
) -> None:
    other = {key.replace("classifier", name): tensor for key, tensor in state.items()}
    network = loaded(tiny_json, tmp_path / "a.bin", other)
    assert is_equal(network, state)
    assert f"the head '{name}' taken for the classifier" in network.weights.source


def test_safetensors_with_a_prefix_too(tmp_path: Path, tiny_json: str, state: dict[str, Tensor]) -> None:
    safetensors.torch.save_file(with_prefix("backbone.", state), tmp_path / "a.safetensors")
    assert is_equal(build(tiny_json, tmp_path / "a.safetensors", num_classes=7), state)


@pytest.mark.slow
def test_a_network_of_full_size_comes_out_of_its_wrapping_too(tmp_path: Path) -> None:
    state = DenseNet(num_classes=7).state_dict()
    content = {"epoch": 3, "state_dict": with_prefix("module._orig_mod.", state)}
    network = loaded("densenet121", tmp_path / "a.pth", content)
    assert is_equal(network, state)
    assert "'module._orig_mod.' taken off the names" in network.weights.source


def test_of_the_networks_own_names_nothing_is_told(
    tmp_path: Path, tiny_json: str, state: dict[str, Tensor]
) -> None:
    assert loaded(tiny_json, tmp_path / "a.ckpt", state).weights.source == "the file a.ckpt"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 3\n",
            "a Git LFS pointer.*git lfs pull",
        ),
        (b"\n<!DOCTYPE html><html><body>Log in</body></html>", "a web page and no weights"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_only_looks_like_weights_is_named(
    tmp_path: Path, content: bytes, told: str, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=told):
        build("densenet121", path)


@pytest.mark.filterwarnings("ignore")
def test_torchscript_is_named(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="a TorchScript program"):
        build("densenet121", tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({1: torch.zeros(2)}, "'1' in .* is of type Tensor: expected a state dict"),
        ({("a", 1): torch.zeros(2)}, "expected a state dict"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "is sparse, nested, quantized or complex"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "is sparse, nested, quantized or complex"),
        ({"a": torch.ones(2, dtype=torch.int8)}, "'a' holds numbers of type int8: expected real numbers"),
        ({"a": torch.ones(2, dtype=torch.bool)}, "'a' holds numbers of type bool"),
        (
            {"a": torch.zeros(2, device="meta")},
            "'a' in .* on the device 'meta': it has a shape and no numbers",
        ),
        ({"state_dict": [1, 2]}, "is of type list"),
        ({}, "missing: features.conv0.weight"),
    ],
)
def test_other_contents_are_one_message(tmp_path: Path, tiny_json: str, content: Any, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        loaded(tiny_json, tmp_path / "a.pth", content)


@pytest.mark.filterwarnings("ignore")  # torch says that nested tensors may change
def test_nested_tensors_are_one_message(tmp_path: Path, tiny_json: str) -> None:
    nested = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
    with pytest.raises(WeightsError, match=r"'a' in .* is sparse, nested, quantized or complex"):
        loaded(tiny_json, tmp_path / "a.pth", {"a": nested})


def test_a_wrapping_that_contains_itself_is_one_message(tmp_path: Path, tiny_json: str) -> None:
    endless: dict[str, Any] = {}
    endless["model"] = endless
    with pytest.raises(WeightsError, match=r"'model' in .* is of type dict: expected a state dict"):
        loaded(tiny_json, tmp_path / "a.pth", endless)


def test_an_archive_whose_list_of_names_is_damaged_is_one_message(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    path = tmp_path / "a.pth"
    torch.save({"classifier.bias": state["classifier.bias"]}, path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PK\x01\x02", b"PK\x01\x00"))  # the mark of each entry of the list
    with pytest.raises(WeightsError, match=r"a\.pth"):
        build("densenet121", path, num_classes=7)
