"""Rows by name: found again, checked when they are read, and never in the way."""

import hashlib
import os
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from densekit.errors import ConfigError
from densekit.features import cache as cache_module
from densekit.features import store as store_module
from densekit.features.cache import clear, limit_in_bytes, make_room, stores
from densekit.features.extraction import extract_features
from densekit.features.store import FeatureStore
from densekit.model.zoo import build


def written(key: str, root: Path, names: list[str], rows: torch.Tensor) -> FeatureStore:
    store = FeatureStore(key, root, "a description")
    store.add(names, rows)
    store.flush()
    return store


def shards(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.safetensors"))


def test_a_place_whose_name_is_too_long_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match="features can't be kept in .*: name another place with DENSEKIT_CACHE"
    ):
        store = written("key", tmp_path / ("n" * 300), ["a"], torch.ones(1, 2))
    assert torch.equal(store.rows(["a"]), torch.ones(1, 2))
    assert stores(tmp_path / ("n" * 300)) == []


def test_a_store_that_somebody_else_has_just_cleared_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("key", tmp_path, ["a"], torch.ones(1, 2))
    (folder,) = tmp_path.iterdir()
    found = list(cache_module._folders(tmp_path))
    monkeypatch.setattr(cache_module, "_folders", lambda root: found)
    shutil.rmtree(folder)
    assert clear(tmp_path) == 0


