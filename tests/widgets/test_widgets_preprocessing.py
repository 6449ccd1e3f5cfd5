"""The explorer of broken preprocessing: each control does what it says, and the network stays as it was."""

import copy
from dataclasses import replace

import pytest
import torch

from densekit.data.decoding import open_image
from densekit.data.folder import open_folder
from densekit.data.scan import Sample
from densekit.errors import ConfigError, DataError
from densekit.files import sample_folder
from densekit.model.architectures import DenseNetConfig
from densekit.model.densenet import DenseNet
from densekit.model.weights_info import SMALL
from densekit.widgets.preprocessing import NORMALISATIONS, Pipeline, preprocessing_explorer


@pytest.fixture
def pipeline():
    torch.manual_seed(0)
    network = DenseNet(DenseNetConfig(growth_rate=4, block_config=(1, 1, 1, 1), num_init_features=8), 0)
    network.preprocessing = SMALL
    samples = open_folder(sample_folder("tabletop")).val[::20]  # one of each class
    return Pipeline(network, lambda embeddings: embeddings[:, :10].argmax(dim=1), samples, size=64)


def test_rightly_prepared_pictures_are_those_of_the_weights_preprocessing(pipeline):
    images = pipeline.images("as the weights ask", 64, swapped=False)
    first = SMALL.with_size(64)(open_image(pipeline.samples[0].path))
    assert torch.equal(images[0], first)


def test_left_out_normalisations_give_colours_and_bytes(pipeline):
    colours = pipeline.images("left out, 0 to 1", 64, swapped=False)
    bytes_ = pipeline.images("left out, 0 to 255", 64, swapped=False)
    assert colours.min() >= 0 and 0.5 < colours.max() <= 1
    assert torch.allclose(bytes_, 255 * colours)


def test_swapping_turns_the_colours_round(pipeline):
    normal, swapped = (pipeline.images("left out, 0 to 1", 32, swapped) for swapped in (False, True))
    assert torch.equal(normal[:, 0], swapped[:, 2])
    assert torch.equal(normal[:, 1], swapped[:, 1])


@pytest.mark.slow
def test_train_mode_changes_buffers_of_a_copy_alone(pipeline):
    before = copy.deepcopy(pipeline.network.state_dict())
    _, untouched = pipeline.measure(size=32)
    _, changed = pipeline.measure(size=32, eval_mode=False)
    assert untouched == 0
    assert changed == sum(1 for _ in pipeline.network.buffers())
    assert all(torch.equal(value, before[name]) for name, value in pipeline.network.state_dict().items())


def test_an_unknown_normalisation_is_refused(pipeline):
    with pytest.raises(ConfigError, match="is called 'left out 0 to 1': did you mean 'left out, 0 to 1'"):
        pipeline.measure("left out 0 to 1")


@pytest.mark.slow
def test_the_explorer_is_driven_over_all_that_its_controls_allow(pipeline):
    explorer = preprocessing_explorer(pipeline)
    start = explorer.facts
    for name, values in (
        ("normalisation", NORMALISATIONS),
        ("size", (32, 144)),
        ("swapped", (True,)),
        ("eval_mode", (False,)),
    ):
        for value in values:
            explorer.set(**{name: value})
            assert explorer.error is None
            assert explorer.figure is not None
        explorer.set(normalisation="as the weights ask", size=64, swapped=False, eval_mode=True)
    assert explorer.facts == start
    explorer.controls["eval_mode"].value = False
    assert "were changed" in explorer.facts


def test_without_a_front_end_the_function_says_the_same(pipeline):
    figure, text = pipeline.draw(size=64)
    assert text in preprocessing_explorer(pipeline).facts
    assert "64 px" in figure.alt_text


def test_without_a_size_it_draws_the_one_of_the_head(pipeline):
    assert pipeline.draw()[1] == pipeline.draw(size=64)[1]
    assert "64 px" in pipeline.draw("left out, 0 to 1")[0].alt_text


def test_a_last_picture_alone_is_measured_with_those_before_it(pipeline):
    some = list(pipeline.samples)
    pipeline.samples = [*some, *some, some[0]][:21]
    assert len(pipeline.samples) == 21

    preprocessing_explorer(pipeline).set(size=32, eval_mode=False)

    pipeline = replace(pipeline, samples=some[:1])
    with pytest.raises(DataError, match="train mode can't be measured with one picture"):
        pipeline.measure(size=32, eval_mode=False)
    assert pipeline.measure(size=32)[0] in (0.0, 1.0)


def test_a_damaged_picture_is_left_out_and_told(pipeline, tmp_path):
    whole = pipeline.draw()[1]
    damaged = [tmp_path / f"{number}.png" for number in range(5)]
    for path in damaged:
        path.write_bytes(b"bad")
    some = list(pipeline.samples)
    mixed = [*some[:2], *(Sample(path, 3) for path in damaged), *some[2:]]
    pipeline = replace(pipeline, samples=mixed)

    text = preprocessing_explorer(pipeline).facts

    assert whole in text
    assert "left out, since they can't be read: 5 pictures" in text
    assert "2.png: no image format" in text and "3.png" not in text and "and 2 more" in text


@pytest.mark.parametrize("content", [None, b"bad"])
def test_no_picture_at_all_is_told(pipeline, tmp_path, content):
    samples = []
    if content:
        (tmp_path / "bad.png").write_bytes(content)
        samples = [Sample(tmp_path / "bad.png", 0)]
    with pytest.raises(DataError, match="there are no pictures to measure with: none"):
        replace(pipeline, samples=samples).draw()
