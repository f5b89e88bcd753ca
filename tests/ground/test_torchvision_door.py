"""The door to torchvision: it opens on one known failure, and on no other."""

import sys

import pytest
import torch

from symgeom.ground.torchvision_door import OPERATORS_MISSING, import_torchvision


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that puts a package named torchvision before the real one."""
    held = {
        name: sys.modules.pop(name)
        for name in list(sys.modules)
        if name.partition(".")[0] == "torchvision"
    }
    monkeypatch.syspath_prepend(tmp_path)

    def write(source):
        (tmp_path / "torchvision.py").write_text(source)

    yield write
    sys.modules.pop("torchvision", None)
    sys.modules.update(held)


REGISTER = "import torch\nused = torch.library.register_fake\n"


def test_door_replaces_nothing_where_torchvision_fits(package):
    package(REGISTER)
    assert import_torchvision().used is torch.library.register_fake


def test_door_opens_where_the_operators_are_missing(package):
    package(
        f"{REGISTER}@torch.library.register_fake('torchvision::nms')\n"
        "def meta_nms(boxes): return 'plain'\n"
    )
    register_fake = torch.library.register_fake
    door = import_torchvision()
    assert door.used is not register_fake
    assert door.meta_nms(None) == "plain"
    assert torch.library.register_fake is register_fake


def test_door_stays_shut_on_any_other_failure(package):
    package(f"raise RuntimeError({OPERATORS_MISSING.replace('nms', 'roi_align')!r})")
    with pytest.raises(RuntimeError, match="roi_align"):
        import_torchvision()


def test_door_does_not_hide_a_second_failure(package):
    package(
        "import torch\n"
        "if torch.library.register_fake.__module__ == 'torch.library':\n"
        f"    raise RuntimeError({OPERATORS_MISSING!r})\n"
        "raise RuntimeError('another fault')"
    )
    register_fake = torch.library.register_fake
    with pytest.raises(RuntimeError, match="another fault"):
        import_torchvision()
    assert torch.library.register_fake is register_fake
