"""The sandboxes: where a submission's code runs, and the cell that is one live sandbox."""
