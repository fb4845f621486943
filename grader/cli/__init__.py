"""The command line: one module a command."""

import os

from grader.one_thread import ONE_THREAD

# Before any command loads numpy: what computes in earnest runs in processes of one thread each.
os.environ.update(ONE_THREAD)
