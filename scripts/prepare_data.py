"""Read a data set, split it, and store it as labelled arrays with what is known of it."""

from collections.abc import Mapping

import xarray as xr
from _labels import names
from _launch import launch

from symgeom.store import write_store
from symgeom.study.datasets import load


def main(*, recipe: Mapping, root: str, data: str, config_digest: str) -> None:
    loaded = load(recipe["name"], root=root, options=recipe.get("options", {}))
    arrays = {}
    for split, counts in zip(("train", "test"), loaded.class_counts, strict=True):
        inputs, targets = getattr(loaded, f"{split}_inputs"), getattr(loaded, f"{split}_targets")
        features = [f"feature{axis}" for axis in range(inputs.ndim - 1)]
        described = {"units": "1", "long_name": f"{split} inputs"}
        arrays[f"{split}_inputs"] = ([f"{split}_sample", *features], inputs.numpy(), described)
        arrays[f"{split}_targets"] = (
            f"{split}_sample",
            targets.numpy(),
            {"units": "1", "long_name": f"{split} classes"},
        )
        arrays[f"{split}_class_count"] = (
            "class",
            list(counts),
            {"units": "1", "long_name": f"{split} samples of each class"},
        )
    arrays["black"] = (
        "channel",
        list(loaded.black),
        {"units": "1", "long_name": "what an input of 0 has become"},
    )
    classes = names(
        "class", loaded.class_names or [str(label) for label in range(loaded.classes)], "class"
    )
    attrs = {
        "data_set": loaded.name,
        "classes": loaded.classes,
        "checksum": loaded.checksum,
        "ignored_files": loaded.ignored,
    }
    attrs |= {"mean": list(loaded.mean), "deviation": list(loaded.deviation)}
    write_store(
        data, xr.Dataset(arrays, classes, attrs=attrs), config_digest=config_digest, seeds=[]
    )


if __name__ == "__main__":
    launch(main, snakemake)
