"""What the papers claim, and what a study's numbers say about it.

A :class:`~symgeom.study.claims.claim.Claim` is a record: a sentence, its source, the number that
decides it, a threshold, the stages that it needs and the function that computes the number from
them. Each file of claims holds those of one question: ``flatness`` (H1), ``distances`` (H2),
``barriers`` (H3), ``chains`` (H4), ``margin``, ``star`` (H6), ``matching``, ``controls``,
``dynamics`` (C1, C2: charges), ``noise`` (N1: the force of SGD's noise), ``displacements``
(N-trace: distance to the noise equilibrium), ``orbits`` (N2: where a valley is flattest),
``valley`` (C3 to C6), ``ensembles`` (E: on test data), ``robustness`` (R: attacked) and, of models,
``theory``, ``noise_linear`` (L), ``noise_flow`` (P) and ``noise_nonlinear``. ``registry`` lists
them in the order of the table.

``evaluate`` makes a :class:`~symgeom.study.claims.record.Judgement` of each: an estimate with an
interval, from which the verdict follows. Intervals leave one network out (``jackknife``), also
where the unit is a pair, because pairs share networks (``selection``, ``question``). What is
averaged over arms shall hold whichever arm is left out (``averages``), correlations are those
within arms (``correlation``), and all claims of a study are tested together (``family``).
"""
