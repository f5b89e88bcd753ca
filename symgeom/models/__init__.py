"""Models whose theory is known.

* ``perceptron``: the spherical negative perceptron, whose geodesics are exact;
* ``two_layer``: networks of two layers on white data, whose charges and Hessians have closed forms;
* ``noise``: models whose noise equilibrium under SGD is known;
* ``labels``: arrays with their dimensions, units and meanings.
"""
