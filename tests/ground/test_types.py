import torch
from cases import mlp, network
from torch import nn

from symgeom.ground.types import cast, parameters, ravel, stack, unravel, unstack


def test_parameters_are_copies_with_buffers():
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    found = parameters(module)
    assert sorted(found) == sorted(module.state_dict())
    found["0.weight"].zero_()
    found["1.running_var"].zero_()
    assert module[0].weight.detach().abs().min() > 0
    assert torch.equal(module[1].running_var, torch.ones(2))
    assert not any(tensor.requires_grad for tensor in found.values())


def test_cast_leaves_counters_alone():
    params = parameters(nn.BatchNorm1d(2))
    found = cast(params, torch.float64)
    assert found["num_batches_tracked"].dtype == torch.int64
    assert {found[name].dtype for name in ("weight", "running_mean")} == {torch.float64}
    assert params["weight"].dtype == torch.float32


def test_stacking_is_undone_by_unstacking():
    networks = [network(3, 4, 2, seed=seed) for seed in range(3)]
    stacked = stack(networks)
    assert stacked["0.weight"].shape == (3, 4, 3)
    for found, expected in zip(unstack(stacked), networks, strict=True):
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    unstack(stacked)[1]["0.bias"].zero_()  # views
    assert float(stacked["0.bias"][1].abs().max()) == 0


def test_a_flat_network_lists_its_tensors_in_order():
    params = network(3, 4, 2)
    vector = ravel(params)
    assert torch.equal(vector, nn.utils.parameters_to_vector(mlp(3, 4, 2).parameters()).detach())
    back = unravel(vector, params)
    assert list(back) == list(params)
    assert all(torch.equal(back[name], params[name]) for name in params)
