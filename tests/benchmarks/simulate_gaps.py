"""How the two tuned constants of the intervals of largest gaps were chosen: coverage by simulation.

Run as `python -m tests.benchmarks.simulate_gaps [SAMPLES]`. A line is a choice of the constants, a
column a design: true rates of two metrics in some groups. A good choice is close to 95 % in every
column; the first three columns are those where an interval can be too short. `width` is the mean
width of the intervals of the third design.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np

from auditkit.measures.groups import bootstrap
from auditkit.measures.groups.rates import Confusion, rates, values
from auditkit.measures.groups.replicates import replicate_counts

# Name, true tpr, true fpr, rows of each outcome by group.
DESIGNS = (
    ("no gap, 2", [0.8, 0.8], [0.2, 0.2], 200),
    ("no gap, 5", [0.8] * 5, [0.2] * 5, 200),
    ("one stands out", [0.8, 0.6], [0.2, 0.2], 100),
    ("two tie", [0.8, 0.7], [0.3, 0.2], 500),
    ("three tie", [0.8, 0.8, 0.8, 0.6], [0.2] * 4, 200),
    ("ten, nine tie", [0.8] * 9 + [0.6], [0.2] * 10, 200),
    ("small gaps", [0.8, 0.78, 0.76, 0.74], [0.2] * 4, 400),
)
CHOICES = ((0.5, 0.7), (0.6, 0.7), (0.7, 0.4), (0.7, 0.7), (0.7, 1.0), (0.8, 0.7), (0.9, 0.7))


def main(samples: int) -> None:
    """Prints coverage in per cent by choice and design."""
    hits = np.zeros((len(CHOICES), len(DESIGNS)))
    widths = np.zeros(len(CHOICES))
    for column, (_, tpr, fpr, rows) in enumerate(DESIGNS):
        rng = np.random.default_rng(20261124)
        truth = max(np.ptp(tpr), np.ptp(fpr))
        for seed in range(samples):
            tp, fp = rng.binomial(rows, tpr), rng.binomial(rows, fpr)
            counts = np.stack([rows - fp, fp, rows - tp, tp], axis=1).astype(float)
            confusion = Confusion.of_counts(counts)
            replicated = {
                name: partial(values, replicate_counts(confusion, replicates=300, seed=seed))(name)
                for name in ("tpr", "fpr")
            }
            for line, (bootstrap.LOWER_SHARE, bootstrap.REACH) in enumerate(CHOICES):
                gap = bootstrap.largest_gap(
                    lambda name, level, c=confusion: rates(c, name, level=level),
                    replicated.__getitem__,
                    ("tpr", "fpr"),
                    name="both",
                ).estimate
                hits[line, column] += gap.lower <= truth + 1e-12 and truth - 1e-12 <= gap.upper
                widths[line] += (gap.upper - gap.lower) * (column == 2)
    print("lower share, reach | " + " | ".join(name for name, *_ in DESIGNS) + " | width")
    for (lower, reach), shares, width in zip(CHOICES, hits, widths, strict=True):
        cells = " | ".join(f"{100 * share / samples:.1f}" for share in shares)
        print(f"{lower:.1f}, {reach:.1f} | {cells} | {width / samples:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
