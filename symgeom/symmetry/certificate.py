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

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture
from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.evaluation import TOLERANCE, Evaluation, is_ordinary, precision_of_test
from symgeom.symmetry.group import GroupElement, act, random_element, restricted
from symgeom.symmetry.group.action import act_within
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, check_spec
from symgeom.symmetry.visibility import (
    NEARBY,
    VISIBLE,
    largest_effect,
    redrawn,
    relative_change,
    roughness,
    rounding_amplified,
    shows_on_a_leg,
    size_of,
    visible_changes,
)

CANCELLED = 1e-2
"""The legs of a group that is a symmetry cancel: so little is left of what the largest one does."""

ROUGH = 30
"""A network whose outputs are a staircase may differ by so many of its steps."""

PERIOD = 131071
"""Fresh random numbers per displacement, laid over all tensors again and again.

It is a prime, so that no shape keeps step with it.
"""


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
    if draws < 1:
        raise SymgeomError(
            f"Cannot certify with {draws} random elements: nothing would be proved. "
            "Give at least one draw."
        )
    module = unwrapped(module)
    Architecture.of(module).check(params)
    check_spec(spec, params)
    check_finite(params, "the network to certify")
    params = cast(params, precision_of_test(params))
    test = _Test(spec, Evaluation(module, params, inputs))
    point = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in params.items()
    }
    before = test.call.first(point)
    for draw in range(draws):
        if draw == 1:
            _displace(point, module, generator)
            before = test.call.outputs(point)
        test.draw(point, before, generator)
    if test.passes:
        test.look(point, generator)
    return Certificate(
        test.residual,
        test.call.tolerance,
        test.failing_head is None,
        test.failing_group or test.failing_head,
        draws,
    )


class _Test:
    """A test of a spec at several points: the largest change so far, and what failed."""

    def __init__(self, spec: SymmetrySpec, call: Evaluation) -> None:
        self.call = call
        self.spec = spec
        self.exact = spec.exact()
        head = tuple(group for group in spec.groups if group.exact_for == "error")
        self.head = SymmetrySpec(head)
        self.residual = 0.0
        self.failing_group: str | None = None
        self.failing_head: str | None = None
        self.memory: dict[str, Tensor] = {}
        # A scale of the head most often multiplies the outputs, and does nothing else.
        kinds = [(group.size, group.scale) for group in self.head.groups]
        self.head_multiplies = kinds == [(1, "positive")]

    def draw(self, point: Parameters, before: list[Tensor], generator: torch.Generator) -> None:
        """Apply random elements at a point with these outputs."""
        element = random_element(self.exact, generator=generator)
        head_element = random_element(self.head, generator=generator)
        if self.head_multiplies:
            self.head_multiplies = self._both_pass(element, head_element, point, before)
            if self.head_multiplies:
                return
        self._compare(self.call, element, point, before)
        if self.head.groups:
            after = self.call.outputs(act(self.head, head_element, point))
            if not _same_classes(before, after):
                self.failing_head = " + ".join(group.name for group in self.head.groups)

    @property
    def passes(self) -> bool:
        """Whether nothing has failed so far."""
        return self.failing_group is None and self.failing_head is None

    def look(self, point: Parameters, generator: torch.Generator) -> None:
        """Test once more, where all can be seen, what cannot be seen at a point."""
        if not _Invisible.at(self, self.call, point, generator).anything:
            return
        call, point = self._in_double(point)
        self.memory = {}
        if call is not self.call:
            element = random_element(self.exact, generator=generator)
            self._compare(call, element, point, call.outputs(point))
        invisible = _Invisible.at(self, call, point, generator)
        if not invisible.anything:
            return
        far = redrawn(point, call.weights(point), generator)
        hidden = invisible.groups
        before = call.outputs(far)
        if all(map(is_ordinary, before)):
            element = random_element(self.exact, generator=generator)
            self._compare(call, element, far, before)
            still = _Invisible.at(self, call, far, generator).groups
            hidden = [group for group in hidden if group in still]
        for group in hidden:
            # Units of a tensor that is seen elsewhere are read by nothing: no change is right.
            matters = any(leg.tensor in invisible.tensors for leg in group.legs)
            seen = self._alone(call, group, point, generator)
            seen = seen or self._alone(call, group, far, generator)
            if matters and not seen:
                raise SymgeomError(
                    f"{call.what}: no output depends visibly on the weights of group "
                    f"'{group.name}', at these weights and at random ones, so that nothing can be "
                    "proved of it (dead units, saturated activations, an output that a huge bias "
                    "dominates). Give other inputs or other weights."
                )

    def _in_double(self, point: Parameters) -> tuple[Evaluation, Parameters]:
        """Return the network in float64, which sees more, if it can be run there."""
        if self.call.tolerance == TOLERANCE[torch.float64]:
            return self.call, point
        exact = cast(point, torch.float64)
        call = Evaluation(self.call.module, exact, self.call.inputs)
        try:
            call.outputs(exact)
        except SymgeomError:  # a part of it is in float32 always
            return self.call, point
        return call, exact

    def _both_pass(
        self, element: GroupElement, head: GroupElement, point: Parameters, before: list[Tensor]
    ) -> bool:
        """Apply elements of the exact groups and of the head at once.

        Returns
        -------
        bool
            Whether the outputs are multiplied by the scale of the head: both are right then.
            Otherwise each is to be tried alone.
        """
        permutations = {**element.permutations, **head.permutations}
        scales = {**element.scales, **head.scales}
        both = GroupElement(permutations, scales)
        (scale,) = head.scales.values()
        after = self.call.outputs(self._moved(self.spec, both, point))
        change = relative_change(before, [output / float(scale) for output in after])
        if not change <= self.call.tolerance:
            return False
        self.residual = max(self.residual, change)
        return True

    def _moved(self, spec: SymmetrySpec, element: GroupElement, point: Parameters) -> Parameters:
        """Apply an element, in the memory of the network that was moved before."""
        network = act_within(spec, element, point, self.memory)
        self.memory = {}
        for name, tensor in network.items():
            if tensor is not point[name]:
                self.memory[name] = tensor
        return network

    def _compare(
        self, call: Evaluation, element: GroupElement, point: Parameters, before: list[Tensor]
    ) -> None:
        """Apply an element of the exact groups at a point with these outputs."""
        change = relative_change(before, call.outputs(self._moved(self.exact, element, point)))
        if not change <= call.tolerance:
            call.check_repeats(point, before)
            change /= rounding_amplified(call.outputs, point, before)
        if not change <= call.tolerance:
            steps = ROUGH * roughness(call.outputs, point, before)
            change /= max(1.0, steps / call.tolerance)
        # In units of what rounding explains in the precision of the certificate.
        residual = change * (self.call.tolerance / call.tolerance)
        if not residual <= self.residual:  # also if it is not a number
            self.residual = residual
            if not change <= call.tolerance:
                self.failing_group = _bisect(call, self.exact, element, point)

    def _alone(
        self, call: Evaluation, group: UnitGroup, point: Parameters, generator: torch.Generator
    ) -> bool:
        """Compare what a group does with what its legs do one by one; return whether it shows."""
        effect = largest_effect(group, call.outputs, point, generator)
        if not effect >= call.least_effect:
            return False
        element = random_element(self.exact, generator=generator)
        alone = SymmetrySpec((group,))
        before = call.outputs(point)
        moved = act(alone, restricted(alone, element), point)
        change = relative_change(before, call.outputs(moved))
        if not change <= CANCELLED * effect:
            self.residual = change / effect
            self.failing_group = group.name
        return True


