import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from torch import nn

from symgeom.dynamics.charge import charges, invariance_defect
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, stack
from symgeom.landscape.problem import Problem
from symgeom.symmetry.group import GroupElement, act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)
ROUNDING = 1e-12  # relative, for gradients that sum a few hundred products in float64


class Squared(nn.Module):
    """ReLU squared: homogeneous of degree 2."""

    def forward(self, inputs):
        return torch.relu(inputs) ** 2


def problem(activation=nn.ReLU, samples=60):
    return Problem(mlp(*WIDTHS, activation=activation), *batch(samples, WIDTHS[0], WIDTHS[-1]))


def worst(defects):
    return max(float(values.max()) for values in defects.values())


def without_bias(spec):
    """The spec of a hasty reader: the biases do not move with their units."""
    legs = (
        (group, tuple(leg for leg in group.legs if "bias" not in leg.tensor))
        for group in spec.exact().groups
    )
    return SymmetrySpec(tuple(UnitGroup(group.name, group.size, kept) for group, kept in legs))


def test_charges_are_sums_over_a_unit_s_weights():
    params, found = network(*WIDTHS), charges(SPEC, network(*WIDTHS))
    assert sorted(found) == ["hidden1", "hidden2"]  # the head only preserves the error
    for k in range(6):
        incoming = (
            sum(float(x) ** 2 for x in params["2.weight"][k]) + float(params["2.bias"][k]) ** 2
        )
        outgoing = sum(float(x) ** 2 for x in params["4.weight"][:, k])
        assert abs(float(found["hidden2"][k]) - (incoming - outgoing)) < 1e-14


def test_charges_follow_their_unit_and_its_scale():
    spec, params = mlp_spec(5, 4, 3), network(5, 4, 3)
    order, scale = (
        torch.tensor([2, 0, 3, 1]),
        torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64),
    )
    moved = act(spec, GroupElement({"hidden1": order}, {"hidden1": scale}), params)
    outgoing = params["2.weight"].square().sum(0)
    incoming = charges(spec, params)["hidden1"] + outgoing
    expected = scale**2 * incoming[order] - outgoing[order] / scale**2
    torch.testing.assert_close(charges(spec, moved)["hidden1"], expected, rtol=1e-14, atol=1e-14)


def test_stacked_networks_and_single_precision():
    params = [cast(network(*WIDTHS, seed=seed), torch.float32) for seed in range(3)]
    stacked = torch.vmap(lambda theta: charges(SPEC, theta))(stack(params))
    assert stacked["hidden1"].dtype == torch.float64
    for index, theta in enumerate(params):
        torch.testing.assert_close(
            stacked["hidden1"][index], charges(SPEC, theta)["hidden1"], rtol=1e-15, atol=1e-15
        )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("samples", [1, 8, 60])
def test_gradients_of_every_mini_batch_leave_the_charges_alone(seed, samples):
    index = torch.randperm(60, generator=stream("mini-batch", seed))[:samples]
    params = network(*WIDTHS, seed=seed)
    assert (
        worst(invariance_defect(SPEC, params, problem().gradient(params, index=index))) < ROUNDING
    )


def test_a_bias_left_out_shows():
    params = network(*WIDTHS)
    assert worst(invariance_defect(without_bias(SPEC), params, problem().gradient(params))) > 1e-2


def test_an_activation_without_a_degree_shows():
    params = network(*WIDTHS)
    assert worst(invariance_defect(SPEC, params, problem(nn.GELU).gradient(params))) > 1e-2


def test_the_outgoing_power_is_the_degree_of_the_activation():
    params = network(*WIDTHS)
    gradient = problem(Squared).gradient(params)

    def spec(degree):
        legs = (Leg("2.weight", 0), Leg("2.bias", 0), Leg("4.weight", 1, power=-degree))
        return SymmetrySpec((UnitGroup("hidden2", 6, legs),))

    # A function of degree 2 scales as s**2, so that the outgoing weights must scale as s**-2.
    assert worst(invariance_defect(spec(2), params, gradient)) < ROUNDING
    assert worst(invariance_defect(spec(1), params, gradient)) > 1e-2
    expected = charges(spec(1), params)["hidden2"] - params["4.weight"].square().sum(0)
    torch.testing.assert_close(charges(spec(2), params)["hidden2"], expected)


