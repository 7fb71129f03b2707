# SPDX-License-Identifier: MIT
"""What a session leaves of the loss: the session's half of docs/compare.svg and of the table above it, from Python.

Cells for an editor that runs them one by one; or all at once:

    compare_figure.py [--seeds N] [FILE.svg]     20 seeds are those of the document, and take a minute or so
"""
# %% What to run: every family of networks, with nothing, one path, two paths, and everything over both.
import argparse
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from duality import lab

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seeds", type=int, default=20)
parser.add_argument("file", nargs="?", default="compare.svg")
options = parser.parse_args()
variants = ["baseline", "single", "dual", "hot"]

# %% Threads are enough: a run does not hold the interpreter's lock.
with ThreadPoolExecutor(os.cpu_count()) as executor:
    result = lab.sweep("all", variants, options.seeds, executor=executor)

# %% The table: apparent loss in percent, longest gap in ms, means over the seeds.
families = [family.name.lower() for family in result.families]
loss, gap = result.mean("apparent_loss_pct"), result.mean("longest_gap_ms")
print("| | " + " | ".join(f"`{family}`" for family in families) + " |")
print("|---" * (len(families) + 1) + "|")
for v, variant in enumerate(variants):
    print(f"| `{variant}` | " + " | ".join(f"{loss[f, v]:.3f} · {gap[f, v]:.0f}" for f in range(len(families))) + " |")

# %% The figure: bars in proportion to the square root, as in the document.
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

figure, panels = pyplot.subplots(1, 2, figsize=(11, 5), sharey=True, constrained_layout=True)
places = np.arange(len(families))[::-1]
for panel, values, title in zip(panels, (loss, gap), ("apparent loss, %", "longest gap, ms")):
    for v, variant in enumerate(variants):
        bars = panel.barh(places + 0.3 - 0.2 * v, np.sqrt(values[:, v]), 0.2, label=variant)
        panel.bar_label(bars, [f"{x:.3f}" if x < 10 else f"{x:.0f}" for x in values[:, v]], fontsize=7, padding=2)
    panel.set_title(title)
    panel.set_xticks([])
panels[0].set_yticks(places, families)
panels[1].legend()
figure.savefig(options.file)

# %% What the document says of it.
dual, single, nothing = (loss[:, variants.index(v)] for v in ("dual", "single", "baseline"))
assert (dual < single).all() and (single < nothing).all(), "two paths leave less than one, and one less than nothing"
