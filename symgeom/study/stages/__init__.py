"""The stages of a study, one file each.

``measure`` takes what was computed before and returns labelled arrays. A script of the workflow
reads stores, calls a stage and writes what it returns; nothing here knows of Snakemake.

A study by hand is a few calls, in this order: :mod:`.data`, :mod:`.symmetry`, :mod:`.training` (or
:mod:`.imports`), :mod:`.canonical`, :mod:`.alignments`, and then whatever is asked of the minima
(:mod:`.flatness`, :mod:`.curvature`, :mod:`.equilibria`, :mod:`.orbits`, :mod:`.valleys`) or of
pairs of them (:mod:`.distances`, :mod:`.paths`, :mod:`.chains`, :mod:`.maps`).
"""
