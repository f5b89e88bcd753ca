"""Files of a narrower network: read as what they are, and written as networks of the wider one."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.reading import read_checkpoint
from symgeom.learning.weights.record import ReadWeights
from symgeom.quotient.widening import Widened, widen
from symgeom.study.in_hand.drawn_inputs import few_inputs
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import SymmetrySpec


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads files of one architecture, or of two that differ in width.

    Attributes
    ----------
    network : nn.Module
        The network that the command was given.
    narrow : nn.Module or None
        A narrower one, of which files may be that do not fit the first.
    example : Tensor or mapping of str to Tensor
        Inputs on which both are compared.
    choice : str or None
        Which weights of a file that holds several.
    """

    network: nn.Module
    narrow: nn.Module | None
    example: Inputs
    choice: str | None

    def read(self, path: Path) -> tuple[ReadWeights, Widened | None]:
        """Read a file.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        weights : ReadWeights
            As those of the first network; the notes say what was done.
        widened : Widened or None
            How a file of the narrower network was written as one of the first.

        Raises
        ------
        SymgeomError
            If it fits neither network, or nothing can be written as the wider one.
        """
        if self.narrow is None:
            return read_checkpoint(path, self.network, choice=self.choice), None
        try:
            return read_checkpoint(path, self.network, choice=self.choice), None
        except SymgeomError as wide_mistake:
            try:
                weights = read_checkpoint(path, self.narrow, choice=self.choice)
            except SymgeomError as mistake:
                raise SymgeomError(
                    f"{wide_mistake} Of the narrower network: {mistake}"
                ) from wide_mistake
        widened = widen(
            self._narrow_spec,
            self.narrow,
            weights.params,
            wide_spec=self._spec,
            wide_module=self.network,
            inputs=self.example,
        )
        counts = [f"{len(units)} of {name}" for name, units in widened.idle.items()]
        note = f"Written as the wider network, with idle units ({', '.join(counts)})."
        as_wide = replace(weights, params=widened.parameters, notes=(*weights.notes, note))
        return as_wide, widened

    @cached_property
    def _spec(self) -> SymmetrySpec:
        return discover(self.network, self._few)

    @cached_property
    def _narrow_spec(self) -> SymmetrySpec:
        assert self.narrow is not None
        return discover(self.narrow, self._few)

    @property
    def _few(self) -> NetworkCall:
        """A few inputs, in the precision of fresh networks."""
        return few_inputs(self.example).in_precision(torch.float32)
