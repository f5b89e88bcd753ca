"""Which constant decay has, and how little else decides where the norms end.

Two linear layers under SGD; squared norm of the incoming over that of the outgoing weights in the
end, bars are intervals over draws. (a) Eight inputs, two outputs: without decay the norms balance
at 4, and decay brings them together. Dashed: closed form, in which decay enters as batch × decay /
learning rate; dotted: as it is printed in theorem 5.2 of Ziyin et al., twice the decay. (b) Inputs
of two variances at other learning rates, batches and sizes: all end at one ratio (dashed), which
gradient descent does not know (open markers). After their figure 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.keys import key, letter, line, mark
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import bars, dots
from symgeom.study.figures.style import BROKEN, MUTED, PAGE, ordered_looks, sheet, words
from symgeom.study.stationary import late_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Dashes

RATIO = "squared norms (incoming / outgoing)"
PRINTED: Dashes = (0, (1, 1))

MEASURED = "SGD"
LOOKS = ordered_looks([MEASURED])


def draw(results: Results) -> Picture:
    """Draw where norms end, by decay and by everything else.

    Parameters
    ----------
    results : Results
        With the stages ``decay_constant`` and ``robustness``.

    Returns
    -------
    Picture
        A page wide.
    """
    decay = results.stage("decay_constant")
    robustness = results.stage("robustness")
    if "ratio" not in decay or "ratio" not in robustness:
        return words("Nothing to show: decay and robustness of two layers were not both followed.")
    figure, panels = sheet("ab", width=PAGE, height=2.6)
    level = results.number("level")
    _decay(panels["a"], decay, level)
    _settings(panels["b"], robustness, level)
    letter(panels)
    extra = [
        line(BROKEN, "closed form"),
        line(PRINTED, "as printed"),
        mark("o", "gradient descent", fill="none"),
    ]
    numbers = {MEASURED: decay.sizes["draw"]}
    key(figure, numbers, LOOKS, heading="descent (draws)", lines=False, extra=extra)
    return figure


def _decay(panel: Axes, decay: xr.Dataset, level: float) -> None:
    """Draw the ratio against the constant."""
    look = LOOKS[MEASURED]
    constants = decay["constant"].values
    ends = late_mean(decay["ratio"]).transpose("draw", "constant").values
    bars(panel, constants, ends, look, level=level, joined=False)
    fine = decay["fine_constant"].values
    panel.plot(fine, decay["ratio_curve"].values, color=MUTED, linestyle=BROKEN)
    panel.plot(constants, decay["ratio_printed"].values, color=MUTED, linestyle=PRINTED)
    panel.set(title="decay", xlabel="batch × decay / learning rate (loss)", ylabel=RATIO)


def _settings(panel: Axes, robustness: xr.Dataset, level: float) -> None:
    """Draw the ratio in every setting."""
    look = LOOKS[MEASURED]
    ends = late_mean(robustness["ratio"]).transpose("descent", "draw", "setting")
    columns = np.arange(robustness.sizes["setting"])
    bars(panel, columns, ends.sel(descent="SGD").values, look, level=level, joined=False)
    dots(panel, columns, ends.sel(descent="GD").values.mean(0), look, fill="none")
    panel.axhline(float(robustness["ratio_theory"]), color=MUTED, linestyle=BROKEN)
    panel.set_xticks(columns, [str(name) for name in robustness["setting"].values], rotation=30)
    panel.set(title="everything else", ylabel=RATIO)


FIGURE = Figure(
    name="noise_constants",
    text=__doc__,
    question=THEORY,
    stages=("decay_constant", "robustness"),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("decay_constant", "robustness"),
    model="noise_models",
)
