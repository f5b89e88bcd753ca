"""What was measured in one case of a study, as the claims ask for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import xarray as xr

Roles = Mapping[str, str | Sequence[str]]
"""The arms that play a part: ``{"flat": "rsgd", "sharp": "adversarial", "equivariant": [...]}``."""

ROLES = (
    "flat",
    "reference",
    "sharp",
    "equivariant",
    "adaptive",
    "unregularised",
    "same_order",
    "equal_budget",
)
"""The parts that arms can play."""

NOT_MEMORISED = "random labels not memorised"
"""Why a network is left out of a claim in which its arm is to be sharp."""


def arms_of(roles: Roles, *names: str) -> tuple[str, ...]:
    """Return the arms that play a role; none if the study has no such role.

    Parameters
    ----------
    roles : mapping of str to str or sequence of str
        The roles of the study.
    *names : str
        Which roles.

    Returns
    -------
    tuple of str
        Their arms.

    Examples
    --------
    >>> arms_of({"flat": "rsgd", "equivariant": ["sgd", "rsgd"]}, "flat", "equivariant", "sharp")
    ('rsgd', 'sgd', 'rsgd')
    """
    arms: list[str] = []
    for name in names:
        players = roles.get(name, ())
        if isinstance(players, str):
            arms.append(players)
        else:
            arms.extend(players)
    return tuple(arms)


def named(roles: Roles, role: str) -> str:
    """Return a role with its arms.

    Parameters
    ----------
    roles : mapping of str to str or sequence of str
        The roles of the study.
    role : str
        Which role.

    Returns
    -------
    str
        For a sentence.

    Examples
    --------
    >>> named({"flat": "rsgd"}, "flat"), named({}, "sharp")
    ('flat (rsgd)', 'sharp (no arm)')
    """
    arms = ", ".join(arms_of(roles, role))
    return f"{role} ({arms or 'no arm'})"


@dataclass(frozen=True)
class Tolerances:
    """How much two sides may differ and still be compared (:mod:`symgeom.study.claims.gates`).

    Attributes
    ----------
    error : float
        Difference of the mean training errors (fraction) of minima that count as equally deep.
    loss : float
        Ratio of their mean training losses.
    ceiling : float
        Share of the headroom from which on a barrier counts as being at its ceiling.
    share : float
        Share of such barriers, on both sides, from which on they are not compared.
    """

    error: float = 0.01
    loss: float = 2.0
    ceiling: float = 0.9
    share: float = 0.5


@dataclass(frozen=True, eq=False)
class Measured:
    """The stages of one case, and what the study says of its arms.

    Attributes
    ----------
    stages : mapping of str to xr.Dataset
        The measurements, by the name of their stage.
    roles : mapping of str to str or sequence of str
        Which arms are "flat", "reference", "sharp" and so on; a role may be missing.
    bend_threshold : float
        How much above the training error of its worse end (fraction) a chain may rise to count as
        connecting.
    tolerances : Tolerances
        How much two sides may differ and still be compared.
    """

    stages: Mapping[str, xr.Dataset]
    roles: Roles = field(default_factory=dict)
    bend_threshold: float = 0.01
    tolerances: Tolerances = field(default_factory=Tolerances)

    @property
    def minima(self) -> xr.Dataset:
        """The trained networks, with ``usable(arm, seed)``."""
        return self.stages["minima"]

    def minima_as(self, *names: str) -> xr.Dataset:
        """Return the networks, of which sharp ones are usable if they memorised random labels."""
        if "sharp" not in names or "pretraining_status" not in self.minima:
            return self.minima
        usable = self.minima["usable"]
        first_stage = self.minima["pretraining_status"]
        failed = (first_stage != "") & (first_stage != "reached")
        wanting = usable & failed & usable["arm"].isin(self.arms("sharp"))
        status = self.minima["status"].where(~wanting, NOT_MEMORISED)
        return self.minima.assign(usable=usable & ~wanting, status=status)

    def arms(self, *names: str) -> tuple[str, ...]:
        """Return the arms that play these roles."""
        return arms_of(self.roles, *names)

    def named(self, role: str) -> str:
        """Return a role with its arms: "flat (rsgd)"."""
        return named(self.roles, role)

    def has_any(self, stage: str, prefix: str) -> bool:
        """Say whether a stage holds a variable whose name begins so."""
        names = map(str, self.stages[stage].data_vars)
        return any(name.startswith(prefix) for name in names)
