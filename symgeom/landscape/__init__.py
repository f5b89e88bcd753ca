"""Landscape: loss and error as functions of parameters, on paths and planes, and around minima."""
