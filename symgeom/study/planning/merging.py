"""What is left to do when Snakemake has merged the sources of a configuration, key by key.

It puts the keys of later files first, which would shift every arm into another part; and it leaves
the options of one optimizer to another that takes its place.
"""

from collections.abc import Iterator, Mapping, Sequence

from symgeom.study.planning.sources import Source, sets, value_at


def without_null(section: Mapping) -> dict:
    """Return a section without what a later file has set to null.

    Parameters
    ----------
    section : mapping
        A section of the configuration.

    Returns
    -------
    dict
        The rest.

    Examples
    --------
    >>> without_null({"sgd": {}, "adam": None})
    {'sgd': {}}
    """
    return {name: value for name, value in section.items() if value is not None}


def in_order_of_sources(section: str, merged: Mapping, sources: Sequence[Source]) -> dict:
    """Return what a section holds in the order in which the sources name it, without null.

    Parameters
    ----------
    section : str
        "arms" or "cases".
    merged : mapping
        The section as Snakemake merged it.
    sources : sequence of Source
        The first one first.

    Returns
    -------
    dict
        The last source that names all that is left decides the order; else names come in the order
        of the sources.
    """
    remaining = without_null(merged)
    names: list[str] = []
    complete: list[str] = []
    for source in sources:
        names_of_source = _names(source, section)
        names += names_of_source
        if set(names_of_source) >= set(remaining):
            complete = names_of_source
    order = dict.fromkeys([*complete, *names, *remaining])
    return {name: remaining[name] for name in order if name in remaining}


def begin_anew(config: dict, sources: Sequence[Source]) -> None:
    """Forget the options of an optimizer, a network or a data set that another one has replaced.

    Parameters
    ----------
    config : dict
        The configuration as Snakemake merged it; it is changed. Where a later source changes the
        ``method`` of an arm, or the ``name`` of a network or a data set, what earlier sources say
        of it does not count.
    sources : sequence of Source
        The first one first.
    """
    for path, word in _choices(config):
        first = _first_of_the_last_choice(path, word, sources)
        parent = value_at(config, path[:-1])
        if first and isinstance(parent, dict) and isinstance(parent[path[-1]], Mapping):
            parent[path[-1]] = _said_since(path, sources[first:])


def _names(source: Source, section: str) -> list[str]:
    """Return the names that a source gives in a section."""
    content = source.content.get(section)
    return list(content) if isinstance(content, Mapping) else []


def _choices(config: Mapping) -> Iterator[tuple[list[str], str]]:
    """Yield what has options that depend on a word, and that word."""
    for arm in _section(config, "arms"):
        yield ["arms", arm], "method"
    for case in _section(config, "cases"):
        yield ["cases", case, "data"], "name"
        yield ["cases", case, "network"], "name"


def _section(config: Mapping, name: str) -> Mapping:
    """Return a section; what is none is left to the schema."""
    section = config.get(name)
    return section if isinstance(section, Mapping) else {}


def _first_of_the_last_choice(path: list[str], word: str, sources: Sequence[Source]) -> int:
    """Return the number of the source that changes the word last; 0 if none does."""
    first = 0
    before = None
    for number, source in enumerate(sources):
        choice = value_at(source.content, [*path, word])
        if choice is None:
            continue
        if before not in (None, choice):
            first = number
        before = choice
    return first


def _said_since(path: list[str], sources: Sequence[Source]) -> dict:
    """Return what some sources say together at a key."""
    merged: dict = {}
    for source in sources:
        if sets(source.content, path):
            merged = _merged(merged, value_at(source.content, path))
    return merged


def _merged(below: Mapping, above: object) -> dict:
    """Merge as Snakemake does, key by key; null removes what is below."""
    if not isinstance(above, Mapping):
        return {}
    merged = dict(below)
    for key, value in above.items():
        merged[key] = value
        if isinstance(value, Mapping):
            merged[key] = _merged(_section(below, key), value)
    return merged
