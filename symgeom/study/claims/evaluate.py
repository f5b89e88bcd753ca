"""Every claim of a study, judged in the order of the table."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import xarray as xr

from symgeom.ground.checks import SymgeomError
from symgeom.study.claims import controls, dynamics, flatness, geometry, star, valley
from symgeom.study.claims.bootstrap import LEVEL, RESAMPLES
from symgeom.study.claims.question import Question, answer
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles

STAGES = ("minima", "flatness", "distances", "paths", "chains", "ledgers", "equilibria")


def evaluate(
    stages: Mapping[str, xr.Dataset],
    roles: Roles,
    *,
    bend_threshold: float = 0.01,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    case: str = "",
) -> list[Claim]:
    """Judge all claims from the stages of one case.

    Parameters
    ----------
    stages : mapping of str to xr.Dataset
        The measurements, under the names :data:`STAGES`; and ``valleys``, if the study has them.
    roles : mapping of str to str or sequence of str
        Which arms are "flat", "reference", "sharp", "equivariant" and "adaptive"; a role may be
        missing, and its claims are then undecided. Controls are asked of studies that name
        "unregularised" or "same_order" arms.
    bend_threshold : float
        The training error (fraction) up to which a chain connects two minima.
    level : float
        Coverage of the intervals.
    resamples : int
        How many bootstrap resamples.
    case : str
        Name of the case, written into every claim.

    Returns
    -------
    list of Claim
        In the order of the table.

    Raises
    ------
    SymgeomError
        If a stage is missing.
    """
    missing = [name for name in STAGES if name not in stages]
    if missing:
        raise SymgeomError(
            f"Cannot judge the claims: the stages {missing} are missing, found {sorted(stages)}. Give all of them."
        )
    minima, energies, distances, paths, chains = (stages[name] for name in STAGES[:5])
    questions = [
        flatness.flatter("H1a", energies, minima, roles, first="flat", second="reference"),
        flatness.flatter("H1b", energies, minima, roles, first="reference", second="sharp"),
        flatness.flatness_predicts_test_error(energies, minima),
        geometry.nearer("H2a", distances, minima, roles, first="flat", second="sharp"),
        geometry.nearer(
            "H2a-reference", distances, minima, roles, first="flat", second="reference"
        ),
        geometry.nearer_than_random(distances, minima),
        geometry.lower_barriers("H3a", paths, minima, roles, first="flat", second="sharp"),
        geometry.lower_barriers(
            "H3a-reference", paths, minima, roles, first="flat", second="reference"
        ),
        geometry.both_removals_needed(paths, minima),
        geometry.chains_connect(chains, minima, threshold=bend_threshold),
        geometry.bend_lowers_error(chains, minima),
        *_asked_of_some(stages, roles),
        *_asked_of_charges(stages, roles),
    ]
    judged = [
        replace(answer(question, level=level, resamples=resamples), case=case)
        for question in questions
    ]
    judged = [_of_imported(claim, minima) for claim in judged]
    return (
        [_of_binary(claim) for claim in judged]
        if energies.attrs.get("noise") == "flips"
        else judged
    )


def _asked_of_charges(stages: Mapping[str, xr.Dataset], roles: Roles) -> Iterator[Question]:
    """Yield the questions about charges, if the networks have any and they were measured."""
    minima, ledgers, equilibria = (stages[name] for name in ("minima", "ledgers", "equilibria"))
    if _measured(ledgers, "charge_"):
        yield dynamics.ledger_closes(ledgers, minima, roles)
        yield dynamics.adaptive_breaks_conservation(ledgers, minima, roles)
    if _measured(equilibria, "displacement_"):
        yield dynamics.noise_equilibrium_approached(equilibria, minima, roles)
    valleys = stages.get("valleys", xr.Dataset())
    if "eigenvalue" in valleys:
        yield valley.unbalanced_is_sharper(valleys, minima)
        yield valley.unbalanced_starts_faster(valleys, minima)
        yield valley.charge_tells_sharpness(valleys, minima)
        yield valley.charge_tells_distance(valleys, stages["distances"], minima)


def _measured(stage: xr.Dataset, prefix: str) -> bool:
    return any(str(name).startswith(prefix) for name in stage.data_vars)


def _of_imported(claim: Claim, minima: xr.Dataset) -> Claim:
    """Say which arms were trained elsewhere: the stop rule, by which others count, was not asked of them."""
    known = minima["arm"].values if "status" in minima else ()
    arms = [str(arm) for arm in known if (minima["status"].sel(arm=arm) == "imported").any()]
    said = f"imported, and used whatever their loss: {', '.join(arms)}" if arms else ""
    return replace(claim, note="; ".join(filter(None, [claim.note, said])))


def _of_binary(claim: Claim) -> Claim:
    """Name what H1 to H4 say of binary networks H5: that the same holds for them."""
    if not claim.identifier.startswith("H"):
        return claim
    statement = (
        f"With binary weights and activations, {claim.statement[0].lower()}{claim.statement[1:]}"
    )
    return replace(claim, identifier=f"H5-{claim.identifier}", statement=statement)


def _asked_of_some(stages: Mapping[str, xr.Dataset], roles: Roles) -> Iterator[Question]:
    """Yield the questions for which a study needs arms, paths or measures that not every study has."""
    minima, energies, distances, paths = (stages[name] for name in STAGES[:4])
    if "margin" in energies:
        yield controls.larger_margin(energies, minima, roles)
    if star.has_triples(paths, roles):
        yield star.star_shaped(paths, minima, roles)
    if "geodesic greedy" in paths["variant"].values:
        yield geometry.iterated_is_lower(paths, minima)
    if "unregularised" in roles:
        yield flatness.flatter(
            "K-regularisation", energies, minima, roles, first="flat", second="unregularised"
        )
        yield geometry.nearer(
            "K-regularisation-distance",
            distances,
            minima,
            roles,
            first="flat",
            second="unregularised",
        )
    if "same_order" in roles:
        yield controls.order_does_not_matter(distances, minima, roles)
