"""What ``symgeom`` does in a terminal: one file for each command.

Each has ``add``, which says the words of the command, and ``run``, which does it and returns the
exit status:

* ``inspect_network``: ``symgeom inspect``, by way of ``network_report``;
* ``compare_files``: ``symgeom compare``, by way of ``comparison_text`` and ``comparison_page``;
* ``align_files``: ``symgeom align``, by way of ``aligning``; ``merge_files``: ``symgeom merge``, by
  way of ``merging``;
* ``flatness_of_files``, ``charges_of_files``, ``balance_file``: ``symgeom flatness``, ``charges``
  (by way of ``charge_facts``) and ``balance`` (by way of ``balancing``);
* ``draw_from_study``: ``symgeom draw``;
* ``verify_files``: ``symgeom verify``;
* ``show_keys``: ``symgeom keys``.

Commands on files of weights share their words and how files are opened (``files_in_hand``), and how
they answer (``saying``); what they measure is :mod:`symgeom.study.in_hand`. ``words`` says how the
words of all commands are read.

What is slow to import is imported in ``run``, so that a command waits for what it needs alone.
"""
