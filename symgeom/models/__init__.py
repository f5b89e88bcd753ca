"""Models whose theory is known.

* ``perceptron``: the spherical negative perceptron, whose geodesics are exact;
* ``ellipse``: two weights, whose charge and loss are coordinates of the plane;
* ``two_layer``: networks of two layers on white data, whose charges and Hessians have closed forms;
* ``noise``: models whose noise equilibrium under SGD is known;
* ``labels``: arrays with their dimensions, units and meanings.
"""
