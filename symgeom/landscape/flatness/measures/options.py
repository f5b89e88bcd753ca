"""Options of the configuration that several measures read, and what their schemas share."""

from symgeom.landscape.flatness.measures.record import Option

POSITIVE = {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}
SWITCH = {"type": "boolean"}
SAMPLES = {"$ref": "#/$defs/samples"}
PRECISION = {"$ref": "#/$defs/precision"}

AMPLITUDES = Option(
    "amplitudes",
    {"type": "array", "minItems": 2, "uniqueItems": True, "items": POSITIVE},
    "standard deviations of the noise of the local energy; for binary weights, probabilities of a "
    "flip",
)
DRAWS = Option(
    "draws",
    {"type": "integer", "minimum": 2},
    "noise draws per amplitude, and random directions of the escape angle",
)
LAYERS = Option(
    "layers",
    SWITCH,
    "whether to measure each layer alone, too: its margins, and its local energy at the middle "
    "amplitude",
)
ASCENT_STEPS = Option(
    "ascent_steps",
    {"type": "integer", "minimum": 1},
    "steps of ascent to the worst point nearby; 1 is that of SAM",
)
TOLERANCE = Option(
    "eigenvalue_tolerance",
    POSITIVE,
    "largest residual of an eigenvalue, relative to the largest eigenvalue",
)
PROBES = Option(
    "probes",
    {
        "expected": "0 (no traces), or at least 2",
        "type": "integer",
        "minimum": 0,
        "not": {"const": 1},
    },
    "random vectors for traces: of the Hessian, relative to the weights, and on the torus",
)
