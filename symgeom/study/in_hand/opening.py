"""Open what somebody has: a network, its symmetries, files of its weights, and data.

Everything is read and checked before anything is computed: a file that does not fit, or data of
other classes, end the command at once. A command is a small study in memory: the network and its
data are a :class:`~symgeom.study.cases.Case`, so that the stages of studies measure them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor, nn

from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError
from symgeom.ground.freed_memory import return_freed_memory
from symgeom.ground.modules import copied, in_mode
from symgeom.ground.on_demand import SMALL, OnDemand
from symgeom.ground.randomness import stream
from symgeom.ground.types import size
from symgeom.landscape.problem.fit import first_outputs
from symgeom.learning import networks
from symgeom.learning.networks.by_reference import network_of
from symgeom.learning.weights.record import ReadWeights
from symgeom.study.cases import Case
from symgeom.study.datasets import DATASETS
from symgeom.study.in_hand.described import Described, described_by
from symgeom.study.in_hand.drawn_inputs import (
    InputForm,
    example_inputs,
    few_inputs,
    input_forms,
)
from symgeom.study.in_hand.labels import labelled_paths
from symgeom.study.in_hand.narrower import Reader
from symgeom.study.in_hand.proving import proved_symmetries
from symgeom.study.in_hand.record import InHand
from symgeom.study.in_hand.settings import DATA_ROOT
from symgeom.study.progress import progress
from symgeom.study.stages import data as data_stage

COMPARED = 64
"""Samples on which outputs are compared, where there are data."""

DRAWN = 8
"""Inputs that are drawn to compare outputs on, where there are no data."""

ARRAYS = (".npz", ".zarr", ".zarr.zip")
"""How data sets of arrays end."""


@dataclass(frozen=True)
class Request:
    """What is to be opened.

    Attributes
    ----------
    files : sequence of Path
        Files of weights; a folder stands for all files of weights in it.
    network : str, optional
        The network that they are weights of: ``module:name``, ``timm:name``, or a network that
        studies know; by default the one of Hugging Face or timm whose ``config.json`` lies beside
        the first file.
    options : mapping of str to object
        What its maker is called with.
    inputs : mapping of str to tuple of int
        Shapes of single inputs by name (of the only one also without a name); by default that of
        the data, or what the network is described with.
    tokens : mapping of str to int
        Inputs, by name, that are whole numbers below these; without a name, all of them.
    classes : int, optional
        Outputs of a network that studies know; by default the classes of the data.
    data : str, optional
        A data set that studies know, or the path of pictures or arrays.
    data_options : mapping of str to object
        Options of the data set.
    data_root : Path
        Where data sets lie or are downloaded to.
    batch_norm : {"fold", "recompute", "carried"}
        As in studies: batch norms are folded into the weights before anything is looked at, or
        their statistics are measured anew for every network; or they stay as the files have them.
    seed : int
        Of whatever is drawn.
    precision : str, optional
        Of everything; by default geometry is in float64, and what is evaluated on data in float32.
    device : {"auto", "cpu", "cuda"}
        Where networks are computed.
    choice : str, optional
        Which weights of a file that holds several.
    narrow : str, optional
        The narrower network of files that do not fit the network; by default the same one, with
        other options.
    narrow_options : mapping of str to object
        What makes the narrower one; without it and a name there is none.
    """

    files: Sequence[Path]
    network: str | None
    options: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    classes: int | None = None
    data: str | None = None
    data_options: Mapping[str, object] = field(default_factory=dict)
    data_root: Path = DATA_ROOT
    batch_norm: str = "fold"
    seed: int = 0
    precision: str | None = None
    device: str = "auto"
    choice: str | None = None
    narrow: str | None = None
    narrow_options: Mapping[str, object] = field(default_factory=dict)


def open_files(request: Request, *, least: int = 1) -> InHand:
    """Open network, data and files, once it is known that they belong together.

    Parameters
    ----------
    request : Request
        What is to be opened.
    least : int
        How many files are needed.

    Returns
    -------
    InHand
        All that a command needs.
    """
    paths = labelled_paths(request.files, least=least)
    data = _data(request)
    first_path = next(iter(paths.values()))
    described = described_by(request.network, first_path, request.options, seed=request.seed)
    if described:
        request = replace(request, network=described.name)
    example = _example(request, described, data)
    trained = described.network if described else _network(request, data, example)
    reader = Reader(trained, _narrower(request, data, example), example, request.choice)
    if data:
        _check_classes(trained, data)
    settings = {"batch_norm": request.batch_norm, "device": request.device}
    case = Case.of("files", data, settings, trained, few_inputs(example))
    widened = {}

    def read(label: str) -> ReadWeights:
        return_freed_memory()  # between two files much was computed and forgotten
        weights, as_wide = reader.read(paths[label])
        if as_wide is not None:
            widened[label] = as_wide
        return weights

    files = OnDemand(paths, read, size=_size, limit=SMALL)
    notes = {}
    with progress("read files", len(paths)) as bar:
        for label in paths:
            notes[label] = files[label].notes
            bar.update()
    first = next(iter(paths))
    spec, certificate = proved_symmetries(
        case,
        lambda: read(first),
        example,
        precision=request.precision or "float64",
        seed=request.seed,
    )
    return InHand(
        name=str(request.network),
        case=case,
        spec=spec,
        certificate=certificate,
        example=example,
        files=files,
        paths=paths,
        notes=notes,
        precision=request.precision,
        widened=widened,
        read=read,
    )


def _size(weights: ReadWeights) -> int:
    """Return the memory that a file takes."""
    return size(weights.params)


def _data(request: Request) -> xr.Dataset:
    """Return the data, labelled as in a study; an empty data set if none were named."""
    if request.data is None:
        return xr.Dataset()
    recipe = data_recipe(request.data, request.data_options)
    return data_stage.measure(recipe, root=str(request.data_root))


def data_recipe(name: str, options: Mapping[str, object]) -> dict[str, object]:
    """Return what a study would say of data: the name of a data set, and its options.

    Parameters
    ----------
    name : str
        A data set that studies know; or the path of pictures or arrays.
    options : mapping of str to object
        Its further options.

    Returns
    -------
    dict of str to object
        ``name`` and ``options``.

    Raises
    ------
    SymgeomError
        If there is no such data set, and no such file or folder.

    Examples
    --------
    >>> data_recipe("digits", {"subset": 100})
    {'name': 'digits', 'options': {'subset': 100}}
    """
    if name in DATASETS:
        return {"name": name, "options": dict(options)}
    path = Path(name)
    if not path.exists():
        raise SymgeomError(
            f"Cannot read data from '{name}': it is no file, no folder, and none of the data sets "
            f"that studies know ({', '.join(DATASETS)}). Correct --data."
        )
    kind = "arrays" if name.rstrip("/").endswith(ARRAYS) else "image_folder"
    return {"name": kind, "options": {**options, "path": str(path.absolute())}}


def _example(request: Request, described: Described | None, data: xr.Dataset) -> Inputs:
    """Return inputs on which outputs are compared."""
    known = described.inputs if described else {}
    forms = input_forms(request.inputs, request.tokens, known)
    if data:
        return _samples(data, request, forms)
    if not forms:
        raise SymgeomError(
            "Cannot look at a network without knowing its inputs: give the shape of one "
            "(--input 3,32,32), of several by name (--input input_ids=16), or data (--data)."
        )
    return example_inputs(forms, DRAWN, generator=stream("inputs", request.seed))


def _samples(data: xr.Dataset, request: Request, forms: Mapping[str, InputForm]) -> Tensor:
    """Return some of the data, whose samples are inputs of the network."""
    if len(forms) > 1:
        raise SymgeomError(
            f"Cannot evaluate a network of several inputs ({', '.join(forms)}) on data, whose "
            "samples are one input: errors, losses, paths, flatness and noise are measured for "
            "networks of one input. Leave out --data, or give a network that takes one (--network)."
        )
    shape = data["train_inputs"].shape[1:]
    for said in request.inputs.values():
        if said != shape:
            raise SymgeomError(
                f"Cannot use inputs of shape {said}: a sample of the data has shape {shape}. Leave "
                "out --input, or give other data (--data-option)."
            )
    samples = torch.from_numpy(data["train_inputs"][:COMPARED].values)
    return samples.double() if samples.is_floating_point() else samples


def _network(request: Request, data: xr.Dataset, example: Inputs) -> nn.Module:
    """Return the architecture."""
    called = str(request.network)
    if ":" in called:
        module, _, name = called.partition(":")
        network = network_of(module, name, request.options, seed=request.seed)
        return in_mode(copied(network), training=False)
    if not isinstance(example, Tensor):
        raise SymgeomError(
            f"Cannot build network '{called}' for inputs with names: it takes one. Give its shape "
            "(--input 3,32,32)."
        )
    classes = request.classes or data.attrs.get("classes")
    if classes is None:
        raise SymgeomError(
            f"Cannot build network '{called}' without knowing how many outputs it has: "
            "give --classes, or data (--data)."
        )
    return networks.build(
        called,
        input_shape=tuple(example.shape[1:]),
        classes=classes,
        options=request.options,
        generator=stream("architecture", request.seed),
    )


def _narrower(request: Request, data: xr.Dataset, example: Inputs) -> nn.Module | None:
    """Return the narrower architecture, if there is one."""
    is_named = request.narrow is not None or bool(request.narrow_options)
    network = request.narrow or request.network
    if network is None or not is_named:
        return None
    narrower = replace(request, network=network, options=request.narrow_options)
    return _network(narrower, data, example)


def _check_classes(network: nn.Module, data: xr.Dataset) -> None:
    """Raise unless a network has one output for each class of its data."""
    inputs = torch.from_numpy(data["train_inputs"][:1].values)
    targets = torch.from_numpy(data["train_targets"][:1].values)
    outputs = first_outputs(in_mode(copied(network), training=False), inputs, targets)
    classes = data.attrs["classes"]
    if outputs.ndim == 2 and outputs.shape[1] != classes:
        raise SymgeomError(
            f"Cannot evaluate the network on data set '{data.attrs['data_set']}' of {classes} "
            f"classes: it has {outputs.shape[1]} outputs. Give the data that it was trained for, "
            "or the options of the network (--option) that say how many classes it knows."
        )
