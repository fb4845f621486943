"""The pages that are served on this machine alone."""
