"""The report: counts, shares and the cases in which there is nothing to divide by."""

import json
import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from densekit.errors import DataError
from densekit.evaluation.report import Report

FRUIT = ("apple", "pear", "plum")


def small() -> Report:
    return Report.from_predictions([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], FRUIT)


def test_rows_are_the_true_classes_and_columns_the_predicted_ones():
    assert small().confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert small().confusion.dtype == np.int64


def test_right_answers_stand_on_the_diagonal():
    report = small()
    assert (report.correct, report.total, report.accuracy) == (4, 6, 4 / 6)
    assert [score.fraction for score in report.per_class] == ["2/3", "2/2", "0/1"]
    assert report.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert str(report) == "4 of 6 right (66.7 %)"


def test_the_numbers_are_those_of_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 7, (300,), generator=generator)
    logits = torch.randn(300, 7, generator=generator)
    report = Report.from_logits(labels, logits, list("abcdefg"))
    predicted, shares = logits.argmax(1), logits.double().softmax(1).numpy()
    assert np.array_equal(report.confusion, metrics.confusion_matrix(labels, predicted))
    assert report.accuracy == metrics.accuracy_score(labels, predicted)
    assert report.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(labels, predicted))
    assert report.loss == pytest.approx(metrics.log_loss(labels, shares), abs=1e-5)
    assert report.top_k == {k: metrics.top_k_accuracy_score(labels, shares, k=k) for k in (2, 3, 5)}


def test_top_k_is_left_out_where_it_would_always_be_right():
    report = Report.from_logits([0, 1, 2], torch.eye(3), FRUIT)
    assert list(report.top_k) == [2]


def test_bfloat16_logits_and_lists_are_welcome():
    logits = torch.tensor([[2.0, 1.0], [0.5, 3.0]], dtype=torch.bfloat16, requires_grad=True)
    assert Report.from_logits([0, 1], logits, ["a", "b"]).accuracy == 1
    assert Report.from_logits(np.array([0, 1]), logits.detach().float().numpy(), ["a", "b"]).accuracy == 1


def test_a_class_without_images_has_no_accuracy_and_does_no_harm():
    report = Report.from_predictions([0, 0, 2], [0, 1, 2], FRUIT)
    pear = report.per_class[1]
    assert (pear.fraction, math.isnan(pear.accuracy)) == ("0/0", True)
    assert report.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    assert report.to_dict()["per_class"][1] == {"class": "pear", "correct": 0, "total": 0, "accuracy": None}


@pytest.mark.parametrize(
    "report",
    [Report.from_predictions([], [], FRUIT), Report.from_logits([], torch.empty(0, 3), FRUIT)],
    ids=["predictions", "logits"],
)
def test_an_empty_split_gives_an_empty_report(report):
    assert report.total == 0
    assert math.isnan(report.accuracy)
    assert math.isnan(report.balanced_accuracy)
    assert report.most_confused() == ()
    assert str(report) == "0 of 0 right (–)"
    assert report.to_dict()["accuracy"] is None


def test_the_commonest_mistakes_come_first_and_only_as_many_as_there_are():
    report = Report(FRUIT, np.array([[5, 1, 4], [0, 9, 1], [2, 0, 8]]))
    found = [
        (mistake.true, mistake.predicted, mistake.count, mistake.total) for mistake in report.most_confused()
    ]
    assert found == [
        ("apple", "plum", 4, 10),
        ("plum", "apple", 2, 10),
        ("apple", "pear", 1, 10),
        ("pear", "plum", 1, 10),
    ]
    assert len(report.most_confused(2)) == 2


def test_the_dictionary_is_strict_json_and_says_it_all():
    report = Report.from_logits([0, 1, 2], torch.full((3, 3), torch.nan), FRUIT)
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["loss"] is None
    assert values["classes"] == ["apple", "pear", "plum"]
    assert json.loads(json.dumps(small().to_dict()))["most_confused"][0] == {
        "true": "apple",
        "predicted": "pear",
        "count": 1,
        "total": 3,
    }


def test_nobody_can_change_the_counts_of_a_report():
    counts = np.eye(3, dtype=int)
    report = Report(FRUIT, counts)
    counts[0, 0] = 99
    assert report.correct == 3
    with pytest.raises(ValueError, match="read-only"):
        report.confusion[0, 0] = 99


@pytest.mark.parametrize(
    ("labels", "predictions", "classes", "message"),
    [
        ([0, 3], [0, 1], FRUIT, "a label is 3, but there are 3 classes: expected 0 to 2"),
        ([0, 1], [0, -1], FRUIT, "a prediction is -1, but there are 3 classes: expected 0 to 2"),
        ([0, 1, 2], [0, 1], FRUIT, "3 labels for 2 predictions: expected one for each"),
        ([0.5], [0], FRUIT, "the labels are torch.float32: expected whole class numbers"),
        ([[0]], [0], FRUIT, r"the labels have the shape \(1, 1\): expected one number an image"),
        ([], [], (), "there are no classes: expected at least one name"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(labels, predictions, classes, message):
    with pytest.raises(DataError, match=message):
        Report.from_predictions(labels, predictions, classes)


def test_logits_need_a_row_for_each_label_and_a_column_for_each_class():
    with pytest.raises(DataError, match=r"the logits have the shape \(2, 4\): expected \(2, 3\)"):
        Report.from_logits([0, 1], torch.zeros(2, 4), FRUIT)
    with pytest.raises(DataError, match=r"confusion table has the shape \(2, 2\): expected \(3, 3\)"):
        Report(FRUIT, np.eye(2, dtype=int))
