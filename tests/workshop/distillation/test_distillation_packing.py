from pathlib import Path

import numpy as np
import pytest
from tiny_distillation import work_folder

from densekit.errors import ConfigError, DataError
from workshop.distillation.cache import CropCache, open_cache
from workshop.distillation.crops import SIZE
from workshop.distillation.packing import main, pack, unpack


@pytest.fixture
def cache(tmp_path: Path) -> CropCache:
    return open_cache(work_folder(tmp_path / "work") / "crops")


def test_what_is_unpacked_is_a_cache_of_nearly_the_same_crops(cache: CropCache, tmp_path: Path) -> None:
    assert pack(cache, tmp_path / "crops.packed", megabytes=10, side=SIZE, quality=95) == len(cache.pixels)
    unpack(tmp_path / "crops.packed", tmp_path / "crops")
    again = open_cache(tmp_path / "crops")
    assert np.array_equal(again.pictures, cache.pictures)
    assert again.manifest["packages"] == cache.manifest["packages"]
    assert again.manifest["chosen_from"] == len(cache.pixels)
    difference = np.abs(again.pixels.astype(int) - cache.pixels)
    assert difference.mean() < 4
    assert again.identity != cache.identity


def test_there_are_as_many_as_there_is_room_for_evenly_spaced(cache: CropCache, tmp_path: Path) -> None:
    path = tmp_path / "crops.packed"
    count = pack(cache, path, megabytes=0.1)
    assert 10 < count < len(cache.pixels)
    assert path.stat().st_size < 0.1e6 + 10_000
    unpack(path, tmp_path / "crops")
    in_order = list(dict.fromkeys(cache.pictures.tolist()))
    kept = [in_order.index(number) for number in open_cache(tmp_path / "crops").pictures.tolist()]
    assert (kept[0], kept[-1]) == (0, len(in_order) - 1)
    assert np.diff(kept).max() <= 2 * len(cache.pixels) / count


def test_no_room_and_no_file_are_told(
    cache: CropCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="no crop fits into that"):
        pack(cache, tmp_path / "crops.packed", megabytes=0.0001)
    with pytest.raises(DataError, match=r"gone\.packed can't be read"):
        unpack(tmp_path / "gone.packed", tmp_path / "crops")
    (tmp_path / "odd.packed").write_bytes(b"something else")
    assert main(["unpack", "--from", str(tmp_path / "odd.packed"), "--crops", str(tmp_path / "crops")]) == 2
    assert "pack them again" in capsys.readouterr().err
