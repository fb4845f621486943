"""How numpy is kept to one thread: by the environment in which it is loaded."""

from __future__ import annotations

ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Tasks fill the cores, one each, and more threads than cores are slower; and how numpy splits a
product among threads can change its last digits."""
