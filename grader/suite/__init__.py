"""The suite: what an instructor does to know that the hidden tests are right."""
