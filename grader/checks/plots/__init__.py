"""The check of the plots: decoded in a sandbox, looked at for what a machine can see."""

from grader.checks.plots.check import ITEM, check_plots, given_pictures, needs

__all__ = ["ITEM", "check_plots", "given_pictures", "needs"]
