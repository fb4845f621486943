"""Hands grades back to an LMS: into its own sheet, as feedback files, as Gradescope's results."""
