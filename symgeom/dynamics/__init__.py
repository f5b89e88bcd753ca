"""Dynamics: what gradient flow conserves, what moves it, and where the noise of SGD drives it."""
