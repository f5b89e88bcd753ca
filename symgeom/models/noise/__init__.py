"""Models of the noise of SGD whose theory is known."""
