"""Studies that the tests of the stages share."""

import pytest
from tiny_study import TinyStudy, binary_study, real_study


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    """A study of real networks: two arms, and one that diverges."""
    return real_study(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def signs(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    """A study of binary networks: two arms."""
    return binary_study(tmp_path_factory.mktemp("signs"))
