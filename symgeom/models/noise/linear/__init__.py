r"""Networks of linear layers on noisy labels of a linear teacher.

The network is :math:`W_D \cdots W_1`, the loss of a sample :math:`\lVert W_D\cdots W_1 x -
y\rVert^2`, and labels are :math:`y = Vx + \varepsilon`. Many networks are descended at once: the
first axis of all tensors is the network.

* ``teacher``: what samples are drawn from, and a batch with the moments of all of them;
* ``starts``: weights to start from;
* ``descent``: SGD and gradient descent;
* ``two_layers``: the noise equilibrium of two layers, with decay, and their sharpness;
* ``deep``: that of any number of layers;
* ``roots``: roots of matrices.
"""
