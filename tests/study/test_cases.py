"""A case: its landscapes, its starts, and its network as it is trained and as it is measured."""

import pytest
import torch
import xarray as xr

from symgeom.study.cases import Case
from symgeom.study.stages import data

RESNET = {
    "name": "resnet20",
    "options": {"depth": 8, "width": 0.25, "batch_norm": True},
    "device": "cpu",
}
SIGNS = {"name": "binary_mlp", "options": {"widths": [5]}, "batch_norm": "fold", "device": "cpu"}
SIGNS_OF_IMAGES = SIGNS | {
    "name": "binary_lenet",
    "options": {"channels": [3, 5], "kernels": [3, 3], "hidden": 5},
}


@pytest.fixture(scope="module")
def images() -> xr.Dataset:
    return data.measure({"name": "digits", "options": {"subset": 60, "images": True}}, root="")


def test_a_folded_network_computes_what_the_trained_one_does(images: xr.Dataset):
    """In eval mode, with the statistics that training kept."""
    case = Case.build("folded", images, RESNET | {"batch_norm": "fold"})
    params = case.start("sgd", 0)
    for name, tensor in params.items():
        if name.endswith("running_mean"):
            params[name] = torch.linspace(-0.5, 0.5, len(tensor))
    measured = case.problems("float64")["test"]
    assert measured.batch_norm is None
    outputs = measured.outputs(case.prepared(params, "float64"))
    trained = Case.build("folded", images, RESNET | {"batch_norm": "fold"}).trained
    trained = trained.double().eval()
    exact = {name: tensor.double() for name, tensor in params.items() if "num_" not in name}
    expected = torch.func.functional_call(trained, exact, (measured.inputs,), strict=False)
    torch.testing.assert_close(outputs, expected, rtol=1e-9, atol=1e-9)


def test_statistics_are_recomputed_on_the_training_samples(images: xr.Dataset):
    case = Case.build("anew", images, RESNET | {"batch_norm": "recompute"})
    assert case.measured is case.trained
    problems = case.problems("float32")
    for problem in problems.values():
        assert problem.batch_norm == "recompute"
        assert torch.equal(problem.training_inputs, problems["train"].inputs)


@pytest.mark.parametrize("policy", ["fold", "recompute"])
def test_landscapes_leave_the_networks_as_they_are(images: xr.Dataset, policy: str):
    case = Case.build("kept", images, RESNET | {"batch_norm": policy})
    before = {name: tensor.clone() for name, tensor in case.trained.state_dict().items()}
    double = case.problems("float64")["train"]
    single = case.problems("float32")["train"]
    assert (double.inputs.dtype, single.inputs.dtype) == (torch.float64, torch.float32)
    assert next(double.module.parameters()).dtype == torch.float64
    for name, tensor in case.trained.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


def test_starts_are_named_by_case_arm_seed_and_replica(images: xr.Dataset):
    case = Case.build("one", images, SIGNS)
    (name, _) = case.binary
    start = case.start("sgd", 0)[name]
    assert torch.equal(case.start("sgd", 0, 0)[name], start)
    for words in (("sgd", 1), ("adam", 0), ("sgd", 0, 1)):
        assert not torch.equal(case.start(*words)[name], start)
    other = Case.build("two", images, SIGNS)
    assert not torch.equal(other.start("sgd", 0)[name], start)


@pytest.mark.parametrize("network", [SIGNS, SIGNS_OF_IMAGES], ids=lambda network: network["name"])
def test_binary_weights_are_signs_where_they_are_measured(images: xr.Dataset, network):
    case = Case.build("signs", images, network)
    latent = case.start("sgd", 0)
    signed = case.signed(latent)
    assert case.binary == tuple(latent)
    for name in case.binary:
        assert torch.equal(signed[name], latent[name].sign())
    resnet = Case.build("real", images, RESNET | {"batch_norm": "fold"})
    assert resnet.binary == ()


def test_inputs_of_binary_networks_alone_are_moved_off_ties(images: xr.Dataset):
    inputs = torch.zeros(20, 4, dtype=torch.float64)
    moved = Case.build("signs", images, SIGNS).without_ties(inputs)
    assert 0 < moved.abs().max() < 0.01
    assert moved.unique().numel() == inputs.numel()
    resnet = Case.build("real", images, RESNET | {"batch_norm": "fold"})
    assert resnet.without_ties(inputs) is inputs
