"""Landscape: loss and error as functions of parameters, along paths, and around minima."""
