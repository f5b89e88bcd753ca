"""Trials of a spec at points of weight space: random elements are applied, and outputs compared.

What a trial looks at is described in :mod:`symgeom.symmetry.certificate`.
"""

import math

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast_away
from symgeom.symmetry.evaluation import TOLERANCE, Evaluation, is_ordinary
from symgeom.symmetry.group import GroupElement, act, inverse, random_element, restricted
from symgeom.symmetry.group.action import act_away, act_within
from symgeom.symmetry.hidden import Hidden, hidden_parts
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup
from symgeom.symmetry.visibility import (
    VISIBLE,
    largest_effect,
    redrawn,
    relative_change,
    roughness,
    rounding_amplified,
)

CANCELLED = 1e-2
"""The legs of a group that is a symmetry cancel: so little is left of what the largest one does."""

ROUGH = 30
"""A network whose outputs are a staircase may differ by so many of its steps."""


class Trial:
    """A test of a spec at several points: the largest change so far, and what failed."""

    def __init__(self, spec: SymmetrySpec, call: Evaluation) -> None:
        self.call = call
        self.spec = spec
        self.exact = spec.exact()
        head = tuple(group for group in spec.groups if group.exact_for == "error")
        self.head = SymmetrySpec(head)
        self.residual = 0.0
        self.largest_change = 0.0
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

    def look(
        self, point: dict[str, Tensor], before: list[Tensor], generator: torch.Generator
    ) -> None:
        """Test once more, where all can be seen, what cannot be seen at a point; it is given up."""
        if self._shows_in_single(point, before, generator):
            return
        call, point = self._in_double(point)
        self.memory = {}
        if call is not self.call:
            element = random_element(self.exact, generator=generator)
            point = self._compare_away(call, element, point)
        hidden = self._hidden(call, point, generator)
        if not hidden.anything:
            return
        far = redrawn(point, call.weights(point), generator)
        groups = hidden.groups
        before = call.outputs(far)
        if all(map(is_ordinary, before)):
            element = random_element(self.exact, generator=generator)
            self._compare(call, element, far, before)
            still = self._hidden(call, far, generator).groups
            groups = [group for group in groups if group in still]
        for group in groups:
            self._look_at(group, call, hidden, [point, far], generator)

    def _look_at(
        self,
        group: UnitGroup,
        call: Evaluation,
        hidden: Hidden,
        points: list[Parameters],
        generator: torch.Generator,
    ) -> None:
        """Compare a group that does not show with what its legs do, or raise."""
        seen = False
        for point in points:
            seen = seen or self._alone(call, group, point, generator)
        # Units of a tensor that is seen elsewhere are read by nothing: no change is right.
        matters = any(leg.tensor in hidden.tensors for leg in group.legs)
        if matters and not seen:
            raise SymgeomError(
                f"{call.what}: no output depends visibly on the weights of group "
                f"'{group.name}', at these weights and at random ones, so that nothing can be "
                "proved of it (dead units, saturated activations, an output that a huge bias "
                "dominates). Give other inputs or other weights."
            )

    def _hidden(self, call: Evaluation, point: Parameters, generator: torch.Generator) -> Hidden:
        """Return what does not stand out of rounding at a point."""
        return hidden_parts(self.exact, call, point, VISIBLE * call.tolerance, generator)

    def _shows_in_single(
        self, point: Parameters, before: list[Tensor], generator: torch.Generator
    ) -> bool:
        """Return whether all can be seen at a point in float32, at half the cost.

        What stands out of the rounding that the outputs have in float32 stands out of that of
        float64. In float32 random elements have changed the outputs by a known amount: what shows
        far more than that would have changed them more, if it were no symmetry.

        Returns
        -------
        bool
            False also if there is no float32 of this network.
        """
        call = self.call
        rounding = self.largest_change
        if call.tolerance != TOLERANCE[torch.float32]:
            point = {name: self._in_single(name, tensor) for name, tensor in point.items()}
            call = Evaluation(self.call.module, point, self.call.inputs)
            try:
                rounding = relative_change(before, call.outputs(point))
            except (RuntimeError, SymgeomError):
                return False
            generator = generator.clone_state()  # another look draws the same
        self.memory = {}
        least = VISIBLE * max(rounding, torch.finfo(torch.float32).eps)
        return not hidden_parts(self.exact, call, point, least, generator).anything

    def _in_single(self, name: str, tensor: Tensor) -> Tensor:
        """Return a tensor in float32, in the memory of the network that was moved before."""
        if not tensor.is_floating_point():
            return tensor
        if name not in self.memory:
            return tensor.float()
        memory = self.memory[name].view(-1).view(torch.float32)
        return memory[: tensor.numel()].view(tensor.shape).copy_(tensor)

    def _in_double(self, point: dict[str, Tensor]) -> tuple[Evaluation, dict[str, Tensor]]:
        """Return the network in float64, which sees more, if it can be run there."""
        if self.call.tolerance == TOLERANCE[torch.float64]:
            return self.call, point
        exact = cast_away(point, torch.float64)
        call = Evaluation(self.call.module, exact, self.call.inputs)
        try:
            call.outputs(exact)
        except SymgeomError:  # a part of it is in float32 always
            return self.call, cast_away(exact, torch.float32)
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
        self.largest_change = max(self.largest_change, change)
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
        self.largest_change = max(self.largest_change, change)
        if not change <= call.tolerance:
            call.check_repeats(point, before)
            change /= rounding_amplified(call.outputs, point, before)
        if not change <= call.tolerance:
            steps = ROUGH * roughness(call.outputs, point, before)
            change /= max(1.0, steps / call.tolerance)
        is_largest = self._note(change, call)
        if is_largest and not change <= call.tolerance:
            self.failing_group = _bisect(call, self.exact, element, point)

    def _note(self, change: float, call: Evaluation) -> bool:
        """Note by how much outputs changed; return whether it is more than before."""
        # In units of what rounding explains in the precision of the certificate.
        residual = change * (self.call.tolerance / call.tolerance)
        is_largest = not residual <= self.residual  # also if it is not a number
        if is_largest:
            self.residual = residual
        return is_largest

    def _compare_away(
        self, call: Evaluation, element: GroupElement, point: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Apply an element of the exact groups at a point that is given up.

        Returns
        -------
        dict of str to Tensor
            Where it leads; if outputs change, the point itself, compared in memory of its own.
        """
        before = call.outputs(point)
        point = act_away(self.exact, element, point)
        change = relative_change(before, call.outputs(point))
        if change <= call.tolerance:
            self._note(change, call)
            return point
        point = act_away(self.exact, inverse(self.exact, element), point)
        self._compare(call, element, point, call.outputs(point))
        return point

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


def _same_classes(before: list[Tensor], after: list[Tensor]) -> bool:
    pairs = zip(before, after, strict=True)
    return all(torch.equal(x.argmax(-1), y.argmax(-1)) for x, y in pairs)


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
