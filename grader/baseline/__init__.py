"""The baseline: the given network, trained by the reference on what a student's script gets."""
