"""Parity: two networks compared module by module, to the last digits.

That two networks name the same class for ten pictures proves little. Here both run in float64, where rounding
can't hide a mistake, with randomised BatchNorms, since freshly made ones (gain 1, bias 0, mean 0, variance 1)
hide most mistakes. Compared are the output of every module, the gradient of every parameter and of the
images, and the running statistics after a training step.

    report = compare("densenet121")
    print(report)                     # a summary
    report.first_difference           # None, or the module to look at

Where outputs differ, everything behind the mistake differs too. So inputs are recorded as well: the module to
look at is the first whose input agrees and whose output does not.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from densekit.errors import DataError, WeightsError, listed
from densekit.model.architectures import ARCHITECTURES, read_architecture
from densekit.model.densenet import DenseNet
from densekit.model.proof.parity_report import Difference, ParityReport, Row
from densekit.model.proof.tracing import Event, Run, named_modules, parent, run_traced
from densekit.model.weights import seeded
from densekit.vision import torchvision

Mode = Literal["eval", "train"]
_MODES: tuple[Mode, Mode] = ("eval", "train")

TOLERANCE = 1e-9
"""Largest difference that counts as agreement, as a share of the largest value or of 1, whichever is larger."""


def compare(
    architecture: str = "densenet121",
    seed: int = 0,
    image_size: int = 64,
    batch_size: int = 2,
    tolerance: float = TOLERANCE,
) -> ParityReport:
    """Compare densekit's network with torchvision's, with the same random weights and images.

    Args:
        architecture: 'densenet121', 'densenet161', 'densenet169' or 'densenet201'.
        seed: of weights and images.
        image_size: side of the images in pixels, 32 or more.
        batch_size: number of images.
        tolerance: see `TOLERANCE`.

    Raises:
        WeightsError: torchvision has no such network.
    """
    if architecture not in ARCHITECTURES:
        raise WeightsError(
            f"torchvision has no '{architecture}' to compare with, but {listed(ARCHITECTURES)}"
        )
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):  # no first values: all of them are replaced
        reference = torchvision.models.get_model(architecture, weights=None).double()
        ours = DenseNet(read_architecture(architecture)).double()
    randomise(reference.to_empty(device="cpu"), generator)
    ours.to_empty(device="cpu").load_state_dict(reference.state_dict())
    images = torch.randn(batch_size, 3, image_size, image_size, generator=generator, dtype=torch.float64)
    return compare_networks(ours, reference, images, tolerance, architecture)


def randomise(network: nn.Module, generator: torch.Generator) -> None:
    """Give every parameter and every BatchNorm statistic a random value of a reasonable size, in place.

    A quarter of the BatchNorm gains are negative, and a few zero, as they may be in trained networks. None of
    the channels is dead: a mistake in one that a ReLU always stops would not show.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                _randomise_norm(module, generator)
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
                _uniform(module.bias, -0.5, 0.5, generator)


def _randomise_norm(norm: nn.BatchNorm2d, generator: torch.Generator) -> None:
    _uniform(norm.weight, 0.5, 1.5, generator)
    norm.weight[1::4] *= -1
    norm.weight[::16] = 0.0
    _uniform(norm.bias, -0.3, 0.5, generator)
    norm.bias[::16].abs_()
    if (
        norm.running_mean is not None
        and norm.running_var is not None
        and norm.num_batches_tracked is not None
    ):
        _uniform(norm.running_mean, -0.3, 0.3, generator)
        _uniform(norm.running_var, 0.5, 2.0, generator)
        norm.num_batches_tracked.fill_(7)


def compare_networks(
    ours: nn.Module,
    reference: nn.Module,
    images: Tensor,
    tolerance: float = TOLERANCE,
    architecture: str = "",
) -> ParityReport:
    """Compare two networks whose modules have the same names, in evaluation and in training mode.

    Both are copied and compared in float64 on the CPU; the ones that are given stay as they are. A module that
    only one of them has or calls (a ReLU, say, where the other uses a function) is no difference by itself.

    Args:
        ours: the network to judge. That it fails in the middle is a difference, not an error.
        reference: the network that is right.
        images: any batch, (N, 3, H, W).
        tolerance: see `TOLERANCE`.
        architecture: a name for the report.

    Raises:
        DataError: the reference fails on the images.
    """
    names = set(named_modules(reference))
    rows: list[Row] = []
    differences: list[Difference] = []
    our_copy, reference_copy = (copy.deepcopy(network).cpu().double() for network in (ours, reference))
    for mode in _MODES:
        comparison = _Comparison(mode, tolerance, our_copy, reference_copy)
        with _one_thread():
            comparison.run(images.cpu().double(), names)
        rows += comparison.rows
        differences += comparison.differences
    return ParityReport(
        architecture=architecture,
        image_shape=tuple(images.shape),
        tolerance=tolerance,
        rows=tuple(rows),
        first_difference=differences[0] if differences else None,
    )


