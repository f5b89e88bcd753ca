"""How flat the landscape is around a minimum.

One file per measure computes it: :mod:`.local_energies` and :mod:`.noise`, :mod:`.hessian` (with
:mod:`.eigenpairs`), :mod:`.trace`, :mod:`.density`, :mod:`.curvature`, :mod:`.worst_case`,
:mod:`.margin`, :mod:`.escape`. All of them take a problem and one network. Those that can be taken
of a single layer also take the tensors that :mod:`.parts` lists. :mod:`.measures` says which of
them a study takes of its minima, how they are stored and how they are shown.
"""
