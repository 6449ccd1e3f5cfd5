"""Folders, pictures, settings, run folders and weights that nobody thought of.

Whatever they are, the outcome is a result or one message of the error tree, within bounded time and memory, and
nobody's files have changed. `make fuzz` goes on for minutes and prints how many were tried.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from fuzzing import bounded, bounded_slowly, damage, digest, tried
from hypothesis import given
from hypothesis import strategies as st
from pictures import huge_png, pattern, save
from PIL import Image

from densekit.config import RunConfig, load_config
from densekit.data.decoding import Picture, read_picture
from densekit.data.doctor import diagnose
from densekit.data.folder import open_folder
from densekit.data.loading import load_images
from densekit.data.problems import Problem
from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError, DensekitError, WeightsError
from densekit.files import as_json
from densekit.model.zoo import build
from densekit.run import load_run
from densekit.run.trainer import resume

SMALL = Preprocessing(16, 16)


def encoded(mode: str, extension: str, **options: Any) -> bytes:
    """Return a small picture in some format."""
    buffer = io.BytesIO()
    image = pattern((24, 18))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 16)
    elif mode == "F":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.float32))
    else:
        image = image.convert(mode)
    image.save(buffer, extension, **options)
    return buffer.getvalue()


PICTURES = {
    ".jpg": encoded("RGB", "JPEG"),
    ".jpeg": encoded("CMYK", "JPEG"),
    ".png": encoded("RGBA", "PNG"),
    ".PNG": encoded("I;16", "PNG"),
    ".tif": encoded("I;16", "TIFF"),
    ".tiff": encoded("F", "TIFF"),
    ".gif": encoded("P", "GIF", save_all=True, append_images=[pattern((24, 18), 1)]),
    ".webp": encoded("RGB", "WEBP"),
    ".bmp": encoded("L", "BMP"),
    ".ppm": encoded("RGB", "PPM"),
}


class TestPictures:
    @bounded
    @given(st.sampled_from(sorted(PICTURES)), st.lists(damage(), min_size=1, max_size=3))
    def test_any_bytes_are_a_picture_or_a_problem(
        self, extension: str, damages: list[Callable[[bytes], bytes]]
    ) -> None:
        def work() -> str:
            data = PICTURES[extension]
            for one in damages:
                data = one(data)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"a{extension}")
                path.write_bytes(data)
                read = read_picture(path)
                assert path.read_bytes() == data
            if isinstance(read, Problem):
                return read.kind
            assert isinstance(read, Picture)
            assert read.image.mode == "RGB"
            return "read"

        tried("pictures", work)


NAMES = st.one_of(
    st.sampled_from(
        ["cat", "Cat", "dog", "고양이", "train", "val", "test", "images", "labels", ".hidden", "__MACOSX"]
    ),
    st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12).filter(
        lambda name: name not in (".", "..") and len(name.encode("utf-8", "replace")) < 100
    ),
)
FILES = st.sampled_from(
    [
        *(f"good{extension}" for extension in PICTURES),
        *("empty.jpg", "text.jpg", "page.jpg", "bomb.png", "notes.txt", "dead.jpg", "round", "pipe.jpg"),
        *("data.zip", "a.lnk", ".DS_Store", "photo", "no\udcb0text.png", "a\rb.png"),
    ]
)
TREES = st.dictionaries(
    NAMES,
    st.one_of(
        st.lists(FILES, max_size=4),
        st.dictionaries(NAMES, st.lists(FILES, max_size=3), max_size=3),
    ),
    max_size=4,
)


def plant(folder: Path, name: str, seed: int) -> None:
    """Make one of the files of `FILES`."""
    path = folder / name
    match name:
        case "empty.jpg" | "notes.txt" | ".DS_Store" | "data.zip" | "a.lnk":
            path.write_bytes(b"")
        case "text.jpg":
            path.write_text("no picture")
        case "page.jpg":
            path.write_text("<!DOCTYPE html><html></html>")
        case "bomb.png":
            huge_png(path)
        case "dead.jpg":
            path.symlink_to("/nowhere/at/all.jpg")
        case "round":
            path.symlink_to(folder)
        case "pipe.jpg" if hasattr(os, "mkfifo"):
            os.mkfifo(path)
        case "pipe.jpg":
            pass
        case _ if path.suffix in PICTURES and name.startswith("good"):
            path.write_bytes(PICTURES[path.suffix])
        case _:
            save(path, size=(12, 9), seed=seed, format="PNG")


def grow(root: Path, tree: dict[str, Any]) -> None:
    """Make a folder of what was drawn; a name that the system refuses is left out."""
    for number, (name, inside) in enumerate(tree.items()):
        folder = root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError):
            continue
        if isinstance(inside, dict):
            grow(folder, inside)
        else:
            for file in sorted(set(inside)):
                plant(folder, file, number)


class TestFolders:
    @bounded
    @given(TREES)
    def test_any_folder_is_told_or_loaded_and_left_as_it_was(self, tree: dict[str, Any]) -> None:
        def work() -> str:
            with tempfile.TemporaryDirectory() as place:
                root = Path(place, "data")
                root.mkdir()
                grow(root, tree)
                before = digest(root)
                try:
                    told = diagnose(root)
                    str(told).encode()
                    as_json(told.to_dict()).encode()
                    data = open_folder(root)
                    data.describe().encode()
                    bad: list[Problem] = []
                    loaded = sum(map(len, load_images((*data.train, *data.val), SMALL, report=bad.append)))
                    assert loaded + len(bad) == len(data.train) + len(data.val)
                    # The doctor and the loaders agree.
                    counted = sum(
                        sum(classes.values()) for split, classes in told.counts.items() if split != "test"
                    )
                    assert counted == loaded
                    return "loaded"
                except DensekitError as error:
                    assert str(error)
                    return type(error).__name__
                finally:
                    assert digest(root) == before

        tried("folders", work)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(
            ["all", "classifier", "adam", "cosine", "cuda", "bf16", "densenet169", "imagenet", 10**30]
        ),
        st.dates(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        f"{section}.{key}"
        for section, field in RunConfig.model_fields.items()
        if section != "phases" and field.annotation is not None
        for key in getattr(field.annotation, "model_fields", {})
    ]
    + ["phases", "data", "training", "preset", "x", "training.x", "data.augmentation.flip", "a.b.c.d"]
)


class TestSettings:
    @bounded
    @given(st.dictionaries(KEYS, VALUES, max_size=4))
    @pytest.mark.slow
    def test_any_values_are_a_configuration_or_one_message(self, values: dict[str, Any]) -> None:
        def work() -> str:
            try:
                config = load_config(overrides={"data.folder": "x", **values})
            except ConfigError as error:
                assert 0 < len(str(error)) < 20_000
                return "refused"
            with tempfile.TemporaryDirectory() as folder:  # what is written is read back
                path = Path(folder, "config.yaml")
                path.write_text(config.to_yaml(), encoding="utf-8")
                assert load_config(path) == config
            return "taken"

        tried("settings", work)

    @bounded
    @given(st.one_of(VALUES.map(lambda value: yaml.safe_dump(value)), st.text(max_size=60)))
    def test_any_text_is_settings_or_one_message(self, text: str) -> None:
        def work() -> str:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "config.yaml")
                path.write_bytes(text.encode("utf-8", "surrogatepass"))
                try:
                    load_config(path, overrides={"data.folder": "x"})
                except ConfigError:
                    return "refused"
            return "taken"

        tried("texts of settings", work)


class TestRunFolders:
    @bounded_slowly
    @given(
        st.sampled_from(
            [
                *("config.yaml", "metrics.json", "head.safetensors", "split.json", "history.csv"),
                *("evaluation/metrics.json", "evaluation/confusion.csv", "evaluation/statistics.csv"),
            ]
        ),
        st.one_of(damage(), st.sampled_from(["delete", "folder"])),
    )
    def test_a_damaged_run_says_so_or_answers_as_the_whole_one(
        self, trained: Path, name: str, harm: Callable[[bytes], bytes] | str
    ) -> None:
        picture = next(Path(load_run(trained).config.data.folder).rglob("*.png"))
        whole = load_run(trained).predict(picture).made

        def work() -> str:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(shutil.copytree(trained, Path(place, "run")))
                path = folder / name
                data = path.read_bytes()
                if isinstance(harm, str):
                    path.unlink()
                    if harm == "folder":
                        path.mkdir()
                else:
                    path.write_bytes(harm(data))
                try:
                    run = load_run(folder)
                    made = run.predict(picture).made
                    if name != "config.yaml":  # it may name another image size, and is believed
                        assert made == whole
                    assert run.report.total
                    assert run.history is not None
                    run.evaluate()
                except DensekitError as error:
                    assert str(error)
                    return type(error).__name__
                return "answered"

        tried("run folders", work)

    @bounded_slowly
    @given(damage())
    @pytest.mark.slow
    def test_a_damaged_checkpoint_says_so_or_is_gone_on_from(
        self, stopped: Path, harm: Callable[[bytes], bytes]
    ) -> None:
        def work() -> str:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(shutil.copytree(stopped, Path(place, "run")))
                path = folder / "checkpoint.safetensors"
                path.write_bytes(harm(path.read_bytes()))
                try:
                    resume(folder, progress=False)
                except DensekitError as error:
                    assert str(error)
                    return type(error).__name__
                return "gone on"

        tried("checkpoints", work)


@st.composite
def damage_at_an_end(draw: Any) -> Callable[[bytes], bytes]:
    """Draw damage to the first or the last kilobyte, where it stands what is in a file of weights, and where."""
    harm, at_the_beginning = draw(damage()), draw(st.booleans())

    def apply(data: bytes) -> bytes:
        return harm(data[:1024]) + data[1024:] if at_the_beginning else data[:-1024] + harm(data[-1024:])

    return apply


class TestWeights:
    @bounded
    @given(
        st.sampled_from(["zipped .pth", "older .pth", ".safetensors"]),
        st.lists(st.one_of(damage(), damage_at_an_end()), max_size=2),
        st.sampled_from(["", "module.", "model.", "x.y."]),
        st.sampled_from(["as it is", "half", "nan", "integer", "transposed", "missing"]),
    )
    @pytest.mark.slow
    def test_any_file_is_weights_or_one_message(
        self,
        tiny_architecture: Path,
        kind: str,
        damages: list[Callable[[bytes], bytes]],
        prefix: str,
        change: str,
    ) -> None:
        def work() -> str:
            state = dict(build(str(tiny_architecture), "none", 3).state_dict())
            key = "features.denseblock1.denselayer1.conv1.weight"
            match change:
                case "half":
                    state = {
                        name: one.half() if one.is_floating_point() else one for name, one in state.items()
                    }
                case "nan":
                    state[key] = state[key] * float("nan")
                case "integer":
                    state[key] = state[key].to(torch.int32)
                case "transposed":
                    state[key] = state[key].transpose(0, 1).contiguous()
                case "missing":
                    del state[key]
            state = {prefix + name: tensor for name, tensor in state.items()}
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"a{kind.split()[-1]}")
                if kind.endswith(".pth"):
                    torch.save(state, path, _use_new_zipfile_serialization=kind == "zipped .pth")
                else:
                    from safetensors.torch import save_file

                    save_file(state, path)
                data = path.read_bytes()
                for one in damages:
                    data = one(data)
                path.write_bytes(data)
                try:
                    network = build(str(tiny_architecture), str(path), 3)
                except WeightsError as error:
                    assert str(error)
                    return "refused"
            assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
            return "loaded"

        tried("weights", work)


def test_the_memory_stayed_bounded() -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 1024**2
    )  # kilobytes, torch and all tests included
