"""What honest solutions use still works behind the filter: plots, threads, processes, long sums."""

from __future__ import annotations

import contextlib

import pytest

from grader.bridge.channel import Channel
from grader.bridge.faults import StudentFault, StudentRaised
from grader.lab import Project
from grader.sandbox.cell import Cell
from grader.sandbox.launch import Sandbox

USES = {
    "plots": """
import matplotlib.pyplot as plt
plt.plot([1, 2], [3, 4])
plt.savefig("plot.png")
from PIL import Image
assert Image.open("plot.png").size[0] > 100
""",
    "thread pools": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    assert sum(pool.map(lambda n: n * n, range(100))) == 328350
""",
    "processes": """
import multiprocessing, subprocess, sys
done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True)
assert done.stdout == "42\\n", done
ours, theirs = multiprocessing.Pipe()
child = multiprocessing.get_context("fork").Process(target=lambda: theirs.send("done"))
child.start()
assert ours.recv() == "done"
child.join()
""",
    "a shell": """
import os, subprocess
assert os.system("mkdir -p results && echo 1 2 > results/losses.txt") == 0
shown = subprocess.run("cat results/*.txt | wc -w", shell=True, capture_output=True, text=True)
assert shown.stdout.strip() == "2", shown
""",
    "a script of its own": """
import pathlib, subprocess, sys
pathlib.Path("plot.py").write_text("import numpy; print(numpy.arange(3).sum())")
done = subprocess.run([sys.executable, "plot.py"], capture_output=True, text=True)
assert done.stdout == "3\\n", done
""",
    "scikit-learn": """
import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix
assert accuracy_score([0, 1, 1], [0, 1, 0]) > 0.6
assert confusion_matrix([0, 1], [0, 1]).trace() == 2
""",
    "numpy": """
import numpy as np
w = np.ones((256, 256))
for _ in range(200):
    w = w @ w / np.linalg.norm(w @ w)
np.savez("weights.npz", w=w)
assert np.load("weights.npz")["w"].shape == (256, 256)
""",
    "files": """
import os, pathlib, shutil, tempfile, time
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "a").write_text("x")
    shutil.copytree(folder, "copy")
shutil.move("copy/a", "b")
os.utime("b")
assert sorted(os.listdir("copy")) == [] and time.monotonic() > 0
""",
}


@pytest.mark.parametrize("use", USES, ids=lambda use: use.replace(" ", "-"))
def test_honest_code_runs_in_every_sandbox(use: str, sandbox: Sandbox, project: Project) -> None:
    source = USES[use] + "\nprint('all of it worked', flush=True)\n"
    with Cell(sandbox, project.lab, {"layers/__init__.py": source.encode()}) as cell:
        channel = Channel(cell.start(), {})
        said: Exception | None = None
        with contextlib.suppress(StudentFault):
            try:
                channel.prepare("FullLayer", "full", False, 60)
            except StudentRaised as raised:
                said = raised
        channel.close()
        output = cell.end().output
    assert "all of it worked" in output, (said, output)
