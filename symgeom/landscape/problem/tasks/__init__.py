"""What the outputs of a network answer, and when an answer is wrong: one record per task.

A record (:class:`~symgeom.landscape.problem.tasks.task.Task`) says which outputs and targets it
takes, its loss, and which share of a sample's answers is wrong. Every loss is a mean over the
answers of a sample, so that the loss of a mini-batch is a mean over samples, as theory takes it to
be. To add a task, write its file and name it in
:mod:`~symgeom.landscape.problem.tasks.catalogue`.
"""

from symgeom.landscape.problem.tasks.catalogue import LOSSES, TASKS, choose_task, wrong_answers
from symgeom.landscape.problem.tasks.task import Task

__all__ = ["LOSSES", "TASKS", "Task", "choose_task", "wrong_answers"]
