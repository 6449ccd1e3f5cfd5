"""A run folder, how it is made, and from it back to a classifier.

config.yaml                    every setting, resolved
split.json                     which pictures were learned from and which held back, with their hashes
history.csv                    a row for each validation and epoch
head.safetensors               the best head; or, if more was trained, model.safetensors: the whole network
checkpoint.safetensors         where an interrupted training goes on, and the one before it beside it
evaluation/epoch-E-step-S/     the report on each validation that was the best so far
evaluation/epoch-…/check-N/    the report on the first N batches of a validation, where `user_step` asks for it
evaluation/                    the report on the best one, with a folder for each later evaluation
tensorboard/                   the curves as TensorBoard shows them, where `logs.tensorboard` asks for them
metrics.json                   the numbers; it is written last, so a run that has it is complete
"""

from densekit.run.classifier import Run, load_run
from densekit.run.predictions import Prediction, Predictions
from densekit.run.trainer import resume, train

__all__ = ["Prediction", "Predictions", "Run", "load_run", "resume", "train"]
