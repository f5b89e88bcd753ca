"""What figures are drawn from: the stages of a case, the claims about it, and some settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgeom.ground.checks import SymgeomError
from symgeom.study.figures.selection import left_out, usable_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from symgeom.study.claims.record import Judgement


@dataclass(frozen=True, eq=False)
class Results:
    """The results of one case of a study, or of one model.

    Attributes
    ----------
    tree : xr.DataTree
        The stages of the case.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping of str to object
        What the configuration says of what the figures depend on, by the last words of the keys:
        ``level`` is ``claims.level``.
    claims : sequence of Judgement
        Those about the case.
    """

    tree: xr.DataTree
    arms: Sequence[str]
    settings: Mapping[str, object]
    claims: Sequence[Judgement] = ()

    def stage(self, name: str) -> xr.Dataset:
        """Return the arrays of a stage; none if the study has no such stage.

        Parameters
        ----------
        name : str
            The stage.

        Returns
        -------
        xr.Dataset
            The arrays.
        """
        import xarray as xr

        if name not in self.tree.children:
            return xr.Dataset()
        return self.tree[name].to_dataset()

    def measured(self, name: str) -> xr.DataArray | None:
        """Return a measure of each minimum, if the study has it.

        Parameters
        ----------
        name : str
            Of its array in the stage ``flatness`` or ``curvature``.

        Returns
        -------
        xr.DataArray or None
            The array.
        """
        for stage in ("flatness", "curvature"):
            arrays = self.stage(stage)
            if name in arrays:
                return arrays[name]
        return None

    @property
    def minima(self) -> xr.Dataset:
        """The stage of the minima."""
        return self.stage("minima")

    def usable(self) -> dict[str, list[int]]:
        """List the seeds that can be used, of each arm that has any.

        Returns
        -------
        dict of str to list of int
            Arms in the order of the study.
        """
        return usable_seeds(self.minima, self.arms)

    def left_out(self) -> str:
        """Name the runs that no figure shows, and why.

        Returns
        -------
        str
            "Left out: sam seed 2 (diverged).", or nothing.
        """
        return left_out(self.minima, self.arms)

    def number(self, setting: str) -> float:
        """Return a setting that is a number.

        Parameters
        ----------
        setting : str
            Its name.

        Returns
        -------
        float
            Its value.

        Raises
        ------
        SymgeomError
            If the setting is missing, or no number.
        """
        value = self.settings.get(setting)
        if isinstance(value, int | float):
            return value
        raise SymgeomError(
            f"Cannot draw the figure: it depends on the number '{setting}', which is {value!r} "
            f"among the settings {sorted(self.settings)}. "
            "Name it in the settings of the figure's record."
        )

    def roles(self) -> dict[str, str]:
        """Return the arm that plays each role, such as "flat".

        Returns
        -------
        dict of str to str
            By role; a role that nobody plays is missing.
        """
        roles = self.settings.get("roles")
        if not isinstance(roles, Mapping):
            return {}
        return {str(role): str(arm) for role, arm in roles.items() if arm is not None}
