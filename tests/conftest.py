"""Which tests go first."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the workflow, which takes minutes: short tests then fill the cores to the end."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)
