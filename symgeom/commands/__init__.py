"""What ``symgeom`` does in a terminal: one file for each command.

Each has ``add``, which says the words of the command, and ``run``, which does it and returns the
exit status:

* ``inspect_network``: ``symgeom inspect``, by way of ``network_report``;
* ``draw_from_study``: ``symgeom draw``;
* ``verify_files``: ``symgeom verify``;
* ``show_keys``: ``symgeom keys``;
* ``words``: how the words of commands are read.

What is slow to import is imported in ``run``, so that a command waits for what it needs alone.
"""
