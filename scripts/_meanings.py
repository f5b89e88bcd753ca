"""Units and meanings of what is measured around a minimum."""

NOISES = {
    "local_energy": "relative to each weight (of binary weights: signs that flip with this probability)",
    "torus_energy": "isotropic on the torus",
    "additive_energy": "added to the weights as trained, in units of their root mean square",
    "rescaled_energy": "of the same size, added to a rescaled copy that computes the same function",
}
"""Local energies by name, and the noise of each."""

PARTS = {
    "": ("error_increase", "1", "mean increase of the training error"),
    "_standard_error": (
        "standard_error",
        "1",
        "standard error over draws of the increase of the training error",
    ),
    "_loss": ("loss_increase", "nat", "mean increase of the training loss"),
}
"""What is kept of each: the ending of its name, the attribute, unit and meaning."""

CURVES = {
    f"{name}{ending}": (unit, f"{what} under noise {noise}")
    for name, noise in NOISES.items()
    for ending, (_, unit, what) in PARTS.items()
}
CURVES |= {
    "layer_energy": ("1", "mean increase of the training error under relative noise on one layer"),
    "margin": ("1", "margin of the training samples on the canonical network, by quantile"),
    "layer_margin": (
        "1",
        "smallest relative change of one layer's weights to another decision, to first order, by quantile",
    ),
    "spectral_margin": ("1", "the same over the product of the spectral norms of the layers"),
}

ERROR = "standard error over random probes of the "
CURVATURES = {
    "eigenvalue": ("nat/weight^2", "largest eigenvalues of the Hessian of the training loss"),
    "eigenvalue_residual": ("nat/weight^2", "residual of the eigenvalue"),
    "trace": ("nat/weight^2", "trace of the Hessian"),
    "trace_standard_error": ("nat/weight^2", f"{ERROR}trace"),
    "relative_eigenvalue": ("nat", "largest curvature under changes in proportion to each weight"),
    "relative_trace": ("nat", "trace of the curvature under changes in proportion to each weight"),
    "relative_trace_standard_error": ("nat", f"{ERROR}relative trace"),
    "torus_eigenvalue": ("nat/rad^2", "largest curvature on the torus"),
    "torus_trace": ("nat/rad^2", "trace of the curvature on the torus"),
    "torus_trace_standard_error": ("nat/rad^2", f"{ERROR}trace on the torus"),
    "sharpness": ("nat", "largest increase of the loss found within the radius"),
    "adaptive_sharpness": ("nat", "largest increase of the loss found within the relative radius"),
    "layer_trace": ("nat/weight^2", "trace of the Hessian of one layer"),
    "density_node": ("nat/weight^2", "nodes of the spectral density of the Hessian"),
    "density_weight": ("1", "weights of the nodes, 1 in total for each probe"),
}
"""Units and meanings."""

DIMS = dict.fromkeys(CURVES, ("amplitude",)) | {
    "layer_energy": ("layer",),
    "layer_margin": ("layer", "quantile"),
}
DIMS |= dict.fromkeys(("margin", "spectral_margin"), ("quantile",))
DIMS |= {"eigenvalue": ("rank",), "eigenvalue_residual": ("rank",), "layer_trace": ("layer",)}
DIMS |= {"density_node": ("probe", "step"), "density_weight": ("probe", "step")}
