"""The stages of a study, one file each.

``measure`` takes what was computed before and returns labelled arrays. A script of the workflow
reads stores, calls a stage and writes what it returns; nothing here knows of Snakemake.
"""
