"""The check of better_cifar.py: it trains in a sandbox, and its networks are measured here."""

from grader.checks.better_cifar.check import (
    ITEM,
    Exam,
    Watch,
    check_better_cifar,
    judge_training,
    train_better_cifar,
)
from grader.checks.better_cifar.suspicion import needs
from grader.checks.better_cifar.training import Training

__all__ = [
    "ITEM",
    "Exam",
    "Training",
    "Watch",
    "check_better_cifar",
    "judge_training",
    "needs",
    "train_better_cifar",
]
