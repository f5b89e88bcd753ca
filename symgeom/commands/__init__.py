"""What ``symgeom`` does in a terminal: one file for each command.

Each has ``add``, which says the words of the command, and ``run``, which does it and returns the
exit status:

* ``inspect_network``: ``symgeom inspect``, by way of ``network_report``;
* ``compare_files``: ``symgeom compare``, by way of ``comparison``, which measures, and
  ``comparison_facts``, ``comparison_text`` and ``comparison_page``, which say it;
* ``align_files``: ``symgeom align``, by way of ``aligning``; ``merge_files``: ``symgeom merge``, by
  way of ``merging``;
* ``flatness_of_files``, ``charges_of_files``, ``balance_file``: ``symgeom flatness``, ``charges``
  (by way of ``charge_facts``) and ``balance`` (by way of ``balancing``);
* ``draw_from_study``: ``symgeom draw``;
* ``verify_files``: ``symgeom verify``;
* ``show_keys``: ``symgeom keys``.

Commands on files of weights share their words and how they are opened (``files_in_hand``, by way of
``opening``, and of ``narrower`` for files of a narrower network), what they ask of the stages of
studies (``settings``), and how they answer (``saying``). ``words`` says how the words of all
commands are read.

What is slow to import is imported in ``run``, so that a command waits for what it needs alone.
"""
