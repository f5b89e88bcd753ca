"""The figures of a study: one file per figure, which ends in its record.

:mod:`.catalogue` lists them, :mod:`.record` says what a record holds. :mod:`.drawing` draws all
figures of a case, :mod:`.single` draws one by name. :mod:`.results` and :mod:`.selection` say which
networks and pairs a figure shows; :mod:`.style`, :mod:`.axes`, :mod:`.keys` and :mod:`.series` are
what figures are made of, in one look. :mod:`.wiring_drawing` draws the symmetry graph of a network.
No figure computes science: what it shows is in the stores, or a summary of it over networks.

Only this package imports matplotlib, and only to draw: reading the catalogue loads neither
matplotlib nor torch nor xarray.
"""
