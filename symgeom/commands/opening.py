"""Open what a command is given: a network, its symmetries, files of its weights, and data.

Everything is read and checked before anything is computed: a file that does not fit, or data of
other classes, end the command at once. A command is a small study in memory: the network and its
data are a :class:`~symgeom.study.cases.Case`, so that the stages of studies measure them.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor, nn

from symgeom.commands.drawn_inputs import example_inputs
from symgeom.commands.narrower import Reader
from symgeom.commands.words import reference
from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import copied, in_mode
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, precision, size
from symgeom.landscape.problem.fit import first_outputs
from symgeom.learning import networks
from symgeom.learning.networks.by_reference import network_of
from symgeom.learning.weights.files import SUFFIXES, is_weights
from symgeom.learning.weights.record import ReadWeights
from symgeom.quotient.widening import Widened
from symgeom.study.cases import Case
from symgeom.study.datasets import DATASETS
from symgeom.study.progress import progress
from symgeom.study.stages import data as data_stage
from symgeom.symmetry.certificate import Certificate, certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.evaluation import Evaluation
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.visibility import relative_change

COMPARED = 64
"""Samples on which outputs are compared, where there are data."""

DRAWN = 8
"""Inputs that are drawn to compare outputs on, where there are no data."""

ARRAYS = (".npz", ".zarr", ".zarr.zip")
"""How data sets of arrays end."""


@dataclass(frozen=True, eq=False)
class InHand:
    """A network with files of its weights.

    Attributes
    ----------
    name : str
        What the network was called.
    case : Case
        Network and data; the data are empty if none were named.
    spec : SymmetrySpec
        The symmetries of the network as it is measured (``case.measured``).
    certificate : Certificate
        Their proof, at the weights of the first file.
    example : Tensor
        Inputs on which outputs can be compared, in float64 (tokens: int64): some of the data, or
        random ones.
    files : mapping of str to ReadWeights
        What the files hold, by their labels; large ones are read when they are asked for.
    paths : mapping of str to Path
        The files.
    notes : mapping of str to tuple of str
        What was done to read each file, in sentences.
    precision : str or None
        What the command was told.
    widened : mapping of str to Widened
        The networks of those files that are of a narrower one.
    """

    name: str
    case: Case
    spec: SymmetrySpec
    certificate: Certificate
    example: Tensor
    files: Mapping[str, ReadWeights]
    paths: Mapping[str, Path]
    notes: Mapping[str, tuple[str, ...]]
    precision: str | None
    widened: Mapping[str, Widened]

    @property
    def network(self) -> nn.Module:
        """The network as it is measured."""
        return self.case.measured

    @property
    def has_data(self) -> bool:
        """Whether the command was given data."""
        return bool(self.case.data)

    @property
    def sentences(self) -> list[str]:
        """What was done to read the files."""
        sentences: list[str] = []
        for label, notes in self.notes.items():
            sentences.extend(f"{label}: {note}" for note in notes)
        return sentences

    def output_change(self, before: Parameters, after: Parameters) -> float:
        """Compare the outputs of the network with two sets of weights.

        Parameters
        ----------
        before, after : Parameters
            Weights of the network as it is measured, of one precision.

        Returns
        -------
        float
            The largest change of an output on the example inputs, relative to its size.
        """
        evaluation = Evaluation(self.network, before, self.example)
        outputs = evaluation.outputs(before)
        return relative_change(outputs, evaluation.outputs(after))

    def params(self, label: str) -> dict[str, Tensor]:
        """Return the weights of a file as they are measured.

        Parameters
        ----------
        label : str
            Which file.

        Returns
        -------
        dict of str to Tensor
            Folded where batch norms are, in the precision of geometry, on the device.
        """
        return self.case.prepared(self.files[label].params, self.precision or "float64")


def open_files(options: argparse.Namespace, *, least: int, batch_norm: str) -> InHand:
    """Open network, data and files; see :func:`symgeom.commands.files_in_hand.opened`.

    Parameters
    ----------
    options : argparse.Namespace
        The words of the command.
    least : int
        How many files are needed.
    batch_norm : str
        What is done to batch norms.

    Returns
    -------
    InHand
        All that a command needs.
    """
    paths = labelled_paths(options.files, least=least)
    data = _data(options)
    example = _example(options, data)
    trained = _network(options, options.network, options.option, data, example)
    reader = Reader(trained, _narrower(options, data, example), example, options.choice)
    if data:
        _check_classes(trained, data)
    settings = {"batch_norm": batch_norm, "device": options.device}
    case = Case.of("files", data, settings, trained, example[:2])
    notes = {}
    wide = {}
    with progress("read files", len(paths)) as bar:
        for label, path in paths.items():
            weights, widened = reader.read(path)
            notes[label] = weights.notes
            if widened is not None:
                wide[label] = widened
            bar.update()

    def read(label: str) -> ReadWeights:
        return reader.read(paths[label])[0]

    files = OnDemand(paths, read, size=_size)
    first = case.prepared(files[next(iter(paths))].params, options.precision or "float64")
    spec, certificate = _certified(case, first, example, options.seed)
    return InHand(
        name=options.network,
        case=case,
        spec=spec,
        certificate=certificate,
        example=example,
        files=files,
        paths=paths,
        notes=notes,
        precision=options.precision,
        widened=wide,
    )


def labelled_paths(given: Sequence[Path], *, least: int) -> dict[str, Path]:
    """Name the files: by their names without endings, or by their paths where these are alike.

    Parameters
    ----------
    given : sequence of Path
        Files; a folder stands for all files of weights in it, by name.
    least : int
        How many are needed.

    Returns
    -------
    dict of str to Path
        The files by their labels, in their order.

    Raises
    ------
    SymgeomError
        If a folder holds no files of weights, a file is named twice, or there are too few.

    Examples
    --------
    >>> list(labelled_paths([Path("runs/0.pt"), Path("runs/1.pt")], least=2))
    ['0', '1']
    >>> list(labelled_paths([Path("a/last.pt"), Path("b/last.pt")], least=2))
    ['a/last.pt', 'b/last.pt']
    """
    paths: list[Path] = []
    for path in given:
        paths.extend(_in_folder(path) if path.is_dir() else [path])
    for path, times in Counter(paths).items():
        if times > 1:
            raise SymgeomError(f"Cannot use '{path}' {times} times: name every file once.")
    if len(paths) < least:
        raise SymgeomError(
            f"Cannot do this with {_counted(paths)}: at least {least} are needed. Name more, or a "
            "folder that holds them."
        )
    stems = [path.stem for path in paths]
    are_different = len(set(stems)) == len(stems)
    labels = stems if are_different else map(str, paths)
    return dict(zip(labels, paths, strict=True))


def _counted(paths: Sequence[Path]) -> str:
    """Say how many files there are."""
    return f"the single file '{paths[0]}'" if len(paths) == 1 else f"{len(paths)} files"


def _in_folder(folder: Path) -> list[Path]:
    """Return the files of weights in a folder, by name; a folder of shards is one network."""
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if is_weights(folder):
        return [folder]
    if not files:
        raise SymgeomError(
            f"Cannot use folder '{folder}': it holds no file that ends in "
            f"{', '.join(SUFFIXES)}. Name the files, or another folder."
        )
    return files


def _size(weights: ReadWeights) -> int:
    """Return the memory that a file takes."""
    return size(weights.params)


def _data(options: argparse.Namespace) -> xr.Dataset:
    """Return the data, labelled as in a study; an empty data set if none were named."""
    name = getattr(options, "data", None)
    if name is None:
        return xr.Dataset()
    recipe = data_recipe(name, dict(options.data_option))
    return data_stage.measure(recipe, root=str(options.data_root))


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


def _example(options: argparse.Namespace, data: xr.Dataset) -> Tensor:
    """Return inputs on which outputs are compared."""
    if data:
        shape = data["train_inputs"].shape[1:]
        if options.input not in (None, shape):
            raise SymgeomError(
                f"Cannot use inputs of shape {options.input}: a sample of the data has shape "
                f"{shape}. Leave out --input, or give other data (--data-option)."
            )
        samples = torch.from_numpy(data["train_inputs"][:COMPARED].values)
        return samples.double() if samples.is_floating_point() else samples
    if options.input is None:
        raise SymgeomError(
            "Cannot look at a network without knowing its inputs: give the shape of one "
            "(--input 3,32,32), or data (--data)."
        )
    shape = (DRAWN, *options.input)
    return example_inputs(shape, options.tokens, generator=stream("inputs", options.seed))


def _network(
    options: argparse.Namespace,
    called: str,
    pairs: Sequence[tuple[str, object]],
    data: xr.Dataset,
    example: Tensor,
) -> nn.Module:
    """Return an architecture."""
    network_options = dict(pairs)
    if ":" in called:
        try:
            module, name = reference(called)
        except argparse.ArgumentTypeError as error:
            raise SymgeomError(f"Cannot use --network: {error}.") from error
        network = network_of(module, name, network_options, seed=options.seed)
        return in_mode(copied(network), training=False)
    classes = options.classes or data.attrs.get("classes")
    if classes is None:
        raise SymgeomError(
            f"Cannot build network '{called}' without knowing how many outputs it has: "
            "give --classes, or data (--data)."
        )
    return networks.build(
        called,
        input_shape=tuple(example.shape[1:]),
        classes=classes,
        options=network_options,
        generator=stream("architecture", options.seed),
    )


def _narrower(options: argparse.Namespace, data: xr.Dataset, example: Tensor) -> nn.Module | None:
    """Return the narrower architecture, if there is one."""
    called = getattr(options, "narrow", None)
    pairs = getattr(options, "narrow_option", [])
    if called is None and not pairs:
        return None
    return _network(options, called or options.network, pairs, data, example)


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


def _certified(
    case: Case, params: Parameters, example: Tensor, seed: int
) -> tuple[SymmetrySpec, Certificate]:
    """Discover the symmetries of the network as measured, and prove them at some weights."""
    on_cpu = {name: tensor.cpu() for name, tensor in params.items()}
    dtype = precision(on_cpu)
    module = in_mode(deepcopy(case.measured).to("cpu", dtype), training=False)
    inputs = example.to(dtype) if example.is_floating_point() else example
    with progress("find symmetries", 2) as bar:
        spec = discover(module, inputs[:2])
        bar.update()
        generator = stream("certificate", "files", seed)
        certificate = certify(spec, module, on_cpu, inputs=inputs, generator=generator)
        bar.update()
    return spec, certificate.require()
