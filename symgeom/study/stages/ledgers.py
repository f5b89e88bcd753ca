"""Label the ledgers of an arm: what every cause changed of each charge, and what is left over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.ledger import TERMS, LedgerRecord
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers import Method
from symgeom.study.labels import MINIMUM, Labelled, labelled, minima_dataset, names
from symgeom.symmetry.spec import SymmetrySpec

NO_LEDGER = LedgerRecord(torch.zeros(0, dtype=torch.int64), {}, {}, {}, {})
"""The ledger of a study that keeps none."""


def charges_alone(spec: SymmetrySpec, networks: Parameters) -> LedgerRecord:
    """Return the charges of networks that were trained elsewhere, as after no step.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : Parameters
        Stacked networks.

    Returns
    -------
    LedgerRecord
        One snapshot, without terms: nobody saw what moved the charges.
    """

    def of_network(params: Parameters) -> dict[str, Tensor]:
        return charges(spec, params)

    stacked = torch.vmap(of_network)(networks)
    first = {group: values[:, None] for group, values in stacked.items()}
    return LedgerRecord(torch.zeros(1, dtype=torch.int64), first, {}, {}, {})


def label_ledger(
    record: LedgerRecord,
    method: Method | None,
    *,
    arm: str,
    seeds: list[int],
    attrs: Mapping,
    symmetric: bool = True,
) -> xr.Dataset:
    """Label the ledgers of one arm.

    Parameters
    ----------
    record : LedgerRecord
        The ledgers; of replicas that train together the first is kept, of matrices the diagonal.
    method : Method or None
        The optimizer; None for an arm whose training nobody saw: then nothing is claimed of how it
        moved the charges.
    arm : str
        The arm.
    seeds : list of int
        Its seeds.
    attrs : mapping
        How the arm was made.
    symmetric : bool
        Whether the loss that was trained has the symmetries of the network: with dropout it may
        not.

    Returns
    -------
    xr.Dataset
        Charges, terms and defects of every group along training, and over arm and seed how well the
        account closes and how much of all changes is the optimizer's own.
    """
    replicas = method.members_per_seed if method else 1
    variables: Labelled = {}
    accounts = []
    finite = np.ones((1, len(seeds)), bool)
    for group in record.charge:
        charge = _first_replicas(record, record.charge, group, replicas)
        variables |= _label_charge(group, charge)
        finite &= np.isfinite(charge[:, :, 0]).all(axis=-1)
        if method is not None:
            account = _account(record, group, replicas)
            variables |= account.variables(group)
            accounts.append(account)
    closure = np.where(finite, _closure(accounts, len(seeds)), np.nan)
    share = _share(accounts, len(seeds))
    equivariant = method is not None and method.equivariant and symmetric
    closes = "largest defect relative to the scale of its charge"
    shares = "share of all changes that is the optimizer's own, at first order"
    conserves = "whether the method changes no charge at first order"
    variables["closure"] = labelled(MINIMUM, closure, "1", closes)
    variables["first_order"] = labelled(MINIMUM, share, "1", shares)
    variables["equivariant"] = labelled("arm", [equivariant], "1", conserves)
    coordinates = {
        "step": xr.Variable("step", record.step.numpy()),
        **names("term", TERMS, "cause of a change"),
    }
    return minima_dataset([arm], seeds, variables, coordinates=coordinates, attrs=attrs)


def changes_of(terms: np.ndarray) -> np.ndarray:
    """Add up how much each cause changed charges from snapshot to snapshot.

    Parameters
    ----------
    terms : ndarray, shape (arm, seed, step, term, unit)
        What each cause changed since the start. A seed that has not ended has no entry where
        another one ended: there what it was booked before is carried on.

    Returns
    -------
    ndarray, shape (arm, seed, term)
        Absolute changes, summed over steps and units.

    Examples
    --------
    >>> changes_of(np.array([0.0, 2.0, 1.0]).reshape(1, 1, 3, 1, 1)).item()
    3.0
    """
    booked = terms.copy()
    for step in range(1, terms.shape[2]):
        now = terms[:, :, step]
        booked[:, :, step] = np.where(np.isnan(now), booked[:, :, step - 1], now)
    with np.errstate(over="ignore", invalid="ignore"):  # of seeds that diverged
        changes = np.abs(np.diff(booked, axis=2))
        return np.nan_to_num(changes).sum(axis=(2, 4))


@dataclass(frozen=True, eq=False)
class _Account:
    """What changed the charges of a group: arrays over arm, seed and step."""

    terms: np.ndarray
    defect: np.ndarray
    scale: np.ndarray

    def variables(self, group: str) -> Labelled:
        """Return what is stored of it."""
        causes = f"what changed the charges of {group} since the start"
        remains = f"changes of {group} that no term explains"
        of_terms = (*MINIMUM, "step", "term", group)
        of_defect = (*MINIMUM, "step", group)
        return {
            f"term_{group}": labelled(of_terms, self.terms, "weight^2", causes),
            f"defect_{group}": labelled(of_defect, self.defect, "weight^2", remains),
        }

    def largest_relative_defect(self) -> np.ndarray:
        """Return how well the account closes, over arm and seed."""
        with np.errstate(invalid="ignore"):  # of seeds that diverged
            relative = np.abs(self.defect) / self.scale
        return np.nan_to_num(relative).max(axis=(2, 3))


def _account(record: LedgerRecord, group: str, replicas: int) -> _Account:
    terms = _first_replicas(record, record.terms, group, replicas)
    defect = _first_replicas(record, record.defect, group, replicas)
    scale = _first_replicas(record, record.scale, group, replicas)
    return _Account(terms, defect, scale)


def _label_charge(group: str, charge: np.ndarray) -> Labelled:
    along = (*MINIMUM, "step", group)
    return {f"charge_{group}": labelled(along, charge, "weight^2", f"charges of {group}")}


def _closure(accounts: Sequence[_Account], seeds: int) -> np.ndarray:
    """Return the largest relative defect of every seed over all groups: NaN without accounts."""
    if not accounts:
        return np.full((1, seeds), np.nan)
    defects = [account.largest_relative_defect() for account in accounts]
    return np.max(defects, axis=0)


def _share(accounts: Sequence[_Account], seeds: int) -> np.ndarray:
    """Return the optimizer's share of all changes of every seed: NaN where nothing changed."""
    changes = np.zeros((1, seeds, len(TERMS)))
    for account in accounts:
        changes = changes + changes_of(account.terms)
    of_all = changes.sum(-1)
    # What it does in the step itself, and what momentum carries on.
    optimizer_terms = [term.endswith("optimizer") for term in TERMS]
    of_optimizer = changes[..., optimizer_terms].sum(-1)
    return of_optimizer / np.where(of_all > 0, of_all, np.nan)


def _first_replicas(
    record: LedgerRecord, values: Mapping[str, Tensor], group: str, replicas: int
) -> np.ndarray:
    """Return what is kept of a group: of every seed the first replica, of matrices the diagonal."""
    of_seeds = values[group][::replicas][None]
    if record.charge[group].ndim == 4:
        of_seeds = of_seeds.diagonal(dim1=-2, dim2=-1)
    return of_seeds.numpy()
