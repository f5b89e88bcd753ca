"""Ground: what everything stands on. Types, checks, named random streams, whole files, the door to torchvision."""
