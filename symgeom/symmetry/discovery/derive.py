"""Find the symmetries of any network by itself.

The ``torch.export`` graph of a module is a list of operations on tensors. Each says two things
about the units that index its tensors: which axes are indexed by the same units (so that a
permutation must move them together), and how scales pass through it (linear equations on
exponents). One small rule per operation, in its record
(:mod:`symgeom.symmetry.discovery.operations`), states both; labels are then unified
(:mod:`symgeom.symmetry.discovery.labels`) and the equations solved
(:mod:`symgeom.symmetry.discovery.exponents`). What is left free is the symmetry group; what cannot
be decided is given up, so that the spec is never too large, and
:func:`symgeom.symmetry.certificate.certify` proves it on every use. An operation that no rule
describes is written as others, where torch knows how
(:mod:`symgeom.symmetry.discovery.decomposition`); else it fixes the units of all tensors that it
touches, unless no parameter reaches it (masks, positions), and the spec says so
(:class:`~symgeom.symmetry.spec.FixedAxis`).

Heads of attention may be permuted, and an invertible matrix may act within each on its queries and
keys, another on its values and what reads them. Permutations move what the matrices act on, so that
a spec holds one or the other (``within_heads``). Coordinates that all heads share, because one norm
or convolution treats every head alike, are units beside the heads: they move in all heads at once.

Not reported, though they are symmetries
(:func:`~symgeom.symmetry.completeness.missing_symmetries` finds all of these at small widths):

- exchanges of whole blocks: experts, branches that are added or concatenated, layers at the same
  place of a stack, groups of a group norm or of a grouped convolution; and of single units of
  branches;
- exchanges and scales of filters that read one channel of a depthwise convolution, and of units
  that are read in another order than they are made (channel shuffles);
- exchanges of the copies of one unit that is repeated, and scales of units that are padded;
- scales of parts that all units share, of slices that the units scale themselves;
- every other unit of a layer (``[::2]``), and what is cut from units with a stride;
- mirror images, and other exchanges of the entries of kernels;
- scales of parts that share one number: a scalar gain, a weight that is used twice;
- scales of units that a sum of products reads twice (``einsum("bi,ij,bj->bi", h, weight, h)``);
- matrices within heads whose queries, keys and values are cut from one tensor by an axis of their
  own (``reshape(..., 3, heads, width)``), or cut from each head;
- scaled rotations within heads that a rotary embedding turns: for each pair of coordinates that
  turn together an angle, and a scale of the queries that the keys take back;
- rotations of a residual stream without normalisation of single coordinates, and whatever a last
  layer with fewer outputs does not see of a stream;
- matrices that mix the factors of a product or a quotient;
- shifts of a bias that a later bias takes back: of linear units, of layers that are added, of
  recurrent layers with two biases; and of the groups of a group norm;
- signs of the weight of a norm (its input and weight flipped together), of a factor of a product or
  a gate, and of what an even function reads.

What only particular data or weights allow (dead units, twin units) is no symmetry of a network.

References
----------
Godfrey et al., "On the symmetries of deep learning models and their internal representations"
(2205.14258), section 3 (which groups commute with which activation). Ainsworth et al., "Git
Re-Basin" (2209.04836), appendix A.4 (permutations per architecture, by hand).
"""

from torch import nn

from symgeom.ground.architecture import shapes_of
from symgeom.ground.calling import Inputs
from symgeom.ground.doors import door
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.discovery.calls import tensor_names
from symgeom.symmetry.discovery.capture import export
from symgeom.symmetry.discovery.giving_up import fixed_axes, unused_axes
from symgeom.symmetry.discovery.graph import walk
from symgeom.symmetry.discovery.groups import unit_groups
from symgeom.symmetry.discovery.head import head_group
from symgeom.symmetry.discovery.solving import solve_labels
from symgeom.symmetry.spec import SymmetrySpec


@door
def discover(
    module: nn.Module, example: Inputs, *, within_heads: bool = False, strict: bool = False
) -> SymmetrySpec:
    """Derive the symmetry groups of a network from its graph.

    Parameters
    ----------
    module : nn.Module
        Any network; read in eval mode, not modified. Its weights may be without entries (device
        meta), frozen, or inside ``DataParallel`` or ``torch.compile``, whose prefixes the spec
        leaves out.
    example : Tensor, tuple, mapping or NetworkCall
        A batch of inputs (sample, ...); several arguments in a tuple, or by keyword in a mapping;
        or a call that says which output is looked at. Only shapes and types matter.
    within_heads : bool
        What to report of attention: permutations of its heads (to align networks), or the matrices
        within each (for their charges and for moves along the valley).
    strict : bool
        Whether to refuse a network with an operation that no rule describes. By default the units
        that it touches are fixed, and the rest of the network stays free.

    Returns
    -------
    SymmetrySpec
        Groups ``hidden1``, ``hidden2``, ... from input to output, further scalings of the same
        units as ``hidden1.scale1``, coordinates of single heads as ``hidden1.head1``, and ``head``
        if the output is a table (sample, class) from a last layer with its own weights. Its
        ``fixed`` lists the axes of weights that are in no permuting group, and why.

    Raises
    ------
    SymgeomError
        If the network cannot take the example, returns no tensor or not the one that is asked for,
        is random in eval mode, or cannot be captured; if ``strict``, also if it holds an operation
        that no rule describes.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> spec = discover(network, torch.zeros(5, 3))
    >>> [(group.name, group.size, group.scale) for group in spec.groups]
    [('hidden1', 4, 'positive'), ('head', 1, 'positive')]
    """
    module = unwrapped(module)
    program = export(module, example)
    network = walk(program, module, strict=strict)
    labels = solve_labels(network)
    groups = unit_groups(labels, network, within_heads=within_heads)
    fixed = fixed_axes(labels, network, groups)
    head = head_group(program, network, tensor_names(program, module))
    if head is not None:
        groups.append(head)
    weights = dict(module.named_parameters())
    fixed += unused_axes(weights, network)
    tensors = {**weights, **dict(module.named_buffers())}
    return SymmetrySpec(tuple(groups), tuple(shapes_of(tensors).items()), fixed)
