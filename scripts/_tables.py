"""Label the minima that training yields."""

from collections.abc import Mapping

from _labels import labelled
from xarray import Variable

from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import evaluate
from symgeom.learning.training import Trained
from symgeom.store import parameters_to_variables
from symgeom.symmetry.spec import SymmetrySpec

SEED, Tables = ("arm", "seed"), tuple[dict[str, Variable], dict[str, Variable]]
"""Variables over arm and seed, and coordinates."""


def minima_table(
    spec: SymmetrySpec,
    trained: Trained,
    problems: Mapping[str, Problem],
    measured: Parameters | None = None,
) -> Tables:
    """Label the minima of one arm: weights, errors, losses (of the networks as measured, if given), their end and history."""
    variables = dict(
        parameters_to_variables(
            spec, {k: v[None] for k, v in trained.parameters.items()}, leading=SEED
        )
    )
    for split, problem in problems.items():
        loss, error = evaluate(problem, measured or trained.parameters)[:, None].cpu().numpy()
        variables[f"{split}_loss"] = labelled(SEED, loss, "nat", f"{split} loss")
        variables[f"{split}_error"] = labelled(
            SEED, error, "1", f"fraction of {split} samples misclassified"
        )
    ended = "how the seed ended: reached, epoch limit or diverged; or imported"
    variables["status"] = labelled(SEED, [list(trained.status)], "1", ended)
    kept = [[state in ("reached", "imported") for state in trained.status]]
    variables["usable"] = labelled(
        SEED, kept, "1", "whether the seed reached the stop rule, or was imported"
    )
    budget = (
        ("epochs", trained.epochs, "epochs run"),
        ("gradient_evaluations", trained.gradients, "mini-batch gradients evaluated"),
    )
    for name, values, meaning in (
        *budget,
        ("sample_gradients", trained.sample_gradients, "the same in single samples: the budget"),
    ):
        variables[name] = labelled(SEED, values[None], "1", meaning)
    variables["history_loss"] = labelled(
        (*SEED, "epoch"), trained.loss[None], "nat", "training loss"
    )
    variables["history_error"] = labelled(
        (*SEED, "epoch"), trained.error[None], "1", "training error"
    )
    return variables, {"epoch": labelled("epoch", range(trained.loss.shape[1]), "1", "epoch")}
