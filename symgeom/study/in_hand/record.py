"""What a command has in hand: a network, its symmetries, files of its weights, and data.

It says what a move along an orbit did to the outputs, and how much of that rounding explains.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast, precision
from symgeom.learning.weights.record import ReadWeights
from symgeom.quotient.widening import Widened
from symgeom.study.cases import Case
from symgeom.symmetry.certificate import Certificate
from symgeom.symmetry.evaluation import TOLERANCE, Evaluation
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.trials import ROUGH
from symgeom.symmetry.visibility import relative_change, roughness, rounding_amplified


@dataclass(frozen=True, eq=False)
class InHand:
    """A network with files of its weights.

    Attributes
    ----------
    name : str
        What the network was called.
    case : Case
        Network and data; the data are empty if none were named.
    spec : SymmetrySpec
        The symmetries of the network as it is measured (``case.measured``).
    certificate : Certificate
        Their proof, at the weights of the first file.
    example : Tensor or mapping of str to Tensor
        Inputs on which outputs can be compared, in float64 (tokens: int64): some of the data, or
        random ones; several by their names.
    files : mapping of str to ReadWeights
        What the files hold, by their labels; large ones are read when they are asked for.
    paths : mapping of str to Path
        The files.
    notes : mapping of str to tuple of str
        What was done to read each file, in sentences.
    precision : str or None
        What the command was told.
    widened : mapping of str to Widened
        The networks of those files that are of a narrower one.
    read : callable
        What reads the file of a label anew.
    """

    name: str
    case: Case
    spec: SymmetrySpec
    certificate: Certificate
    example: Inputs
    files: Mapping[str, ReadWeights]
    paths: Mapping[str, Path]
    notes: Mapping[str, tuple[str, ...]]
    precision: str | None
    widened: Mapping[str, Widened]
    read: Callable[[str], ReadWeights]

    @property
    def network(self) -> nn.Module:
        """The network as it is measured."""
        return self.case.measured

    @property
    def has_data(self) -> bool:
        """Whether the command was given data."""
        return bool(self.case.data)

    @property
    def precision_of_geometry(self) -> str:
        """In which precision networks are moved, aligned and compared."""
        return self.precision or "float64"

    @property
    def sentences(self) -> list[str]:
        """What was done to read the files."""
        sentences: list[str] = []
        for label, notes in self.notes.items():
            sentences.extend(f"{label}: {note}" for note in notes)
        return sentences

    def outputs(self, params: Parameters) -> list[Tensor]:
        """Return the outputs of the network with some weights.

        Parameters
        ----------
        params : Parameters
            Weights of the network as it is measured, of one precision.

        Returns
        -------
        list of Tensor
            Its outputs on the example inputs.
        """
        device = next(iter(params.values())).device
        inputs = NetworkCall.of(self.example).on_device(device)
        return Evaluation(self.network, params, inputs).outputs(params)

    def output_change(self, before: list[Tensor], after: Parameters) -> float:
        """Compare the outputs of the network with two sets of weights.

        Parameters
        ----------
        before : list of Tensor
            From :meth:`outputs`.
        after : Parameters
            Other weights.

        Returns
        -------
        float
            The largest change of an output on the example inputs, relative to its size.
        """
        return relative_change(before, self.outputs(after))

    def proved_change(
        self, label: str, before: list[Tensor], after: Parameters, *, command: str
    ) -> float:
        """Compare the outputs of a network before and after it was moved along its orbit.

        Parameters
        ----------
        label : str
            The file.
        before, after : list of Tensor, Parameters
            As for :meth:`output_change`.
        command : str
            What was to be done, for the message.

        Returns
        -------
        float
            As from :meth:`output_change`.

        Raises
        ------
        SymgeomError
            If rounding does not explain the change.
        """
        change = self.output_change(before, after)
        explained = TOLERANCE[precision(after)]
        if not change <= explained:
            explained = self._explained(cast(self.params(label), precision(after)))
        if not change <= explained:
            raise SymgeomError(
                f"Cannot {command} '{self.paths[label]}': its outputs would change by {change:.2g} "
                f"of their size, and rounding explains {explained:.2g}. Nothing is written."
            )
        return change

    def _explained(self, params: Parameters) -> float:
        """Return which change rounding explains in a network that amplifies it or rounds inside."""
        before = self.outputs(params)
        usual = TOLERANCE[precision(params)]
        near = _off_the_grid(params)
        steps = ROUGH * roughness(self.outputs, near, self.outputs(near))
        return max(usual * rounding_amplified(self.outputs, params, before), steps)

    def params(self, label: str) -> dict[str, Tensor]:
        """Return the weights of a file as they are measured.

        Parameters
        ----------
        label : str
            Which file.

        Returns
        -------
        dict of str to Tensor
            Folded where batch norms are, in the precision of geometry, on the device.
        """
        return self.case.prepared(self.files[label].params, self.precision_of_geometry)

    def fresh_params(self, label: str) -> dict[str, Tensor]:
        """Return the weights of a file as they are measured, in memory that nobody else has.

        Parameters
        ----------
        label : str
            Which file; it is read anew.

        Returns
        -------
        dict of str to Tensor
            As :meth:`params`; they may be moved.
        """
        return self.case.prepared(self.read(label).params, self.precision_of_geometry)


def _off_the_grid(params: Parameters) -> dict[str, Tensor]:
    """Return weights nearby that are no numbers of single precision, which round to themselves."""
    near = dict(params)
    for name, tensor in params.items():
        if tensor.is_floating_point():
            near[name] = tensor * (1 + torch.finfo(torch.float32).eps / 3)
    return near
