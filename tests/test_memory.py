"""The memory that decoding takes, however large pictures are and however many threads decode them."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pictures import save
from PIL import Image

from densekit.data import decoding
from densekit.data.memory import MemoryBudget

PEAK = """
import sys
from pathlib import Path
from densekit.data.doctor import diagnose
from densekit.data.loading import load_images
from densekit.data.scan import Sample
from densekit.data.transforms import Preprocessing
root = Path(sys.argv[1])
if sys.argv[2] == "doctor":
    told = diagnose(root, workers=4)
    assert sum(told.counts["all"].values()) == 4, told
else:
    samples = [Sample(path, 0) for path in sorted(root.glob("*/*"))]
    loaded = list(load_images(samples, Preprocessing(64, 64), workers=4))
    assert sum(map(len, loaded)) == 4
# Of this process alone: ru_maxrss would count what the tests had before they started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


@pytest.fixture(scope="module")
def worst(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small files that hold pictures of up to 88 million pixels."""
    root = tmp_path_factory.mktemp("worst")
    for number, name in enumerate("ab"):
        (root / name).mkdir(exist_ok=True)
        side = 9_400
        deep = np.full((side, side), 3_000 + number, np.uint16)
        Image.fromarray(deep).save(root / name / f"{number}.png", compress_level=1)
        side = 7_000
        Image.new("RGBA", (side, side), (number, 9, 9, 128)).save(
            root / name / f"{number}-clear.png", compress_level=1
        )
    return root


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in another unit")
@pytest.mark.parametrize("who", ["doctor", "loader"])
@pytest.mark.slow
def test_the_worst_folder_takes_less_than_a_gigabyte(worst: Path, who: str) -> None:
    done = subprocess.run([sys.executable, "-c", PEAK, worst, who], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1024


def test_a_large_file_is_read_alone_and_does_not_wait_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "large.bmp", size=(30, 20))
    monkeypatch.setattr(decoding, "_LARGE_FILE", 0)
    found: list[object] = []

    def read() -> None:
        found.append(decoding.read_and_use(tmp_path / "large.bmp", lambda picture: picture.image.size))

    threads = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert found == [(30, 20)] * 4


def test_who_wants_more_than_there_is_waits_until_alone() -> None:
    budget, seen, most = MemoryBudget(10), threading.Lock(), 0
    held = 0

    def work(wanted: int) -> None:
        nonlocal held, most
        with budget.hold(wanted):
            with seen:
                held += min(wanted, 10)
                most = max(most, held)
            with seen:
                held -= min(wanted, 10)

    threads = [threading.Thread(target=work, args=(wanted,)) for wanted in (3, 4, 25, 6, 10, 1) * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in threads)
    assert 0 < most <= 10


def test_what_is_held_comes_back_after_an_error() -> None:
    budget = MemoryBudget(10)
    with pytest.raises(ValueError, match="on the way"), budget.hold(10):
        raise ValueError("on the way")
    with budget.hold(10):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in another unit")
@pytest.mark.slow
def test_the_doctor_holds_no_more_of_many_pictures_than_of_few(tmp_path: Path) -> None:
    def grown(count: int) -> int:
        for number in range(count):
            save(tmp_path / str(count) / f"class {number % 2}" / f"{number}.jpg", (1200, 900), seed=number)
        work = "before = peak_memory(); diagnose(sys.argv[1], workers=2); print(peak_memory() - before)"
        names = "from densekit.data.doctor import diagnose; from densekit.devices import peak_memory"
        script = f"import sys; {names}; {work}"
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / str(count))],
            capture_output=True,
            check=True,
            text=True,
        )
        return int(done.stdout)

    decoded = 1200 * 900 * 3  # bytes of one picture
    assert grown(60) - grown(20) < 10 * decoded  # of the 40 more, hardly any
