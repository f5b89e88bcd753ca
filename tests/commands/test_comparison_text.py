"""What tables of text say of single cases."""

import math

from symgeom.commands.comparison_text import text_of


def test_a_path_that_does_not_exist_is_explained():
    lost = {"barrier": math.nan, "loss_barrier": math.nan}
    pair = {
        "first": "a",
        "second": "b",
        "distance": {"before": 1.5, "aligned": 1.2},
        "controls": {"random networks": {"before": 1.6, "aligned": 1.4}},
        "groups": {},
        "paths": {"geodesic both": {"title": "geodesic", "train": lost, "test": lost}},
    }
    known = {"network": "mlp", "weights": 10, "groups": [], "data": None}
    certificate = {"residual": 1e-15, "tolerance": 1e-10}
    facts = {**known, "certificate": certificate, "files": {"a": {}}, "ends": {}, "pairs": [pair]}
    lines = text_of(facts).splitlines()
    assert "geodesic            -           -           -          -" in lines
    assert "- no geodesic is singled out, because a unit is antipodal in both networks" in lines
    assert (
        "from 1.500 to 1.200 rad; a random network in the place of the second comes to 1.400"
        in (text_of(facts))
    )
