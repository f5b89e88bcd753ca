r"""Models whose noise equilibrium under SGD is known in closed form.

SGD with learning rate :math:`\eta`, batches of :math:`S` samples and the penalty
:math:`\gamma\lVert\theta\rVert^2` (the weight decay of torch is :math:`2\gamma`) moves the charges
of exact symmetries by the covariance of its gradients, until noise and decay balance.

* ``linear``: networks of linear layers, in closed form and under SGD and gradient descent;
* ``product``, ``product_descent``: one hidden weight, its stationary law and its collapse;
* ``scale_invariant``: networks whose function does not depend on lengths of their weights;
* ``alignment``: how alike the two sides of hidden units are;
* ``descent``: SGD of any loss of many networks;
* ``experiments``: what is done with them.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193). Constants are derived anew and differ from the printed ones where
the modules say so.
"""
