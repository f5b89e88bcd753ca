"""Operations without a rule, in terms of others that may have one.

Torch has a table that writes operations as several simpler ones. It is asked only about those that
a parameter reaches and that no rule describes: normalisations, attention and recurrent layers stay
whole, because their parts would say less.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator

from torch._ops import OpOverload
from torch.export import ExportedProgram, default_decompositions
from torch.export.graph_signature import InputKind
from torch.fx import Node

from symgeom.symmetry.discovery.calls import read_call

Table = dict[OpOverload, Callable[..., object]]
"""How operations are written as others."""

ROUNDS = 3
"""What an operation is written in may itself be without a rule."""


def decomposed(program: ExportedProgram) -> ExportedProgram:
    """Write the operations that no rule describes as others, where torch knows how.

    Parameters
    ----------
    program : ExportedProgram
        The graph of a network; not modified.

    Returns
    -------
    ExportedProgram
        The same one if all operations behind parameters have rules.
    """
    for _ in range(ROUNDS):
        unknown = dict.fromkeys(_without_rules(program))
        if not unknown:
            break
        table = _part_of_table(unknown)
        if not table and not any(map(OpOverload._can_decompose, unknown)):
            break
        try:
            program = in_functional_form(program, table)
        except Exception:  # of many kinds; what is unknown then fixes what it touches
            break
    return program


def in_functional_form(program: ExportedProgram, table: Table | None = None) -> ExportedProgram:
    """Return a graph that writes nothing in place.

    Parameters
    ----------
    program : ExportedProgram
        The graph of a network; not modified.
    table : dict of OpOverload to callable
        How some operations are written as others.

    Returns
    -------
    ExportedProgram
        Another graph of the same function.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch about its own trees
        return program.run_decompositions(table or {})


def _part_of_table(operations: Iterable[OpOverload]) -> Table:
    """Return what torch says about some operations; of views it says it unasked."""
    table = default_decompositions()
    return {operation: table[operation] for operation in operations if operation in table}


def _without_rules(program: ExportedProgram) -> Iterator[OpOverload]:
    """Yield the operations behind parameters that no rule describes."""
    weights = _weights(program)
    learnt: set[Node] = set()
    for node in program.graph_module.graph.nodes:
        if node.name in weights or not learnt.isdisjoint(node.all_input_nodes):
            learnt.add(node)
            if isinstance(node.target, OpOverload) and read_call(node).operation is None:
                yield node.target


def _weights(program: ExportedProgram) -> set[str]:
    """Return the names of the nodes of parameters."""
    inputs = program.graph_signature.input_specs
    return {spec.arg.name for spec in inputs if spec.kind is InputKind.PARAMETER}
