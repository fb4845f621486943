"""The folder of a batch: all that is kept of it, and what is made of that for people."""
