"""Ground: what everything stands on, and what knows nothing of symmetries.

* ``types``: one network is a mapping of tensors;
* ``checks``: errors that say what cannot be done, what was found, and what to do;
* ``doors``, ``judges``: what public functions are given is of the kind that they say;
* ``architecture``: names and shapes of tensors, by which other networks are refused;
* ``modules``: the user's network is run, and named if it fails;
* ``randomness``: random streams by name;
* ``near_names``: a name that does not exist is answered with the nearest that does;
* ``own_code``: the user's own code by its import path;
* ``on_demand``: values that are computed when they are asked for;
* ``whole_files``: a file is written whole or not at all;
* ``sealed``, ``sealed_json``: zip files and JSON with a checksum of their content;
* ``checksums``: lists of checksums beside files that have no room for one;
* ``torchvision_door``: the only import of torchvision.
"""
