"""A study: its data sets, stages, claims, figures, and its report."""
