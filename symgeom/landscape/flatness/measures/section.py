"""A section: the measures that one stage takes, and what the configuration may say of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from symgeom.landscape.flatness.measures.record import Array, Measure, Option


def measures_of(namespace: Mapping[str, object]) -> tuple[Measure, ...]:
    """Return the measures of the modules that a list of imports names.

    Parameters
    ----------
    namespace : mapping of str to object
        What a module holds, in the order of its imports.

    Returns
    -------
    tuple of Measure
        The record ``MEASURE`` of each module, in their order.
    """
    measures = []
    for value in namespace.values():
        if isinstance(value, ModuleType):
            measures.append(value.MEASURE)
    return tuple(measures)


@dataclass(frozen=True, eq=False)
class Section:
    """The measures of one stage.

    Attributes
    ----------
    name : str
        Of the stage and of its section of the configuration.
    measures : tuple of Measure
        In the order in which they are taken.
    shared : tuple of Option
        The options that all measures of the stage share.
    meaning : str
        What the reference of the keys says of the section.
    """

    name: str
    measures: tuple[Measure, ...]
    shared: tuple[Option, ...]
    meaning: str

    def asked(self, options: Mapping) -> list[Measure]:
        """Return the measures that a configuration asks for.

        Parameters
        ----------
        options : mapping
            The section of the configuration.

        Returns
        -------
        list of Measure
            In the order of the section.
        """
        return [measure for measure in self.measures if measure.asked(options)]

    def divided(
        self, options: Mapping, *, binary: bool, batch_norm: str | None, task: str
    ) -> tuple[list[Measure], list[Measure]]:
        """Divide what a configuration asks for into what can be taken of a network and what cannot.

        Parameters
        ----------
        options : mapping
            The section of the configuration.
        binary : bool
            Whether of the weights only the signs count.
        batch_norm : None or {"carried", "recompute"}
            Which statistics the batch norms use; None without batch norm.
        task : str
            What the outputs answer.

        Returns
        -------
        taken : list of Measure
            What nothing stands in the way of.
        left_out : list of Measure
            The others; :meth:`.record.Measure.obstacle` says why.
        """
        taken = []
        left_out = []
        for measure in self.asked(options):
            if measure.obstacle(binary=binary, batch_norm=batch_norm, task=task):
                left_out.append(measure)
            else:
                taken.append(measure)
        return taken, left_out

    def arrays(self) -> dict[str, Array]:
        """Return everything that the stage may store.

        Returns
        -------
        dict of str to Array
            By name.
        """
        arrays = {}
        for measure in self.measures:
            for array in measure.arrays:
                arrays[array.name] = array
        return arrays

    def options(self) -> dict[str, Option]:
        """Return the keys of this section of the configuration.

        Returns
        -------
        dict of str to Option
            By name: those of the measures, then those that all of them share.
        """
        options = {}
        for measure in self.measures:
            for option in measure.options:
                options[option.name] = option
        for option in self.shared:
            options[option.name] = option
        return options

    def schema(self) -> dict:
        """Return what the schema of the configuration says of this section.

        Returns
        -------
        dict
            A JSON Schema that requires every key, and no other.
        """
        properties = {}
        for name, option in self.options().items():
            properties[name] = {"description": option.meaning, **option.schema}
        return {
            "description": self.meaning,
            "type": "object",
            "required": list(properties),
            "additionalProperties": False,
            "properties": properties,
        }
