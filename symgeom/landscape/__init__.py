"""Landscape: loss and error as functions of the parameters, along paths, on planes, and around minima."""
