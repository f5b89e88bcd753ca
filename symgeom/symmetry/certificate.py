r"""Prove a spec on a network: a random group element must leave the outputs as they are.

With :math:`g` random elements of all groups that preserve the outputs, and :math:`f` the network in
eval mode,

.. math:: \mathrm{residual} =
          \max_{g, k} \frac{\max_x |f_k(g\theta, x) - f_k(\theta, x)|}{m_k}, \qquad
          m_k \approx \max_x |f_k(\theta, x)|,

every output :math:`k` relative to its own size (:mod:`symgeom.symmetry.visibility`), and divided by
how many times more than usual the network amplifies rounding, if it seems to fail. The identity
holds at every point of weight space or it is no symmetry, so the first draw is made at the given
weights and the others on a short random walk from there: zero biases and the untouched statistics
of a new batch norm would hide a missing leg. Where the outputs hardly depend on some weights (dead
units, saturated activations, a huge bias), one more draw is made far away, at weights drawn anew; a
group that is invisible there, too, is refused. The head (``exact_for="error"``) must leave the
largest output the largest. A failing group is found by bisection.
"""

import math
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters
from symgeom.symmetry.discovery.capture import tensors_of
from symgeom.symmetry.group import GroupElement, act, random_element
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, check_spec
from symgeom.symmetry.visibility import (
    NEARBY,
    VISIBLE,
    is_seen,
    largest_on_legs,
    redrawn,
    relative_change,
    rounding_amplified,
    size_of,
    visible_changes,
)

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
"""Relative change of the outputs that rounding explains.

It is about 5e5 units of the last place in float64, and 8e2 in float32.
"""

FEW = 2
"""Samples at which the outputs are differentiated."""

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
        What rounding explains, in the precision of the weights.
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
    inputs: Tensor,
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
        Its weights and buffers, in the precision of the test (float64 is the sharper one); not
        modified.
    inputs : Tensor, shape (sample, ...)
        What the outputs are compared on; cast to the precision of ``params`` if it is
        floating-point.
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
        random in eval mode, its outputs are zero or not finite, the precision is neither float32
        nor float64, there is no draw, or no output depends visibly on the weights of a group.

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
    _check_architecture(module, params)
    check_spec(spec, params)
    check_finite(params, "the network to certify")
    test = _Test(spec, _Evaluation(module, params, inputs))
    point = {name: tensor.detach().clone() for name, tensor in params.items()}
    before = test.call.first(point)
    for draw in range(draws):
        if draw:
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


def _check_architecture(module: nn.Module, params: Parameters) -> None:
    """Raise unless the tensors are those of the module (buffers may be left out)."""
    weights = dict(module.named_parameters())
    tensors: dict[str, Tensor] = {**weights, **dict(module.named_buffers())}
    missing = sorted(weights.keys() - params.keys())
    extra = sorted(params.keys() - tensors.keys())
    wrong: dict[str, tuple[int, ...]] = {}
    for name, tensor in tensors.items():
        if name in params and params[name].shape != tensor.shape:
            wrong[name] = tuple(params[name].shape)
    if missing or extra or wrong:
        raise SymgeomError(
            f"Cannot certify the network ({type(module).__name__}) with these weights: tensors "
            f"missing {missing}, tensors not expected {extra}, tensors of another shape {wrong}. "
            "Give the weights of this architecture, as parameters(module) names them."
        )


class _Evaluation:
    """The outputs of a network as a function of its parameters."""

    def __init__(self, module: nn.Module, params: Parameters, inputs: Tensor) -> None:
        dtypes = {tensor.dtype for tensor in params.values() if tensor.is_floating_point()}
        if len(dtypes) != 1 or not dtypes <= TOLERANCE.keys():
            raise SymgeomError(
                f"Cannot certify weights of type {sorted(map(str, dtypes))}: "
                "cast all of them to torch.float64 or float32."
            )
        (dtype,) = dtypes
        self.tolerance = TOLERANCE[dtype]
        # The copy shares its parameters, which every evaluation replaces.
        # Its modes and buffers are its own.
        shared = {id(tensor): tensor for tensor in module.parameters()}
        self.module = deepcopy(module, shared).eval()
        self.inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        self.what = f"Cannot certify the network ({type(module).__name__})"

    def first(self, params: Parameters) -> list[Tensor]:
        """Evaluate twice, and raise unless certificates can be read off the outputs."""
        first = self.outputs(params)
        second = self.outputs(params)
        if not all(_is_ordinary(tensor) for tensor in first):
            raise SymgeomError(
                f"{self.what}: its outputs are all zero, or not finite, so that no change could be "
                "seen. Give weights and inputs that lead to ordinary outputs."
            )
        if not all(map(torch.equal, first, second)):
            raise SymgeomError(
                f"{self.what}: two evaluations on one input in eval mode differ. Turn off what is "
                "random (a dropout that ignores eval mode, a sampled layer)."
            )
        return first

    def outputs(self, params: Parameters) -> list[Tensor]:
        """Return the floating-point outputs of the network with some weights."""
        with torch.no_grad():
            return self._run(params, self.inputs)

    def outputs_of_few(self, params: Parameters) -> list[Tensor]:
        """Return the outputs of a few samples, which can be differentiated."""
        return self._run(params, self.inputs[:FEW])

    def weights(self, params: Parameters) -> list[str]:
        """Return the names of the real parameters."""
        names = [name for name, _ in self.module.named_parameters()]
        return [name for name in names if params[name].is_floating_point()]

    def _run(self, params: Parameters, inputs: Tensor) -> list[Tensor]:
        result = call_module(self.module, params, inputs)
        return [tensor for tensor in tensors_of(result) if tensor.is_floating_point()]


