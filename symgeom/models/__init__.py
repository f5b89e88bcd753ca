"""Models whose theory is known: the spherical perceptron, and networks of two layers."""