class TestRows:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8])
    def test_it_reads_back_what_another_wrote(self, tmp_path: Path, dtype: torch.dtype) -> None:
        rows = torch.arange(24).reshape(2, 3, 2, 2).to(dtype)
        written("key", tmp_path, ["a", "b"], rows)
        store = FeatureStore("key", tmp_path)
        assert "a" in store and "b" in store and "c" not in store
        assert torch.equal(store.rows(["b", "a"]), rows.flip(0))

    def test_a_store_with_another_key_does_not_see_them(self, tmp_path: Path) -> None:
        written("key", tmp_path, ["a"], torch.zeros(1, 5))
        assert "a" not in FeatureStore("other", tmp_path)

    def test_in_memory_alone_nothing_is_written(
        self, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        store = FeatureStore("key")
        store.add(["a"], torch.zeros(1, 5))
        store.flush()
        assert "a" in store
        assert list(tmp_path.iterdir()) == list(own_cache.rglob("*")) == []

    def test_a_shard_is_written_as_soon_as_it_is_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "SHARD", 100)
        store = FeatureStore("key", tmp_path)
        for number in range(10):
            store.add([str(number)], torch.full((1, 10), float(number)))  # 40 bytes each
        assert len(shards(tmp_path)) == 3  # killed here, it would lose one row
        reopened = FeatureStore("key", tmp_path)
        assert [str(number) in reopened for number in range(10)] == [True] * 9 + [False]
        assert torch.equal(store.rows(["9", "0"])[:, 0], torch.tensor([9.0, 0.0]))

    def test_opening_reads_no_row(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written("key", tmp_path, ["a"], torch.zeros(1, 5))
        asked: list[int] = []
        monkeypatch.setattr(
            "densekit.features.shards.Shard.is_sound", lambda shard, position: asked.append(position) or True
        )
        store = FeatureStore("key", tmp_path)
        assert asked == []
        assert "a" in store
        assert asked == [0]

    def test_a_cache_that_is_cleared_meanwhile_costs_nothing_but_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = store_module.write_shard

        def write_and_lose(folder: Path, *arguments: object) -> Path:
            path = write(folder, *arguments)  # type: ignore[arg-type]
            clear(tmp_path)
            return path

        monkeypatch.setattr(store_module, "write_shard", write_and_lose)
        store = written("key", tmp_path, ["a"], torch.ones(1, 5))
        assert "a" in store
        assert torch.equal(store.rows(["a"]), torch.ones(1, 5))

    def test_an_open_store_can_be_read_after_it_was_cleared(self, tmp_path: Path) -> None:
        store = written("key", tmp_path, ["a"], torch.ones(1, 5))
        clear(tmp_path)
        assert "a" in store
        assert torch.equal(store.rows(["a"]), torch.ones(1, 5))


class TestDamage:
    @pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
    def test_a_damaged_file_is_left_out(self, tmp_path: Path, damage: str) -> None:
        written("key", tmp_path, ["a"], torch.ones(1, 5))
        (path,) = shards(tmp_path)
        content = bytearray(path.read_bytes())
        if damage == "flip":
            content[-1] ^= 1  # one bit of one feature
        path.write_bytes({"cut": content[:-3], "flip": content, "empty": b"", "other": b"x" * 64}[damage])
        assert "a" not in FeatureStore("key", tmp_path)

    def test_a_damaged_row_costs_no_other_and_can_be_made_again(self, tmp_path: Path) -> None:
        written("key", tmp_path, ["a", "b"], torch.ones(2, 5))
        (path,) = shards(tmp_path)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        store = FeatureStore("key", tmp_path)
        assert "a" in store and "b" not in store
        store.add(["b"], torch.full((1, 5), 2.0))
        store.flush()
        assert "b" in store
        for touched in (path, *[one for one in shards(tmp_path) if one != path]):  # whichever is read last
            os.utime(touched)
            again = FeatureStore("key", tmp_path)
            assert "b" in again
            assert torch.equal(again.rows(["b"]), torch.full((1, 5), 2.0))

    def test_what_replaces_a_file_cut_off_is_read_and_the_store_goes_on(self, tmp_path: Path) -> None:
        written("key", tmp_path, ["a", "b"], torch.ones(2, 2, 3, 3))
        (path,) = shards(tmp_path)
        path.write_bytes(path.read_bytes()[:300])
        store = FeatureStore("key", tmp_path)
        for names in (["a", "b"], ["c", "d"]):  # the first ones into a file of the same name
            store.add(names, torch.full((2, 2, 3, 3), 2.0))
            store.flush()
        assert all(name in store for name in "abcd")
        assert torch.equal(FeatureStore("key", tmp_path).rows(["b"]), torch.full((1, 2, 3, 3), 2.0))

    @pytest.mark.parametrize(
        "change",
        [{"names": "3"}, {"names": "[[]]"}, {"names": "[" * 100_000}, {"crc32": '["x"]'}, {"crc32": "{}"}],
    )
    def test_an_index_that_tells_nonsense_is_left_out(self, tmp_path: Path, change: dict[str, str]) -> None:
        written("key", tmp_path, ["a"], torch.zeros(1, 5))
        (path,) = shards(tmp_path)
        with safe_open(path, framework="pt") as file:
            description, rows = file.metadata(), file.get_tensor("rows").clone()
        save_file({"rows": rows}, path, {**description, **change})
        assert "a" not in FeatureStore("key", tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
    def test_nobody_waits_for_a_pipe_and_a_file_may_vanish(self, tmp_path: Path) -> None:
        written("key", tmp_path, ["a"], torch.zeros(1, 5))
        (path,) = shards(tmp_path)
        os.mkfifo(path.with_name("pipe.safetensors"))
        path.with_name("gone.safetensors").symlink_to(tmp_path / "nowhere")
        assert "a" in FeatureStore("key", tmp_path)

    def test_a_file_of_another_store_that_got_here_is_left_out(self, tmp_path: Path) -> None:
        written("key", tmp_path, ["a"], torch.ones(1, 5))
        written("other", tmp_path, ["b"], torch.ones(1, 5))
        (path,) = (path for path in shards(tmp_path) if _key(path) == "key")
        (other,) = (path for path in shards(tmp_path) if _key(path) == "other")
        path.replace(other.with_name("strayed.safetensors"))
        assert "a" not in FeatureStore("other", tmp_path)


class TestRoom:
    def test_the_one_that_was_not_used_for_longest_goes_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DENSEKIT_CACHE_GB", "0.00001")  # 10 kB
        for number, key in enumerate(("old", "newer")):
            folder = written(key, tmp_path, ["a"], torch.zeros(1, 1000)).folder  # 4 kB each
            assert folder is not None
            os.utime(folder / "about.json", (number, number))
        FeatureStore("old", tmp_path)  # opening is using
        written("third", tmp_path, ["a"], torch.zeros(1, 1000))
        kept = {key: "a" in FeatureStore(key, tmp_path) for key in ("old", "newer", "third")}
        assert kept == {"old": True, "newer": False, "third": True}

    def test_one_that_can_not_be_deleted_still_takes_its_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number, key in enumerate(("held", "newer")):
            folder = written(key, tmp_path, ["a"], torch.zeros(1, 1000)).folder  # 4 kB each
            assert folder is not None
            os.utime(folder / "about.json", (number, number))
        held, newer = (info.folder for info in stores(tmp_path))
        delete = cache_module._delete

        def delete_but_one(folder: Path) -> None:
            if folder == held:  # as Windows has it where another process reads a file
                raise PermissionError
            delete(folder)

        monkeypatch.setattr(cache_module, "_delete", delete_but_one)
        monkeypatch.setenv("DENSEKIT_CACHE_GB", "0.00001")  # 10 kB
        assert make_room(tmp_path, 4000, keep=tmp_path / "third")
        assert held.exists() and not newer.exists()
        assert not make_room(tmp_path, 8000, keep=tmp_path / "third")

    def test_maps_for_which_there_is_no_room_are_not_kept_and_embeddings_in_memory_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DENSEKIT_CACHE_GB", "0")
        maps = written("maps", tmp_path, ["a"], torch.zeros(1, 2, 3, 3))
        assert "a" not in maps
        embeddings = written("embeddings", tmp_path, ["a"], torch.zeros(1, 5))
        assert "a" in embeddings
        assert stores(tmp_path) == []

    def test_a_folder_that_can_not_be_written_costs_one_warning(self, tmp_path: Path) -> None:
        (tmp_path / "features").write_text("a file, where a folder is due")
        store = FeatureStore("key", tmp_path / "features")
        with pytest.warns(UserWarning, match="can't be kept in .*DENSEKIT_CACHE"):
            store.add(["a"], torch.zeros(1, 5))
            store.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            store.add(["b"], torch.zeros(1, 5))
            store.flush()
        assert "a" in store and "b" in store

    def test_what_is_there_is_listed_and_cleared(self, tmp_path: Path) -> None:
        written("key", tmp_path, ["a"], torch.zeros(1, 1000))
        (info,) = stores(tmp_path)
        assert info.description == "a description"
        assert info.bytes > 4000
        assert clear(tmp_path) == info.bytes
        assert stores(tmp_path) == []

    def test_folders_that_are_no_stores_are_nobodys_to_list_or_delete(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        thesis = tmp_path / "thesis" / "notes.txt"
        strange = tmp_path / hashlib.md5(b"a name that looks like a store's").hexdigest() / "a.csv"
        for path in (thesis, strange):
            path.parent.mkdir()
            path.write_text("mine")
        monkeypatch.setenv("DENSEKIT_CACHE_GB", "0.00001")  # so that the first two stores have to go
        for key in ("one", "two", "three"):
            written(key, tmp_path, ["a"], torch.zeros(1, 1000))
        assert len(stores(tmp_path)) == 2
        clear(tmp_path)
        assert stores(tmp_path) == []
        assert [path.read_text() for path in (thesis, strange)] == ["mine", "mine"]

    def test_what_somebody_put_into_a_store_stays_when_it_is_deleted(self, tmp_path: Path) -> None:
        folder = written("key", tmp_path, ["a"], torch.zeros(1, 5)).folder
        assert folder is not None
        (folder / "why_this_is_large.txt").write_text("mine")
        (folder / "mine").mkdir()
        clear(tmp_path)
        assert sorted(path.name for path in folder.iterdir()) == ["mine", "why_this_is_large.txt"]
        assert stores(tmp_path) == []

    def test_a_store_that_does_not_say_what_it_holds_is_listed_and_cleared_too(self, tmp_path: Path) -> None:
        folder = written("key", tmp_path, ["a"], torch.zeros(1, 5)).folder
        assert folder is not None
        (folder / "about.json").write_text("{")
        (info,) = stores(tmp_path)
        assert info.description == "not known: its about.json is damaged"
        clear(tmp_path)
        assert not folder.exists()

    @pytest.mark.parametrize("text", ["much", "-1", "nan", "inf", "1e300"])
    def test_an_impossible_limit_is_refused(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DENSEKIT_CACHE_GB", text)
        with pytest.raises(ConfigError, match="expected a number of gigabytes"):  # before the first picture
            extract_features(build("densenet121", "none"), [])
        with pytest.raises(ConfigError, match=f"DENSEKIT_CACHE_GB is '{text}'"):
            limit_in_bytes()


def _key(path: Path) -> str:
    with safe_open(path, framework="pt") as file:
        return str(file.metadata()["key"])
