r"""Prove a spec on a network: a random group element must leave the outputs as they are.

With :math:`g` random elements of all groups that preserve the outputs, and :math:`f` the network in
eval mode,

.. math:: \mathrm{residual} =
          \max_{g, k} \frac{\max_x |f_k(g\theta, x) - f_k(\theta, x)|}{m_k}, \qquad
          m_k \approx \max_x |f_k(\theta, x)|,

every output :math:`k` relative to its own size (:mod:`symgeom.symmetry.visibility`), and divided by
how many times more than usual the network amplifies rounding, or by the steps of outputs that are
computed in a lower precision than the weights have, if it seems to fail. The identity
holds at every point of weight space or it is no symmetry, so the first draw is made at the given
weights and the others at random ones nearby: zero biases and the untouched statistics
of a new batch norm would hide a missing leg. Where the outputs hardly depend on some weights (dead
units, saturated activations, a huge bias), they are tested in float64 and far away, at weights
drawn anew, and a group that hardly shows there either is compared with what its legs do one by one;
one that does not show at all is refused. The head (``exact_for="error"``) must leave the largest
output the largest. A failing group is found by bisection.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture
from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, cast_away
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.displacement import displace
from symgeom.symmetry.evaluation import Evaluation, precision_of_test
from symgeom.symmetry.spec import SymmetrySpec, check_spec
from symgeom.symmetry.trials import Trial


@dataclass(frozen=True)
class Certificate:
    """What was proved about a spec, on one network.

    Attributes
    ----------
    residual : float
        Largest change of an output, relative to its size, under random elements of the exact groups
        (in units of the rounding that is usual, where a network amplifies it).
    tolerance : float
        What rounding explains, in the precision of the test.
    head_unchanged : bool
        Whether the head's scale left every predicted class as it was (also true if there is no
        head).
    worst_group : str or None
        The group that fails; None if all pass.
    draws : int
        Number of random elements, besides the one far away where that was needed.
    """

    residual: float
    tolerance: float
    head_unchanged: bool
    worst_group: str | None
    draws: int

    @property
    def passed(self) -> bool:
        """Whether the spec holds; a residual that is not a number fails."""
        return self.residual <= self.tolerance and self.head_unchanged

    def require(self) -> "Certificate":
        """Return the certificate if it passed, else raise.

        Returns
        -------
        Certificate
            Itself.

        Raises
        ------
        SymgeomError
            If a group is not a symmetry of the network.
        """
        if not self.passed:
            raise SymgeomError(
                f"Cannot certify the spec: group '{self.worst_group}' is not a symmetry of this "
                f"network ({self._fault()}). Compare its legs, powers and kind of scale with the "
                "network; leave the group out of the spec if it cannot be repaired."
            )
        return self

    def _fault(self) -> str:
        if self.residual <= self.tolerance and not self.head_unchanged:
            return "predicted classes change"
        return (
            f"outputs change by {self.residual:.2g} of their size, "
            f"rounding explains {self.tolerance:.2g}"
        )


@door
def certify(
    spec: SymmetrySpec,
    module: nn.Module,
    params: Parameters,
    *,
    inputs: Inputs,
    generator: torch.Generator,
    draws: int = 3,
) -> Certificate:
    """Test a spec with random group elements.

    Parameters
    ----------
    spec : SymmetrySpec
        Discovered or written by hand.
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    params : Parameters
        Its weights and buffers; not modified. They are tested in float32 if all of them are of it,
        else in float64, which is sharper: what is float16 or bfloat16 is an exact number there.
    inputs : Tensor, tuple, mapping or NetworkCall
        What the outputs are compared on, as ``discover`` takes it: a batch (sample, ...), or
        several arguments, or a call that says which output is compared (all of them by default).
        Real numbers are cast to the precision of the test.
    generator : torch.Generator
        The source of randomness.
    draws : int
        Number of random elements, at least one: the first at ``params``, the others nearby.

    Returns
    -------
    Certificate
        Numbers to store; call its ``require()`` to raise if a group fails.

    Raises
    ------
    SymgeomError
        If the spec or the module does not fit the tensors, the inputs do not fit the network, it is
        random in eval mode, its outputs are zero, not finite or no real numbers, it has no weights,
        there is no draw, or no output depends visibly on the weights of a group.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    >>> inputs = torch.ones(5, 3).double()
    >>> spec, weights = discover(network, inputs), parameters(network)
    >>> generator = torch.Generator().manual_seed(0)
    >>> certify(spec, network, weights, inputs=inputs, generator=generator).passed
    True
    """
    _check(spec, module, params, draws)
    params = cast(params, precision_of_test(params))
    point = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in params.items()
    }
    return certify_in_place(spec, module, point, inputs=inputs, generator=generator, draws=draws)


def certify_in_place(
    spec: SymmetrySpec,
    module: nn.Module,
    params: dict[str, Tensor],
    *,
    inputs: Inputs,
    generator: torch.Generator,
    draws: int = 3,
) -> Certificate:
    """Test a spec with random group elements, at weights that are given up.

    Parameters
    ----------
    spec, module, inputs, generator, draws
        As for :func:`certify`.
    params : dict of str to Tensor
        Weights and buffers in memory of their own; they are moved, and it is empty afterwards.

    Returns
    -------
    Certificate
        As of :func:`certify`.
    """
    _check(spec, module, params, draws)
    point = cast_away(params, precision_of_test(params))
    test = Trial(spec, Evaluation(unwrapped(module), point, inputs))
    before = test.call.first(point)
    for draw in range(draws):
        if draw == 1:
            displace(point, test.call.module, generator)
            before = test.call.outputs(point)
        test.draw(point, before, generator)
    if test.passes:
        test.look(point, before, generator)
    return Certificate(
        test.residual,
        test.call.tolerance,
        test.failing_head is None,
        test.failing_group or test.failing_head,
        draws,
    )


def _check(spec: SymmetrySpec, module: nn.Module, params: Parameters, draws: int) -> None:
    """Raise unless there is something to prove."""
    if draws < 1:
        raise SymgeomError(
            f"Cannot certify with {draws} random elements: nothing would be proved. "
            "Give at least one draw."
        )
    architecture = Architecture.of(module)
    architecture.check(params)
    check_spec(spec, params)
    masks = spec.constants & architecture.masks
    check_finite(params, "the network to certify", masks=masks)
