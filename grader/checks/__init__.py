"""The grading stages: each turns a submission into one rubric item's result."""
