"""The report of a study: one HTML file that holds everything a reader wants first.

It needs nothing beside it. What it says is gathered as plain data: the figures (``pictures``), and
the minima, alignments, barriers and data of every case (``facts``, from ``tables``). The page's
look is a set of Jinja templates, a style sheet and a script in ``workflow/report``, which ``page``
fills in; ``writing`` puts all together. Figures are embedded; the page asks the network for nothing
and reads the same without its script, which sorts tables and enlarges figures.
"""
