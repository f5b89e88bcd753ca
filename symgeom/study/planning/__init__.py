"""Planning: what a configuration asks for, how it is split into jobs, and what each job depends on.

The rules of the workflow use it, so that they hold next to no Python. Nothing here imports torch.
"""
