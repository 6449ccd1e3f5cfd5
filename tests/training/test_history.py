from pathlib import Path

import pandas as pd
import torch

from densekit.training.events import BatchDone, EpochDone, Event, Validated
from densekit.training.history import COLUMNS, History


def validated(epoch: int, step: int, improved: bool = True) -> Validated:
    return Validated(epoch, step, 0.5, 0.75, torch.zeros(1, 2), torch.zeros(1), improved)


EVENTS: list[Event] = [
    BatchDone(1, 1, 0.9, 0.1),
    validated(1, 1),
    BatchDone(1, 2, 0.8, 0.1),
    validated(1, 2, improved=False),
    EpochDone(1, 2, 0.85, 0.6, 0.1, 1.0),
    BatchDone(2, 3, 0.7, 0.05),
    EpochDone(2, 3, 0.7, 0.7, 0.05, 1.0),
]


def read_all(history: History) -> History:
    for event in EVENTS:
        history.read(event)
    return history


def test_a_validation_and_the_end_of_an_epoch_at_the_same_step_share_a_row() -> None:
    table = read_all(History()).table()
    assert list(table.columns) == list(COLUMNS)
    assert table["step"].tolist() == [1, 2, 3]
    assert table["saved"].iloc[:2].tolist() == [1, 0]
    assert table["learning_rate"].tolist() == [0.1, 0.1, 0.05]


def test_what_a_row_does_not_have_is_missing() -> None:
    table = read_all(History()).table()
    assert pd.isna(table["train_loss"].iloc[0])
    assert pd.isna(table["val_accuracy"].iloc[2])
    assert table["val_accuracy"].iloc[1] == 0.75


def test_it_is_on_disk_after_each_epoch(tmp_path: Path) -> None:
    history = History(tmp_path / "history.csv")
    for event in EVENTS[:4]:
        history.read(event)
    assert not (tmp_path / "history.csv").exists()
    history.read(EVENTS[4])
    assert len(pd.read_csv(tmp_path / "history.csv")) == 2


def test_a_history_that_goes_on_from_its_rows_ends_equal(tmp_path: Path) -> None:
    read_all(History(tmp_path / "whole.csv"))
    first = History(tmp_path / "resumed.csv")
    for event in EVENTS[:5]:
        first.read(event)
    resumed = History(tmp_path / "resumed.csv", list(first.rows), first.learning_rate)
    for event in EVENTS[5:]:
        resumed.read(event)
    assert (tmp_path / "resumed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_which_validations_were_saved_is_in_it() -> None:
    assert list(read_all(History()).saved_at()) == [(1, 1)]