class _Test:
    """A test of a spec at several points: the largest change so far, and what failed."""

    def __init__(self, spec: SymmetrySpec, call: _Evaluation) -> None:
        self.call = call
        self.exact = spec.exact()
        head = tuple(group for group in spec.groups if group.exact_for == "error")
        self.head = SymmetrySpec(head)
        self.residual = 0.0
        self.failing_group: str | None = None
        self.failing_head: str | None = None

    def draw(self, point: Parameters, before: list[Tensor], generator: torch.Generator) -> None:
        """Apply random elements at a point with these outputs."""
        element = random_element(self.exact, generator=generator)
        head_element = random_element(self.head, generator=generator)
        self._compare(element, point, before)
        if self.head.groups:
            after = self.call.outputs(act(self.head, head_element, point))
            if not _same_classes(before, after):
                self.failing_head = " + ".join(group.name for group in self.head.groups)

    @property
    def passes(self) -> bool:
        """Whether nothing has failed so far."""
        return self.failing_group is None and self.failing_head is None

    def look(self, point: Parameters, generator: torch.Generator) -> None:
        """Draw once more where all weights can be seen, if some cannot be seen at a point."""
        call = self.call
        least = VISIBLE * call.tolerance
        names = call.weights(point)
        changes = visible_changes(call.outputs_of_few, point, names, generator)
        unseen = set()
        for name, change in changes.items():
            if not float(torch.linalg.vector_norm(change)) > least:
                unseen.add(name)
        hidden = [group for group in self.exact.groups if largest_on_legs(group, changes) <= least]
        if not unseen and not hidden:
            return
        far = redrawn(point, names, generator)
        before = call.outputs(far)
        if all(map(_is_ordinary, before)):
            self._compare(random_element(self.exact, generator=generator), far, before)
            hidden = _still_hidden(call, hidden, far, generator, amount=1.0)
        hidden = _still_hidden(call, hidden, point, generator, amount=NEARBY)
        # Units of a tensor that is seen elsewhere are read by nothing: no change is right of them.
        hidden = [group for group in hidden if any(leg.tensor in unseen for leg in group.legs)]
        if hidden:
            raise SymgeomError(
                f"{call.what}: no output depends visibly on the weights of group "
                f"'{hidden[0].name}', at these weights and at random ones, so that nothing can be "
                "proved of it (dead units, saturated activations, an output that a huge bias "
                "dominates). Give other inputs or weights, or use float64."
            )

    def _compare(self, element: GroupElement, point: Parameters, before: list[Tensor]) -> None:
        """Apply an element of the exact groups at a point with these outputs."""
        change = relative_change(before, self.call.outputs(act(self.exact, element, point)))
        if not change <= self.call.tolerance:
            change /= rounding_amplified(self.call.outputs, point, before)
        if not change <= self.residual:  # also if it is not a number
            self.residual = change
            if not change <= self.call.tolerance:
                self.failing_group = _bisect(self.call, self.exact, element, point)


def _still_hidden(
    call: _Evaluation,
    groups: list[UnitGroup],
    point: Parameters,
    generator: torch.Generator,
    *,
    amount: float,
) -> list[UnitGroup]:
    """Return the groups of which no leg is seen at a point."""
    least = VISIBLE * call.tolerance
    hidden = []
    for group in groups:
        if not is_seen(group, call.outputs, point, generator, amount=amount, least=least):
            hidden.append(group)
    return hidden


def _is_ordinary(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all()) and bool(tensor.any())


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


def _bisect(
    call: _Evaluation, spec: SymmetrySpec, element: GroupElement, params: Parameters
) -> str:
    """Name the group that changes the outputs: the worse of two halves, until one is left."""
    before = call.outputs(params)

    def severity(groups: tuple[UnitGroup, ...]) -> float:
        moved = act(spec, _restricted(element, groups), params)
        change = relative_change(before, call.outputs(moved))
        return float("inf") if math.isnan(change) else change

    groups = spec.groups
    while len(groups) > 1:
        middle = len(groups) // 2
        groups = max(groups[:middle], groups[middle:], key=severity)
    return groups[0].name


def _restricted(element: GroupElement, groups: tuple[UnitGroup, ...]) -> GroupElement:
    """Return what an element does to some groups."""
    permutations: dict[str, Tensor] = {}
    scales: dict[str, Tensor] = {}
    for group in groups:
        permutations[group.name] = element.permutations[group.name]
        scales[group.name] = element.scales[group.name]
    return GroupElement(permutations, scales)
