"""Landscape: loss and error along paths, on planes, and around minima."""
