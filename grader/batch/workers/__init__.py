"""Performs tasks, several at once, here or on a cluster."""
