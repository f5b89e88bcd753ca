"""What the papers claim, and what a study's numbers say about it.

A claim is one number with an interval and a threshold, and its verdict follows from the interval
(``record``). Intervals are bootstrapped over networks (``bootstrap``), also where the unit is a
pair, because pairs share networks (``selection``, ``question``). The claims themselves are small
functions of labelled arrays: ``flatness`` (H1), ``geometry`` (H2 to H4: distances, barriers,
chains) and ``dynamics`` (C1, C2, N1: charges, the noise equilibrium). ``evaluate`` judges all of
them.
"""
