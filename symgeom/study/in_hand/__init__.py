"""Networks in hand: a study in memory of files that somebody has.

``opening`` reads network, data and files (by their ``labels``), finds and certifies the symmetries,
refuses what does not belong together, and ends in a ``record`` of all that. A network may be
``described`` by a file beside its weights, or by its name in timm, and ``described_inputs`` are
what it takes; ``drawn_inputs`` stand in for data; files of a ``narrower`` network are written as
those of a wider one. ``comparison`` asks the stages of studies how far networks are apart, what
lies between them and how flat they are, by the ``settings`` of the default study; ``facts`` says it
in plain numbers. The commands of the terminal stand on this.
"""
