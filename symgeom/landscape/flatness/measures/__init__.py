"""What a study measures around its minima: one record per file, and the sections that list them.

A record (:class:`.record.Measure`) says what its measure is called, which arrays it stores, what it
needs, which options of the configuration it reads, and how it appears in figures. The stages, their
stores, the figures, the schema of the configuration and the reference of its keys are made from
these records. To add a measure, write its file and name it in the section of its stage,
:mod:`.flatness_section` or :mod:`.curvature_section`.

Checking a configuration and drawing a figure read the records and compute nothing. Therefore no
record imports torch before it computes: ``compute`` itself imports what it calls.
"""
