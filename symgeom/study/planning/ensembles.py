"""Ensembles of several minima: which seeds they are made of, and whether a study has enough."""

from collections.abc import Iterator, Mapping

from symgeom.study.pairs import Pair, pairs_of_simplex, ring_runs
from symgeom.study.planning.sources import Fault
from symgeom.study.planning.split import number_of_seeds, seeds_of

VERTICES = {"geodesic": 2, "chain": 2, "simplex": 3}
"""How many aligned minima the members of an ensemble lie among, by its kind."""


def arms_with_ensembles(config: Mapping) -> list[str]:
    """Return the arms of whose minima ensembles are made.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    list of str
        Each once, in the order of the roles.

    Examples
    --------
    >>> config = {"neighbours": {"roles": ["flat"]}, "claims": {"roles": {"flat": "rsgd"}}}
    >>> arms_with_ensembles(config)
    ['rsgd']
    """
    roles = config["claims"]["roles"]
    return list(dict.fromkeys(roles[role] for role in config["neighbours"]["roles"]))


def arms_of_neighbours(config: Mapping) -> list[str]:
    """Return the arms whose neighbours are measured: those with ensembles, and those beside.

    Parameters
    ----------
    config : mapping
        The configuration.

    Returns
    -------
    list of str
        Each once.

    Examples
    --------
    >>> neighbours = {"roles": ["flat"], "beside": ["swa"]}
    >>> arms_of_neighbours({"neighbours": neighbours, "claims": {"roles": {"flat": "rsgd"}}})
    ['rsgd', 'swa']
    """
    beside = config["neighbours"]["beside"]
    return list(dict.fromkeys([*arms_with_ensembles(config), *beside]))


def pairs_of_ensembles(config: Mapping, arm: str) -> list[Pair]:
    """Return the pairs whose alignments the ensembles of an arm need.

    Parameters
    ----------
    config : mapping
        The configuration.
    arm : str
        The arm.

    Returns
    -------
    list of Pair
        Each once; none of an arm without ensembles.
    """
    if arm not in arms_with_ensembles(config):
        return []
    positions = {seed: position for position, seed in enumerate(seeds_of(config))}
    sizes = {VERTICES[kind] for kind in config["neighbours"]["kinds"] if kind in VERTICES}
    pairs: dict[Pair, None] = {}
    for size in sorted(sizes):
        for run in ring_runs(sorted(positions), size).values():
            vertices = tuple(sorted(run, key=positions.__getitem__))
            pairs |= dict.fromkeys(pairs_of_simplex((arm, vertices)))
    return list(pairs)


def faults_of_ensembles(config: Mapping) -> Iterator[Fault]:
    """Yield which kinds of ensembles need more minima than an arm has, and arms that are none.

    Parameters
    ----------
    config : mapping
        A configuration that fits the schema.

    Yields
    ------
    (sequence of str or int, str)
        A key, after those above it, and what is wrong with it.
    """
    section = config["neighbours"]
    if not section:
        return
    for arm in section["beside"]:
        if arm not in config["arms"]:
            names = ", ".join(config["arms"])
            fault = f"names the arm {arm!r}, which is not among the arms: {names}."
            yield ["neighbours", "beside"], fault
    needed = VERTICES | {"independent": section["members"]}
    seeds = number_of_seeds(config)
    for kind in section["kinds"]:
        if needed.get(kind, 1) > seeds:
            fault = (
                f"asks for '{kind}', which needs {needed[kind]} minima of an arm, but there are "
                f"{seeds} seeds. Leave it out, or raise 'seeds'."
            )
            yield ["neighbours", "kinds"], fault