@dataclass(frozen=True)
class _Invisible:
    """What the outputs do not show at a point: tensors, and groups all of whose legs they hide."""

    tensors: set[str]
    groups: list[UnitGroup]

    @property
    def anything(self) -> bool:
        """Whether there is any."""
        return bool(self.tensors or self.groups)

    @staticmethod
    def at(
        test: _Test, call: Evaluation, point: Parameters, generator: torch.Generator
    ) -> "_Invisible":
        """Look at the outputs to first order."""
        least = VISIBLE * call.tolerance
        changes = visible_changes(call.outputs_of_few, point, call.weights(point), generator)
        tensors = set()
        for name, change in changes.items():
            if not float(torch.linalg.vector_norm(change)) > least:
                tensors.add(name)
        groups = []
        for group in test.exact.groups:
            if not shows_on_a_leg(group, changes, least):
                groups.append(group)
        return _Invisible(tensors, groups)


def _same_classes(before: list[Tensor], after: list[Tensor]) -> bool:
    pairs = zip(before, after, strict=True)
    return all(torch.equal(x.argmax(-1), y.argmax(-1)) for x, y in pairs)


def _displace(point: dict[str, Tensor], module: nn.Module, generator: torch.Generator) -> None:
    """Move a point by random noise, in place; positive buffers (variances) stay positive."""
    buffers = {name for name, _ in module.named_buffers()}
    pool = NEARBY * torch.randn(PERIOD, generator=generator, dtype=torch.float64)
    starts = torch.randint(PERIOD, (len(point),), generator=generator).tolist()
    for (name, tensor), start in zip(point.items(), starts, strict=True):
        if tensor.is_floating_point():
            noise = pool.roll(-start).to(tensor)
            positive = name in buffers and bool((tensor > 0).all())
            _add_noise(tensor.view(-1), noise, positive=positive)


def _add_noise(flat: Tensor, noise: Tensor, *, positive: bool) -> None:
    """Move the entries of a tensor by noise of their size, laid over them again and again."""
    size = size_of(flat)
    for piece in flat.split(PERIOD):
        part = noise[: len(piece)]
        if positive:
            piece.mul_(part.exp())
        else:
            piece.add_(part, alpha=size)


def _bisect(call: Evaluation, spec: SymmetrySpec, element: GroupElement, params: Parameters) -> str:
    """Name the group that changes the outputs: the worse of two halves, until one is left."""
    before = call.outputs(params)

    def severity(groups: tuple[UnitGroup, ...]) -> float:
        part = SymmetrySpec(groups)
        moved = act(part, restricted(part, element), params)
        change = relative_change(before, call.outputs(moved))
        return float("inf") if math.isnan(change) else change

    groups = spec.groups
    while len(groups) > 1:
        middle = len(groups) // 2
        groups = max(groups[:middle], groups[middle:], key=severity)
    return groups[0].name
