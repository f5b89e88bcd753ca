"""Slow and obvious references that stand beside the fast code."""
