"""What the walk over a graph collects."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.relations import Axes, Statement


@dataclass(eq=False)
class Network:
    """All that is said about a network.

    Attributes
    ----------
    statements : list of Statement
        What all operations say.
    tensors : dict of str to Axes
        Parameters and buffers by name, in the order of their first use.
    buffers : set of str
        Which of them are buffers.
    shifts : dict of str to float
        The eps that is added to each running variance.
    regions : dict of Axis to tuple of Axis
        Axes of weights that grouped convolutions read region by region.
    uses : dict of str to int
        How often each tensor is used.
    origins : dict of Statement to str
        The operation that said it, and in which module; what pins an input, a buffer or an output.
    """

    statements: list[Statement] = field(default_factory=list)
    tensors: dict[str, Axes] = field(default_factory=dict)
    buffers: set[str] = field(default_factory=set)
    shifts: dict[str, float] = field(default_factory=dict)
    regions: dict[Axis, Axes] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    origins: dict[Statement, str] = field(default_factory=dict)

    def say(self, statements: Iterable[Statement], origin: str) -> None:
        """Note statements and who said them."""
        for statement in statements:
            self.statements.append(statement)
            self.origins[statement] = origin

    def note_use(self, name: str, axes: Axes) -> None:
        """Count a use of a tensor."""
        self.tensors.setdefault(name, axes)
        self.uses[name] = self.uses.get(name, 0) + 1
