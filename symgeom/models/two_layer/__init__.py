"""Networks of two layers on white data, in which every charge and every Hessian is known in closed form."""

from symgeom.models.two_layer.model import ACTIVATIONS, Activation, Descent, charges_of, descend

__all__ = ["ACTIVATIONS", "Activation", "Descent", "charges_of", "descend"]
