"""What holds on a processor holds on a GPU: each test runs on both, where there are both.

What compares a GPU with the processor runs where there is a GPU."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from killing import PlugPulled, pull_at
from torch import Tensor, nn

from densekit.config import TrainingConfig, load_config
from densekit.data.folder import open_folder
from densekit.devices import Compute, choose_compute
from densekit.errors import ConfigError
from densekit.features import extract_features
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.frozen.rewrite import frozen
from densekit.model.saving.block import save_memory
from densekit.model.zoo import build
from densekit.run import load_run
from densekit.run.trainer import resume, train
from densekit.training.events import BatchDone
from densekit.training.loop import fit
from densekit.training.randomness import drawn_for
from densekit.training.source import TensorSource

Settings = dict[str, Any]
TINY = DenseNetConfig(growth_rate=8, block_config=(2, 2), num_init_features=16)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A device, with convolutions in all the digits of float32, which GPUs round to ten bits otherwise."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return str(request.param)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> str:
    """The GPU, for what compares it with the processor."""
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return "cuda"


@pytest.fixture
def settings(tiny: Settings) -> Settings:
    """Without the cache: a device must compute its own features, and not find those of another one."""
    return {
        **tiny,
        "data.image_size": 64,
        "data.cache_features": False,
        "training.epochs": 2,
        "training.learning_rate": 0.003,
    }


def losses_of(settings: Settings, out: Path, **more: object) -> list[float]:
    run = train(settings={**settings, **more}, out=out, progress=False)
    return list(run.history["train_loss"].dropna())


def step_pictures(compute: Compute) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return compute.send(torch.randn(6, 3, 48, 48)), compute.send(torch.arange(6) % 3)


def test_what_is_best_is_chosen_by_itself() -> None:
    if torch.cuda.is_available():
        assert choose_compute().device.type == "cuda"
    else:
        assert choose_compute().device.type in ("cpu", "mps")


class TestRuns:
    @pytest.mark.parametrize("cut", ["classifier", "denseblock3", "all"])
    @pytest.mark.gpu
    def test_it_learns_as_on_a_processor(
        self, settings: Settings, tmp_path: Path, gpu: str, cut: str
    ) -> None:
        settings = {**settings, "model.train_from": cut}
        expected = losses_of(settings, tmp_path / "cpu", **{"compute.device": "cpu"})
        found = losses_of(settings, tmp_path / "run", **{"compute.device": gpu})
        assert found == pytest.approx(expected, rel=1e-2)

    def test_it_predicts_what_it_reported(self, settings: Settings, tmp_path: Path, device: str) -> None:
        settings = {**settings, "model.train_from": "all", "compute.device": device}
        run = train(settings=settings, out=tmp_path / "run", progress=False)
        report, _ = load_run(run.folder).evaluate()
        assert report.accuracy == pytest.approx(run.metrics["val_accuracy"])

    @pytest.mark.slow
    def test_in_bf16_it_learns_nearly_the_same(self, settings: Settings, tmp_path: Path, device: str) -> None:
        settings = {**settings, "model.train_from": "all", "compute.device": device}
        expected = losses_of(settings, tmp_path / "fp32")
        found = losses_of(settings, tmp_path / "bf16", **{"compute.precision": "bf16"})
        assert found == pytest.approx(expected, rel=0.1)

    @pytest.mark.slow
    def test_a_killed_training_goes_on_where_it_was(
        self, settings: Settings, tmp_path: Path, device: str
    ) -> None:
        phases = [{"train_from": "classifier"}, {"train_from": "all"}]
        settings = {**settings, "phases": phases, "model.drop_rate": 0.2, "compute.device": device}

        expected = losses_of(settings, tmp_path / "whole")
        with pytest.raises(PlugPulled):
            train(settings=settings, out=tmp_path / "part", progress=False, on_event=pull_at(7))
        found = resume(tmp_path / "part", progress=False).history["train_loss"].dropna()
        assert list(found) == pytest.approx(expected, rel=1e-2)  # sums on a GPU come in no fixed order

    @pytest.mark.gpu
    def test_features_are_those_of_a_processor(
        self, tiny_architecture: Path, pictures: Path, gpu: str
    ) -> None:
        network, samples = build(str(tiny_architecture), "none", 0), open_folder(pictures).val
        expected = extract_features(network, samples, compute=choose_compute("cpu"), cache=False)
        found = extract_features(network, samples, compute=choose_compute(gpu), cache=False)
        torch.testing.assert_close(found.inputs.cpu(), expected.inputs, rtol=1e-3, atol=1e-4)


class TestTheNetwork:
    def test_the_frozen_rewrite_is_the_network(self, device: str) -> None:
        torch.manual_seed(0)
        network = DenseNet(TINY, num_classes=0).eval().to(device)
        images = torch.randn(4, 3, 64, 64, device=device)
        with torch.no_grad():
            torch.testing.assert_close(frozen(network)(images), network(images), rtol=1e-4, atol=1e-4)

    def test_saving_memory_changes_no_gradient(self, device: str) -> None:
        gradients = []
        for saving in (False, True):
            torch.manual_seed(0)
            network = DenseNet(TINY, num_classes=3).double().to(device).train()
            if saving:
                save_memory(network)
            images = torch.randn(4, 3, 64, 64, dtype=torch.float64, device=device)
            network(images).square().sum().backward()
            gradients.append([weight.grad for weight in network.parameters()])
        for plain, saved in zip(*gradients, strict=True):
            torch.testing.assert_close(saved, plain, rtol=1e-9, atol=1e-9)

    def test_saving_memory_in_bf16_strays_no_further_than_autocast_does(self, device: str) -> None:
        def gradient(saving: bool, dtype: torch.dtype) -> Tensor:
            torch.manual_seed(0)
            network = DenseNet(TINY, num_classes=3).to(memory_format=torch.channels_last).train()
            images = torch.randn(4, 3, 64, 64)
            if saving:
                save_memory(network)
            with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                outputs = network.to(device)(images.to(device))
            outputs.float().square().sum().backward()
            return torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None])

        exact = gradient(False, torch.float32)
        plain, saving = (
            float(nn.functional.cosine_similarity(gradient(saves, torch.bfloat16), exact, dim=0))
            for saves in (False, True)
        )
        assert 1 - saving < 2 * (1 - plain)

    def test_dropout_follows_from_the_step(self, device: str) -> None:
        compute, dropout = choose_compute(device), nn.Dropout(0.5)
        ones = compute.send(torch.ones(1000))

        def dropped(step: int) -> Tensor:
            with drawn_for(step, 0, 0, compute.device):
                return dropout(ones)

        assert torch.equal(dropped(3), dropped(3))
        assert not torch.equal(dropped(3), dropped(4))


class TestCompiling:
    @pytest.fixture(autouse=True)
    def only_traced_on_a_processor(self, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where compiling is refused, its first half is tried: steps are traced, and run as they are."""
        if device == "cpu":
            monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))

    @pytest.mark.slow
    def test_compiled_steps_are_those_of_the_plain_network(self, device: str) -> None:
        settings = TrainingConfig(optimizer="sgd", learning_rate=0.01, epochs=3, batch_size=4)  # 4 and 2
        losses = []
        for compiled in (False, True):
            torch.manual_seed(0)
            compute = Compute(torch.device(device), "fp32", compiled)
            network = compute.place(DenseNet(TINY, num_classes=3))
            source = TensorSource(*step_pictures(compute))
            names = list(network.state_dict())
            events = fit(network, source, source, settings, compute=compute)
            losses.append([event.loss for event in events if isinstance(event, BatchDone)])
            assert list(network.state_dict()) == names
        assert losses[1] == pytest.approx(losses[0], rel=1e-3)
        assert losses[0][0] != losses[0][-1]

    def test_it_is_really_compiled(self, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[nn.Module] = []
        monkeypatch.setattr(torch, "compile", lambda module: (asked.append(module), module)[1])
        compute = Compute(torch.device(device), "fp32", compile=True)
        network = compute.place(DenseNet(TINY, num_classes=3))
        source = TensorSource(*step_pictures(compute))
        list(fit(network, source, source, TrainingConfig(epochs=1), compute=compute))
        assert asked == [network]

    def test_a_run_asks_for_it_and_is_refused_where_it_gains_nothing(
        self, settings: Settings, tmp_path: Path, device: str
    ) -> None:
        settings = {**settings, "model.train_from": "all", "compute.device": device}
        if device == "cpu":
            with pytest.raises(ConfigError, match=r"compute.compile is true.*'cpu'.*gains nothing"):
                losses_of(settings, tmp_path / "run", **{"compute.compile": True})
            assert not (tmp_path / "run").exists()
        else:
            expected = losses_of(settings, tmp_path / "plain")
            found = losses_of(settings, tmp_path / "run", **{"compute.compile": True})
            assert found == pytest.approx(expected, rel=1e-2)


class TestWhatIsRefused:
    def test_compiling_a_head(self) -> None:
        with pytest.raises(ConfigError, match=r"compute.compile has no effect where the classifier alone"):
            load_config(overrides=["data.folder=x", "compute.compile=true"])

    def test_compiling_what_saves_memory(self) -> None:
        wanted = {"data.folder": "x", "model.train_from": "all"}
        wanted |= {"compute.compile": "true", "compute.save_memory": "true"}
        with pytest.raises(ConfigError, match="save_memory and compile exclude each other"):
            load_config(overrides=[f"{key}={value}" for key, value in wanted.items()])

    def test_compiling_without_a_compiler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("densekit.devices.find_spec", lambda name: None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        with pytest.raises(ConfigError, match=r"triton, .* is not installed"):
            choose_compute("cuda", "fp32", compile_steps=True)


def test_a_run_of_before_there_was_compiling_goes_on(settings: Settings, tmp_path: Path) -> None:
    """Its config.yaml doesn't name the setting."""
    whole = losses_of(settings, tmp_path / "whole")
    with pytest.raises(PlugPulled):
        train(settings=settings, out=tmp_path / "part", progress=False, on_event=pull_at(7))
    config = tmp_path / "part" / "config.yaml"
    text = config.read_text(encoding="utf-8")
    assert "  compile: false\n" in text
    config.write_text(text.replace("  compile: false\n", ""), encoding="utf-8")
    found = resume(tmp_path / "part", progress=False).history["train_loss"].dropna()
    assert list(found) == pytest.approx(whole)
