"""Learning: networks, optimizers, and training them to minima."""