def test_the_defect_is_the_slope_of_the_loss_along_the_orbit():
    # GELU: no symmetry, so that the slope along the scaling of unit 4 is not zero. Central
    # differences in s = exp(t).
    spec, params, landscape = mlp_spec(*WIDTHS), network(*WIDTHS), problem(nn.GELU)
    gradient = landscape.gradient(params)

    def loss(t):
        scale = torch.ones(6, dtype=torch.float64)
        scale[4] = torch.tensor(t, dtype=torch.float64).exp()
        return float(
            landscape.loss(
                act(spec, GroupElement({"hidden2": torch.arange(6)}, {"hidden2": scale}), params)
            )
        )

    slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
    lengths = [params[name][4].norm() * gradient[name][4].norm() for name in ("2.weight", "2.bias")]
    lengths.append(params["4.weight"][:, 4].norm() * gradient["4.weight"][:, 4].norm())
    assert (
        abs(
            float(invariance_defect(spec, params, gradient)["hidden2"][4] * sum(lengths))
            - abs(slope)
        )
        < 1e-9
    )


def test_a_unit_without_gradient_has_no_defect():
    params = network(*WIDTHS)
    params["0.bias"][3] = -1e3  # never active
    params["2.weight"][:, 3] = 0
    assert float(invariance_defect(SPEC, params, problem().gradient(params))["hidden1"][3]) == 0


def test_gradient_flow_keeps_the_charges_and_descent_does_not():
    # Linear units are smooth, so that the fourth-order integrator is only limited by its step.
    landscape, params = problem(nn.Identity, samples=20), network(*WIDTHS)
    flow, descent, step = params, params, 0.01

    def move(theta, slope, h):
        return {name: theta[name] - h * slope[name] for name in theta}

    for _ in range(50):
        one = landscape.gradient(flow)
        two = landscape.gradient(move(flow, one, step / 2))
        three = landscape.gradient(move(flow, two, step / 2))
        four = landscape.gradient(move(flow, three, step))
        flow = move(
            flow,
            {name: (one[name] + 2 * two[name] + 2 * three[name] + four[name]) / 6 for name in one},
            step,
        )
        descent = move(descent, landscape.gradient(descent), step)
    start = charges(SPEC, params)
    drift = [
        max(float((charges(SPEC, theta)[name] - start[name]).abs().max()) for name in start)
        for theta in (flow, descent)
    ]
    assert drift[0] < 1e-9
    assert drift[1] > 1e-4


def test_linear_units_keep_a_matrix():
    """Du, Hu, Lee: W W^T + b b^T - U^T U, of which every entry is conserved; a ReLU leaves the
    diagonal alone."""
    spec, params = mlp_spec(*WIDTHS, scale="linear"), network(*WIDTHS)
    weight, bias, out = (params[name] for name in ("2.weight", "2.bias", "4.weight"))
    expected = weight @ weight.T + torch.outer(bias, bias) - out.T @ out
    torch.testing.assert_close(charges(spec, params)["hidden2"], expected, rtol=1e-14, atol=1e-14)
    index = torch.arange(8)
    assert (
        worst(invariance_defect(spec, params, problem(nn.Identity).gradient(params, index=index)))
        < ROUNDING
    )
    through_relu = invariance_defect(spec, params, problem().gradient(params))["hidden2"]
    assert float(through_relu.diagonal().max()) < ROUNDING
    assert float((through_relu - through_relu.diagonal().diag()).max()) > 1e-2


def test_the_matrix_of_moved_linear_units_is_that_of_the_moved_weights():
    spec, params = mlp_spec(5, 4, 3, scale="linear"), network(5, 4, 3)
    matrix = torch.randn(4, 4, generator=stream("mix"), dtype=torch.float64)
    moved = charges(
        spec, act(spec, GroupElement({"hidden1": torch.arange(4)}, {"hidden1": matrix}), params)
    )["hidden1"]
    incoming = params["0.weight"] @ params["0.weight"].T + torch.outer(
        params["0.bias"], params["0.bias"]
    )
    outgoing, inverse = params["2.weight"].T @ params["2.weight"], torch.linalg.inv(matrix)
    torch.testing.assert_close(
        moved, matrix @ incoming @ matrix.T - inverse.T @ outgoing @ inverse, rtol=1e-12, atol=1e-12
    )


def test_bad_requests_are_refused():
    params = network(*WIDTHS)
    gradient = problem().gradient(params)
    with pytest.raises(
        SymgeomError, match="leg on tensor '4.weight', axis 1: the network has no such tensor"
    ):
        charges(SPEC, {name: tensor for name, tensor in params.items() if name != "4.weight"})
    with pytest.raises(
        SymgeomError, match="'0.bias', axis 0: the tensor is of torch.int64, and symmetries move"
    ):
        charges(SPEC, params | {"0.bias": torch.ones(7, dtype=torch.int64)})
    with pytest.raises(SymgeomError, match=r"tensor '2.bias' is of torch.complex128"):
        invariance_defect(
            SPEC, params, gradient | {"2.bias": torch.ones(6, dtype=torch.complex128)}
        )
    with pytest.raises(
        SymgeomError, match=r"the gradient with its reference: tensors missing \['2.bias'\]"
    ):
        invariance_defect(
            SPEC, params, {name: tensor for name, tensor in gradient.items() if name != "2.bias"}
        )
