"""Choose the depth at which all arms of a case are compared, and take their networks there.

Where training stops in common (``training.stop: common``), every seed is stored at a row of
training losses. A case is compared at the lowest of them that all seeds came to whose training
decides: those that diverged and those of arms that are exempt do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from symgeom.study.labels import DEPTH, END

COLUMNS = ("arm", "seed", DEPTH, "status", "history_loss")
"""What the choice needs to know of a store of trained networks."""


@dataclass(frozen=True)
class Run:
    """How far the training of a seed came.

    Attributes
    ----------
    arm : str
        Its arm.
    seed : int
        The seed.
    reached : int
        How many of the depths it came to.
    least_loss : float
        The lowest training loss at which it was evaluated; infinite if none was finite.
    diverged : bool
        Whether it diverged in the end.
    """

    arm: str
    seed: int
    reached: int
    least_loss: float
    diverged: bool

    @property
    def name(self) -> str:
        """Arm and seed in words."""
        return f"{self.arm} seed {self.seed}"


@dataclass(frozen=True)
class Choice:
    """At which depth a case is compared, and why.

    Attributes
    ----------
    case : str
        Name of the case.
    depths : list of float
        The training losses among which it was chosen, the largest first.
    depth : float or None
        The lowest that all seeds came to which decide; None if there is none.
    decided_by : str
        The arm and the seed that came least far; empty if all came to the lowest depth, or if none
        decides.
    exempt : dict of str to str
        The arms and seeds that did not decide, and why.
    words : str
        The same for people.
    """

    case: str
    depths: list[float]
    depth: float | None
    decided_by: str
    exempt: dict[str, str]
    words: str


def choose(case: str, arms: Sequence[xr.Dataset], exempt: Mapping[str, str]) -> Choice:
    """Choose the depth at which the arms of a case are compared.

    Parameters
    ----------
    case : str
        Name of the case.
    arms : sequence of xr.Dataset
        The seeds of its arms that are trained here, along their depths (``COLUMNS``).
    exempt : mapping of str to str
        The arms that do not decide, and why.

    Returns
    -------
    Choice
        The depth, and who decided.
    """
    depths = [float(depth) for depth in arms[0][DEPTH].values if depth != END]
    runs = []
    for arm in arms:
        runs += list(_runs(arm))
    left_out = dict(exempt)
    deciding = []
    for run in runs:
        if run.arm in exempt:
            continue
        if run.diverged:
            left_out[run.name] = "diverged"
        else:
            deciding.append(run)
    if not deciding:
        words = f"Case {case}: no seed is left that decides on a common depth.\n"
        return Choice(case, depths, None, "", left_out, words + _words_of_exempt(left_out))
    last = min(deciding, key=_progress)
    words = _words(case, depths, last) + _words_of_exempt(left_out)
    if not last.reached:
        return Choice(case, depths, None, last.name, left_out, words)
    name = last.name if last.reached < len(depths) else ""
    return Choice(case, depths, depths[last.reached - 1], name, left_out, words)


def at_depth(arm: xr.Dataset, depth: float | None) -> xr.Dataset:
    """Return the networks of an arm at the common depth.

    Parameters
    ----------
    arm : xr.Dataset
        Its networks along the depths.
    depth : float or None
        The depth.

    Returns
    -------
    xr.Dataset
        Without the axis. Seeds that never came to the depth are as training left them, and not
        usable; without a common depth that are all.
    """
    if depth is None:
        end = arm.sel({DEPTH: END}, drop=True)
        nowhere = xr.zeros_like(end["usable"])
        return end.assign(usable=nowhere).assign_attrs(depth=np.nan)
    return arm.sel({DEPTH: depth}, drop=True).assign_attrs(depth=depth)


def _runs(arms: xr.Dataset) -> Iterator[Run]:
    """Yield how far each seed of a store came."""
    end = arms.sel({DEPTH: END})
    for arm in arms["arm"].values.tolist():
        for seed in arms["seed"].values.tolist():
            status = arms["status"].sel(arm=arm, seed=seed).values
            history = end["history_loss"].sel(arm=arm, seed=seed).values
            finite = history[np.isfinite(history)]
            yield Run(
                arm,
                seed,
                reached=int((status[:-1] == "reached").sum()),
                least_loss=float(min(finite, default=np.inf)),
                diverged=bool(status[-1] == "diverged"),
            )


def _progress(run: Run) -> tuple[int, float]:
    """Return what is smaller the less far a seed came."""
    return run.reached, -run.least_loss


def _words(case: str, depths: Sequence[float], last: Run) -> str:
    """Say which depth all seeds came to, and who came least far."""
    listed = ", ".join(f"{depth:g}" for depth in depths)
    if not last.reached:
        return (
            f"Case {case}: no depth of training.depths ({listed}) that all seeds came to. "
            f"{last.name} came least far, to a training loss of {last.least_loss:.3g}: raise the "
            f"epochs of {last.arm}, let training.depths begin with a larger loss, or name "
            f"{last.arm} in training.exempt.\n"
        )
    depth = f"{depths[last.reached - 1]:g}"
    if last.reached == len(depths):
        return f"Case {case}: compared at training loss {depth}; all seeds came to it.\n"
    return (
        f"Case {case}: compared at training loss {depth}, the lowest of {listed} that all seeds "
        f"came to. {last.name} came least far, to {last.least_loss:.3g}.\n"
    )


def _words_of_exempt(exempt: Mapping[str, str]) -> str:
    """Say who did not decide."""
    if not exempt:
        return ""
    reasons = [f"{name} ({reason})" for name, reason in exempt.items()]
    return f"  Without {', '.join(reasons)}.\n"
