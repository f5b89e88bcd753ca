"""Which tests go first; and what is imported for them is not searched for garbage."""

import gc
from collections.abc import Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect garbage from after the tests are known: all that is there by then stays."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.enable()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the workflow, which takes minutes: short tests then fill the cores to the end."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)
