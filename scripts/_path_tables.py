"""Label what is kept of paths."""

from _along import Along
from _labels import labelled, names


def labels(along: Along) -> tuple[dict, dict]:
    """Label what was kept: of a slice, no barriers."""
    dims, grid = ("pair", "variant", "split"), ("pair", "variant", "split", "t")
    variables = {
        "loss": labelled(grid, along.loss, "nat", "loss along the path"),
        "error": labelled(grid, along.error, "1", "fraction misclassified along the path"),
    }
    barriers = {
        "barrier": labelled(
            dims, along.barrier, "1", "largest error above the line between the ends"
        ),
        "loss_barrier": labelled(
            dims, along.loss_barrier, "nat", "largest loss above the line between the ends"
        ),
        "peak": labelled(dims, along.peak, "1", "where the error is largest, t"),
    }
    coordinates = {"t": ("t", along.t.numpy())} | names(
        "variant", along.variants, "kind of path and symmetries removed"
    )
    variables |= barriers if along.whole else {}
    return variables, coordinates | names("split", along.splits, "part of the data")
