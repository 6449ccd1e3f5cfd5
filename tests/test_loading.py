"""Opening pictures of every kind, and loading many of them ahead of their use."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import DIRT_LEFT_OUT, class_folders, dirty_folder, huge_png, pattern, save
from PIL import Image

from densekit.data import decoding
from densekit.data.folder import open_folder
from densekit.data.image_files import DECODERS
from densekit.data.loading import Batch, content_hash, load_images, map_ahead, open_image
from densekit.data.problems import Problem
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
from densekit.errors import ConfigError, DataError, ImageError

SMALL = Preprocessing(resize=36, crop=32)


def samples_in(root: Path) -> list[Sample]:
    return [Sample(path, index % 3) for index, path in enumerate(sorted(root.rglob("*.*")))]


def difference(image: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of any value of any pixel."""
    assert image.size == other.size
    return int(np.abs(np.asarray(image, dtype=int) - np.asarray(other, dtype=int)).max())


class TestOnePicture:
    @pytest.mark.parametrize("extension", ["png", "bmp", "tif", "ppm", "webp"])
    def test_what_was_saved_without_loss_is_what_is_opened(self, tmp_path: Path, extension: str) -> None:
        path = save(tmp_path / f"a.{extension}", **({"lossless": True} if extension == "webp" else {}))
        assert difference(open_image(path), pattern()) == 0

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_it_is_turned_as_its_exif_entry_says(self, tmp_path: Path, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        upright = pattern()
        # How the camera must have held it, so that this turn brings it upright.
        undone = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL's own numbers of the inverse turns
        held = upright.transpose(Image.Transpose(undone[orientation])) if orientation > 1 else upright
        held.save(tmp_path / "a.png", exif=exif)
        assert difference(open_image(tmp_path / "a.png"), upright) == 0

    @pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b""])
    @pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
    def test_a_damaged_exif_entry_does_not_lose_the_picture(self, tmp_path: Path, exif: bytes) -> None:
        save(tmp_path / "a.jpg", exif=exif)
        assert open_image(tmp_path / "a.jpg").size == (40, 30)

    def test_an_orientation_that_there_is_none_of_is_not_followed(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 9
        assert open_image(save(tmp_path / "a.png", exif=exif)).size == (40, 30)

    @pytest.mark.parametrize("name", ["uint16 a.png", "uint16 a.tif", "int32 a.tif"])
    def test_sixteen_bits_are_scaled_not_cut_off(self, tmp_path: Path, name: str) -> None:
        ramp = np.linspace(0, 65535, 256).astype(name.split()[0])[None].repeat(8, axis=0)
        Image.fromarray(ramp).save(tmp_path / name)
        expected = np.arange(256, dtype=np.uint8)[None, :, None].repeat(8, axis=0).repeat(3, axis=2)
        assert difference(open_image(tmp_path / name), Image.fromarray(expected)) == 0

    @pytest.mark.parametrize("span", [(0.0, 1.0), (-3.0, 9.0), (0.0, 1e6)])
    def test_floating_point_greys_use_the_whole_range(
        self, tmp_path: Path, span: tuple[float, float]
    ) -> None:
        ramp = np.linspace(*span, 256).astype(np.float32)[None].repeat(4, axis=0)
        ramp[0, 0] = np.nan
        Image.fromarray(ramp).save(tmp_path / "a.tif")
        values = np.asarray(open_image(tmp_path / "a.tif"))
        assert (values[1, 0].tolist(), values[1, -1].tolist()) == ([0, 0, 0], [255, 255, 255])

    def test_an_even_grey_is_no_division_by_zero(self, tmp_path: Path) -> None:
        Image.fromarray(np.full((4, 4), 7e4, dtype=np.float32)).save(tmp_path / "a.tif")
        assert open_image(tmp_path / "a.tif").size == (4, 4)

    def test_transparency_lies_on_white(self, tmp_path: Path) -> None:
        clear_black = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
        clear_black.putpixel((0, 0), (10, 20, 30, 255))
        clear_black.putpixel((1, 0), (0, 0, 0, 128))
        clear_black.save(tmp_path / "a.png")
        opened = open_image(tmp_path / "a.png")
        assert [opened.getpixel((x, 0)) for x in range(3)] == [(10, 20, 30), (127, 127, 127), (255, 255, 255)]

    @pytest.mark.parametrize("mode", ["LA", "P", "L", "RGB"])
    def test_so_does_the_transparency_of_greys_palettes_and_single_colours(
        self, tmp_path: Path, mode: str
    ) -> None:
        image = Image.new(mode, (4, 4))
        if mode == "LA":
            image.save(tmp_path / "a.png")
        else:
            image.save(tmp_path / "a.png", transparency=(0, 0, 0) if mode == "RGB" else 0)
        assert open_image(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)

    def test_a_palette_with_degrees_of_transparency(self, tmp_path: Path) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([200, 0, 0, 0, 200, 0])
        image.putpixel((1, 0), 1)
        image.save(tmp_path / "a.png", transparency=b"\x00\xff")
        opened = open_image(tmp_path / "a.png")
        assert [opened.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (0, 200, 0)]

    def test_cmyk(self, tmp_path: Path) -> None:
        Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
        red, green, blue = open_image(tmp_path / "a.jpg").getpixel((8, 8))  # type: ignore[misc]
        assert red > 250 and green < 5 and blue < 5

    def test_of_an_animation_the_first_frame(self, tmp_path: Path) -> None:
        for name in ("a.gif", "a.webp", "a.png", "a.tif"):
            lossless = {"lossless": True} if name == "a.webp" else {}
            save(tmp_path / name, seed=1, save_all=True, append_images=[pattern(seed=2)], **lossless)
            assert difference(open_image(tmp_path / name), pattern(seed=1)) <= (90 if name == "a.gif" else 0)
            assert difference(open_image(tmp_path / name), pattern(seed=2)) > 90

    def test_the_content_counts_not_the_extension(self, tmp_path: Path) -> None:
        assert difference(open_image(save(tmp_path / "a.jpg", format="PNG")), pattern()) == 0

    @pytest.mark.parametrize("name", ["고양이.png", "a b.png", "🐕.png", "é.png"])
    def test_any_name(self, tmp_path: Path, name: str) -> None:
        assert open_image(str(save(tmp_path / name))).size == (40, 30)

    def test_a_tilde_is_the_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        path = save(tmp_path / "a.png")
        assert open_image("~/a.png").size == (40, 30)
        assert content_hash("~/a.png") == content_hash(path)


class TestNoPicture:
    def test_a_missing_file_with_the_nearest_name(self, tmp_path: Path) -> None:
        save(tmp_path / "cat.jpg")
        with pytest.raises(ImageError) as caught:
            open_image(tmp_path / "cta.jpg")
        assert str(caught.value) == (
            f"{tmp_path / 'cta.jpg'}: there is no such file; did you mean 'cat.jpg'? "
            "Check the name, or put the file back."
        )

    def test_a_missing_file_in_a_folder_that_may_not_be_listed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "iterdir", refused)
        with pytest.raises(ImageError, match=r"there is no such file\. Check the name"):
            open_image(tmp_path / "cat.jpg")

    def test_in_a_folder_of_thousands_no_similar_name_is_looked_for(self, tmp_path: Path) -> None:
        for number in range(2_001):
            (tmp_path / f"{number}.jpg").touch()
        with pytest.raises(ImageError, match=r"there is no such file\. Check the name"):
            open_image(tmp_path / "1,.jpg")

    def test_a_missing_file_in_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="there is no such file"):
            open_image(tmp_path / "no" / "cat.jpg")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="a folder, where an image file is needed"):
            open_image(tmp_path)

    def test_a_broken_link(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").symlink_to("b.png")
        with pytest.raises(ImageError, match=r"a link to b\.png, which is not there"):
            open_image(tmp_path / "a.png")

    @pytest.mark.parametrize("read", [open_image, content_hash])
    def test_a_name_that_none_can_have(self, read: Callable[[str], object]) -> None:
        with pytest.raises(DataError, match="holds a NUL character"):
            read("a\0b.jpg")
        with pytest.raises(DataError, match="a name is empty"):
            read("")

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").touch()
        with pytest.raises(ImageError, match=r"the file is empty \(0 bytes\)"):
            open_image(tmp_path / "a.png")

    def test_a_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_text("not an image")
        with pytest.raises(ImageError, match="no image format is recognised in the file"):
            open_image(tmp_path / "a.jpg")

    @pytest.mark.parametrize("extension", ["jpg", "png", "gif", "webp", "bmp", "tif", "ppm"])
    @pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
    def test_a_file_that_is_cut_off(self, tmp_path: Path, extension: str, share: float) -> None:
        path = save(tmp_path / f"a.{extension}", size=(200, 150))
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(
            ImageError, match=r"a\.\w+: .*(can't be decoded|no image format).*\. Get the picture"
        ):
            open_image(path)

    @pytest.mark.skipif("AVIF" not in DECODERS, reason="this Pillow does not read AVIF")
    def test_one_of_a_format_that_not_every_pillow_reads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = save(tmp_path / "a.avif")
        data = path.read_bytes()
        for share in (0.1, 0.5, 0.9):
            path.write_bytes(data[: int(len(data) * share)])
            with pytest.raises(ImageError, match=r"a\.avif: .*\. Get the picture from its source again"):
                open_image(path)
        path.write_bytes(data)
        monkeypatch.setattr(decoding, "DECODERS", [name for name in DECODERS if name != "AVIF"])
        with pytest.raises(ImageError, match=r"holds an AVIF picture\. Convert it"):
            open_image(path)

    def test_a_picture_of_an_iphone_is_damaged_only_where_whole_ones_are_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
        monkeypatch.setattr(decoding, "_open", lambda data: None)
        monkeypatch.setattr(decoding, "DECODERS", ["PNG"])
        with pytest.raises(ImageError, match=r"holds a HEIC picture\. Install pillow-heif"):
            open_image(tmp_path / "a.heic")
        monkeypatch.setattr(decoding, "DECODERS", ["HEIF"])
        with pytest.raises(ImageError, match=r"a HEIC picture that is cut off or damaged\. Get the picture"):
            open_image(tmp_path / "a.heic")

    def test_a_decompression_bomb(self, tmp_path: Path) -> None:
        for side in (9_500, 20_000):  # above densekit's own limit, and above the one where Pillow stops
            with pytest.raises(
                ImageError, match=r"the image has too many pixels .*\. Scale the picture down"
            ):
                open_image(huge_png(tmp_path / "a.png", side))

    def test_a_postscript_file_never_reaches_an_interpreter(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
        with pytest.raises(ImageError, match="holds a PostScript document"):
            open_image(tmp_path / "a.jpg")

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        save(tmp_path / "a.png").chmod(0)
        with pytest.raises(ImageError, match=r"the file may not be read\. Give yourself the right"):
            open_image(tmp_path / "a.png")


class TestManyPictures:
    @pytest.mark.parametrize("workers", [1, 3])
    def test_they_come_in_order_and_equal_to_those_loaded_one_by_one(
        self, tmp_path: Path, workers: int
    ) -> None:
        samples = samples_in(class_folders(tmp_path, {"a": 20, "b": 13}))
        batches = list(load_images(samples, SMALL, batch_size=8, workers=workers))
        assert [len(batch) for batch in batches] == [8, 8, 8, 8, 1]
        assert [sample for batch in batches for sample in batch.samples] == samples
        assert torch.equal(
            torch.cat([batch.images for batch in batches]),
            torch.stack([SMALL(open_image(path)) for path, _ in samples]),
        )
        assert torch.cat([batch.labels for batch in batches]).tolist() == [label for _, label in samples]

    def test_a_batch_says_what_it_holds(self, tmp_path: Path) -> None:
        samples = samples_in(class_folders(tmp_path, {"a": 3}))
        (batch,) = load_images(samples, SMALL)
        assert (batch.pixels.dtype, batch.pixels.shape) == (torch.uint8, (3, 3, 32, 32))
        assert (batch.images.dtype, batch.images.shape) == (torch.float32, (3, 3, 32, 32))
        assert (batch.labels.dtype, batch.labels.shape) == (torch.int64, (3,))
        assert batch.hashes == tuple(content_hash(path) for path, _ in samples)

    def test_the_hash_is_that_of_the_bytes(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.png")
        assert content_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(ImageError, match="no such file"):
            content_hash(tmp_path / "b.png")

    def test_no_samples_no_batches(self) -> None:
        assert list(load_images([], SMALL)) == []

    def test_unreadable_images_are_left_out_and_reported_in_order(self, tmp_path: Path) -> None:
        samples = samples_in(class_folders(tmp_path, {"a": 10}))
        for index in (0, 4, 5, 9):
            samples[index].path.write_bytes(b"no longer an image")
        problems: list[Problem] = []
        batches = list(load_images(samples, SMALL, batch_size=3, workers=2, report=problems.append))
        assert [len(batch) for batch in batches] == [3, 3]
        assert [problem.path for problem in problems] == [samples[index].path for index in (0, 4, 5, 9)]
        left = [sample for batch in batches for sample in batch.samples]
        assert left == [samples[index] for index in (1, 2, 3, 6, 7, 8)]

    def test_no_empty_batch_when_none_can_be_read(self, tmp_path: Path) -> None:
        problems: list[Problem] = []
        samples = [Sample(tmp_path / f"{index}.png", 0) for index in range(5)]
        assert list(load_images(samples, SMALL, batch_size=2, report=problems.append)) == []
        assert [problem.kind for problem in problems] == ["missing-file"] * 5

    def test_without_anybody_to_report_to_it_warns(self, tmp_path: Path) -> None:
        samples = [Sample(save(tmp_path / "a.png"), 0), Sample(tmp_path / "gone.png", 1)]
        with pytest.warns(UserWarning, match=r"gone\.png: there is no such file"):
            (batch,) = load_images(samples, SMALL)
        assert batch.labels.tolist() == [0]

    def test_the_dirty_folder_does_not_stop_it(self, tmp_path: Path) -> None:
        root = dirty_folder(tmp_path)
        data = open_folder(root)
        problems: list[Problem] = list(data.skipped)
        loaded = list(load_images(data.train + data.val, SMALL, report=problems.append))
        assert {
            problem.path.relative_to(root).as_posix(): problem.kind for problem in problems
        } == DIRT_LEFT_OUT
        failed = sum(problem not in data.skipped for problem in problems)
        assert sum(map(len, loaded)) == len(data.train) + len(data.val) - failed

    def test_warnings_of_the_decoder_are_not_passed_on(self, tmp_path: Path) -> None:
        save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
        huge_png(tmp_path / "b.png", 9_600)
        code = (
            "from pathlib import Path; from densekit.data.decoding import read_picture as read; "
            "print(read(Path('a.jpg')).format, read(Path('b.png')).kind)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("JPEG too-large-image\n", "")

    @pytest.mark.parametrize("setting", [{"batch_size": 0}, {"workers": 0}, {"batch_size": -1}])
    def test_impossible_settings_are_refused_at_once(self, setting: dict[str, int]) -> None:
        with pytest.raises(ConfigError, match="expected 1 or more of each"):
            load_images([], SMALL, **setting)  # type: ignore[arg-type]


class TestAhead:
    def test_work_is_done_ahead_but_not_without_bound(self) -> None:
        taken: list[int] = []

        def items() -> Iterator[int]:
            for index in range(100):
                taken.append(index)
                yield index

        answers = map_ahead(lambda item: item * item, items(), workers=2, ahead=5)
        assert next(answers) == 0
        assert len(taken) == 6
        assert list(answers) == [item * item for item in range(1, 100)]

    @pytest.mark.parametrize("stop", ["close", "error"])
    def test_threads_end_when_the_consumer_stops(self, tmp_path: Path, stop: str) -> None:
        samples = samples_in(class_folders(tmp_path, {"a": 30}))
        before = set(threading.enumerate())
        batches = load_images(samples, SMALL, batch_size=2, workers=3)
        assert isinstance(next(batches), Batch)
        assert set(threading.enumerate()) - before
        if stop == "close":
            batches.close()
        else:
            samples_error = RuntimeError("the consumer fails")
            with pytest.raises(RuntimeError):
                batches.throw(samples_error)
        assert set(threading.enumerate()) == before

    def test_what_was_not_begun_is_dropped(self) -> None:
        go_on, done = threading.Event(), []

        def work(item: int) -> int:
            if item:
                go_on.wait(10)
            done.append(item)
            return item

        answers = map_ahead(work, range(50), workers=1, ahead=40)
        assert next(answers) == 0
        threading.Timer(0.05, go_on.set).start()
        answers.close()
        assert done in ([0], [0, 1])

    def test_an_error_in_the_work_reaches_the_consumer(self) -> None:
        with pytest.raises(ZeroDivisionError):
            list(map_ahead(lambda item: 1 // item, [1, 0], workers=2, ahead=2))
