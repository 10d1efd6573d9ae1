"""The three pools that view a source: what may be queried, what is labelled, what is only measured on."""

from alrun.data.evaluation_pool import EvaluationPool
from alrun.data.training_pool import TrainingPool
from alrun.data.unlabeled_pool import UnlabeledPool

__all__ = ["EvaluationPool", "TrainingPool", "UnlabeledPool"]