class _Comparison:
    """One mode's comparison: fills `rows`, and `differences` in the order in which they matter."""

    def __init__(self, mode: Mode, tolerance: float, ours: nn.Module, reference: nn.Module) -> None:
        self.mode = mode
        self.tolerance = tolerance
        self.ours = ours.train(mode == "train")
        self.reference = reference.train(mode == "train")
        self.rows: list[Row] = []
        self.differences: list[Difference] = []

    def run(self, images: Tensor, names: set[str]) -> None:
        our_images, reference_images = images.clone().requires_grad_(), images.clone().requires_grad_()
        our_run = _run_seeded(self.ours, our_images, names)
        reference_run = _run_seeded(self.reference, reference_images, names)
        if reference_run.output is None:
            raise DataError(
                f"the reference itself fails on images of the shape {tuple(images.shape)} in {self.mode} mode "
                f"({reference_run.error}), so that nothing can be held against it: give images that it can take"
            )
        self._compare_outputs(our_run, reference_run)
        if self.mode == "train":
            self._compare_statistics()
        if _backward(our_run.output, reference_run.output):
            self._compare_gradients(our_images, reference_images)

    def _compare_outputs(self, ours: Run, reference: Run) -> None:
        """Compare event by event, in the reference's order; the first that differs says where to look."""
        reached = max((i for i, event in enumerate(reference.trace) if event in ours.trace), default=-1)
        left_out: list[str] = []
        found = False
        for position, (event, expected) in enumerate(reference.trace.items()):
            actual = ours.trace.get(event)
            if actual is None and position < reached:  # ours went on without it
                left_out.append(event.module)
                continue
            row = self._row("output", _name(event), actual, expected)
            if event.kind == "output":
                self.rows.append(row)
            if not row.close and not found:
                found = True
                self.differences.append(self._explain(event, row, actual, ours.error, left_out))

    def _explain(
        self, event: Event, row: Row, actual: Tensor | None, error: str | None, left_out: list[str]
    ) -> Difference:
        """Say which module to look at, when `event` is the first that differs and all before it agree."""
        if event.kind == "output":  # its input agrees, and all modules inside it
            owner, what = event.module, f"{event.module} gives another output"
        else:  # a module gets its input from the forward of the module around it
            owner, what = parent(event.module), f"{event.module} gets another input"
        if actual is None:
            text = f"ours fails in {owner}, though all before it agrees: {error}"
            return Difference(self.mode, owner, event.module, row.difference, text)
        amount = f"max|Δ| {row.difference:.2g}"
        if tuple(actual.shape) != row.shape:
            amount = f"shape {tuple(actual.shape)} instead of {row.shape}"
        text = f"{what} ({amount}), though all before it agrees: look at {owner}"
        forgotten = [name for name in left_out if parent(name) == owner]
        if forgotten:
            owner, text = forgotten[-1], f"{text}, which does not call {forgotten[-1]}"
        return Difference(self.mode, owner, event.module, row.difference, text)

    def _compare_statistics(self) -> None:
        found = dict(self.ours.named_buffers())
        names = []
        for name, expected in self.reference.named_buffers():
            if not self._compare("statistic", name, found.get(name), expected).close:
                names.append(name)
        if names:
            text = f"after a training step {names[0]} differs: look at the momentum of its BatchNorm"
            self._note(names[0], text)

    def _compare_gradients(self, our_images: Tensor, reference_images: Tensor) -> None:
        found = {name: parameter.grad for name, parameter in self.ours.named_parameters()}
        names = []
        if not self._compare("gradient", "images", our_images.grad, reference_images.grad).close:
            names.append("images")
        for name, parameter in self.reference.named_parameters():
            if not self._compare("gradient", name, found.get(name), parameter.grad).close:
                names.append(name)
        if names:
            # Going backward, an error travels towards the images: it began behind the last name in this order.
            text = (
                f"the outputs agree, but the gradient of {names[-1]} does not, though those behind it do: "
                "look at what its result goes through, for a detach or a no_grad"
            )
            self._note(names[-1], text)

    def _compare(self, quantity: str, name: str, found: Tensor | None, expected: Tensor | None) -> Row:
        row = self._row(quantity, name, found, expected)
        self.rows.append(row)
        return row

    def _row(self, quantity: str, name: str, found: Tensor | None, expected: Tensor | None) -> Row:
        if found is None or expected is None or found.shape != expected.shape:
            both_absent = found is None and expected is None
            shape = tuple(expected.shape) if expected is not None else ()
            difference = 0.0 if both_absent else float("inf")
            return Row(self.mode, quantity, name, shape, difference, exact=both_absent, close=both_absent)
        difference = (found.double() - expected.double()).abs().max().item() if expected.numel() else 0.0
        scale = max(1.0, expected.double().abs().max().item()) if expected.numel() else 1.0
        return Row(
            self.mode,
            quantity,
            name,
            tuple(expected.shape),
            difference,
            exact=torch.equal(found, expected),
            close=difference <= self.tolerance * scale,  # False for NaN
        )

    def _note(self, name: str, text: str) -> None:
        difference = next(row.difference for row in self.rows if row.name == name and not row.close)
        self.differences.append(Difference(self.mode, parent(name), name, difference, text))


def _name(event: Event) -> str:
    return event.module if event.call == 1 else f"{event.module} (call {event.call})"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: thousands of small steps, where threads that wait for one another cost more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run_seeded(network: nn.Module, images: Tensor, names: set[str]) -> Run:
    network.zero_grad()
    with seeded(0):  # dropout, if there is any, drops the same in both
        return run_traced(network, images, names)


def _backward(ours: Tensor | None, reference: Tensor | None) -> bool:
    """Run both backward from the same random direction; False where there is nothing to compare."""
    if ours is None or reference is None or ours.shape != reference.shape or not ours.requires_grad:
        return False
    direction = torch.randn(reference.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for output in (ours, reference):
        torch.autograd.backward(output, direction)
    return True


def _uniform(tensor: Tensor, low: float, high: float, generator: torch.Generator) -> None:
    tensor.uniform_(low, high, generator=generator)
