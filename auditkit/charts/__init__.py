"""Charts as SVG: plain values in, a drawing and its words out.

This layer knows arrays, labels and SVG; it knows nothing of evidence, thresholds or reports.

Laws:
    - Text is text: it can be searched, read aloud and printed in the report's own font.
    - A drawing comes with a description made from the same numbers, for those who cannot see it.
    - Colour is never the only sign: position, shape or words show the same, also in grey print.
    - The same values give the same bytes. Labels are shown as they are: `$` starts no formula.
"""

from auditkit.charts.attribution import beeswarm, importance, waterfall
from auditkit.charts.canvas import Chart
from auditkit.charts.curves import calibration, sweep
from auditkit.charts.dependence import dependence, rank_intervals
from auditkit.charts.frontier import frontier
from auditkit.charts.intervals import ForestRow, forest
from auditkit.charts.predicted import predicted_against_observed
from auditkit.charts.privacy import before_after, class_sizes
from auditkit.charts.style import HALF, WHOLE, letters, text_width
from auditkit.charts.timeline import calendar, timeline

__all__ = [
    "HALF",
    "WHOLE",
    "Chart",
    "ForestRow",
    "beeswarm",
    "before_after",
    "calendar",
    "calibration",
    "class_sizes",
    "dependence",
    "forest",
    "frontier",
    "importance",
    "letters",
    "predicted_against_observed",
    "rank_intervals",
    "sweep",
    "text_width",
    "timeline",
    "waterfall",
]
