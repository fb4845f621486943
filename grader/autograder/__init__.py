"""The grader as a Gradescope autograder: the zip that staff upload, and its run in a container.

`bundle` makes the zip; setup.sh and run_autograder are its two scripts; `run` is what the second
starts, and `metadata` reads what Gradescope says of a submission. `settled` makes a zip that hands
out what a batch has found.
"""
