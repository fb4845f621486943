"""A grading and self-check service for the lab "A Neural Network from Scratch"."""

__version__ = "0.1.0"
