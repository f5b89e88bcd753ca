"""Weights in files, as people have them: read and checked against their network, and written.

From the file to the network: which ``files``, in which form (``forms``: ``safetensors_file``,
``torch_file``, ``npz_file``), and what it holds, of which nothing is executed; which of its
``parts`` is meant, and what its tensors are called (``names``); whether they are ordinary
``numbers`` of the network's shapes, and in which precision. ``reading`` puts this together in one
``record``, after which ``writing`` writes weights that have changed.
"""
