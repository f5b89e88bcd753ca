"""The figures that there are: one line for each.

A study's rules read this list, in the process that plans the jobs. It therefore loads neither torch
nor matplotlib nor xarray, and neither does any of the figures before it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

from symgeom.study.figures.record import Configuration, Figure, figure_named, setting

NAMES = (
    "claims",
    "training",
    "flatness",
    "escapes",
    "generalisation",
    "measures",
    "noises",
    "layers",
    "spectra",
    "distances",
    "barriers",
    "barrier_matrices",
    "ablation",
    "losses",
    "pairs",
    "star",
    "simplices",
    "maps",
    "chains",
    "charges",
    "equilibria",
    "orbits",
    "joined",
    "starts",
    "valleys",
    "charts",
    "coordinates",
    "ensembles",
    "ensemble_scales",
    "robustness",
    "perceptron",
    "model_ellipse",
    "model_drift",
    "model_rates",
    "model_valley",
    "noise_label_noise",
    "noise_constants",
    "noise_split_inputs",
    "noise_layer_norms",
    "noise_pictures",
    "noise_sharpening",
    "noise_flow",
    "noise_large_rates",
    "noise_training_on",
    "noise_teleportation",
    "noise_one_weight",
    "noise_warm_up",
    "noise_free_lengths",
    "noise_activations",
    "noise_printed",
)
"""Names of the figures, which are those of their modules, in the order of the report."""


def all_figures() -> list[Figure]:
    """Return the records of all figures.

    Returns
    -------
    list of Figure
        In the order of the report.
    """
    return [figure_named(name) for name in NAMES]


def figures_of_case(configuration: Configuration, case: str) -> list[Figure]:
    """Return the figures that a study asks for of one of its cases.

    Parameters
    ----------
    configuration : mapping
        Of the whole study.
    case : str
        One of its cases.

    Returns
    -------
    list of Figure
        In the order of the report.
    """
    of_case = configuration_of_case(configuration, case)
    figures = [figure for figure in all_figures() if not figure.model]
    return [figure for figure in figures if figure.asked(of_case)]


def figures_of_model(configuration: Configuration, model: str) -> list[Figure]:
    """Return the figures that a study asks for of a model with known theory.

    Parameters
    ----------
    configuration : mapping
        Of the whole study.
    model : str
        The model.

    Returns
    -------
    list of Figure
        In the order of the report.
    """
    figures = [figure for figure in all_figures() if figure.model == model]
    return [figure for figure in figures if figure.asked(configuration)]


def configuration_of_case(configuration: Configuration, case: str) -> Configuration:
    """Return the configuration that holds for a case, which may change options of a section.

    Parameters
    ----------
    configuration : mapping
        Of the whole study.
    case : str
        One of its cases.

    Returns
    -------
    mapping
        The same sections, with the options that the case changes, and those of the case alone.

    Examples
    --------
    >>> study = {"maps": {"points": 9, "margin": 0.2}, "cases": {"mlp": {"maps": {"points": 5}}}}
    >>> configuration_of_case(study, "mlp")["maps"]
    {'points': 5, 'margin': 0.2}
    """
    changes = setting(configuration, f"cases.{case}")
    merged = dict(configuration)
    if isinstance(changes, Mapping):
        for section, options in changes.items():
            general = configuration.get(section, {})
            if isinstance(general, Mapping) and isinstance(options, Mapping):
                merged[section] = {**general, **options}
    return merged


def settings_of(figures: list[Figure], configuration: Configuration) -> dict[str, object]:
    """Return what a configuration says of everything on which some figures depend.

    Parameters
    ----------
    figures : list of Figure
        The figures.
    configuration : mapping
        The one that holds for their case.

    Returns
    -------
    dict of str to object
        By the last words of the keys.
    """
    settings = {}
    for figure in figures:
        for name in figure.settings:
            settings[name.rpartition(".")[2]] = setting(configuration, name)
    return settings
