"""All tasks, and the one that outputs and targets belong to."""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.landscape.problem.tasks.binary import BINARY
from symgeom.landscape.problem.tasks.classes import CLASSES
from symgeom.landscape.problem.tasks.other import OTHER
from symgeom.landscape.problem.tasks.positions import PIXELS, TOKENS
from symgeom.landscape.problem.tasks.regression import REGRESSION
from symgeom.landscape.problem.tasks.task import Task

OF_CLASSES = (CLASSES, PIXELS, TOKENS)
"""Tasks that whole numbers as targets tell apart by their shape."""

TASKS = {task.name: task for task in (*OF_CLASSES, BINARY, REGRESSION, OTHER)}
"""By name."""

LOSSES = tuple(task.losses for task in TASKS.values() if task.losses is not None)
"""Those that are no user's own."""


def choose_task(name: str | None, outputs: Tensor, targets: Tensor, *, has_own_loss: bool) -> Task:
    """Return the task with a name, or the one that outputs and targets belong to.

    Parameters
    ----------
    name : str or None
        What the user says.
    outputs : Tensor, shape (1, ...)
        Those of one sample.
    targets : Tensor, shape (sample, ...)
        Those of all samples.
    has_own_loss : bool
        Whether the user gives a loss; any outputs and targets may then belong together.

    Returns
    -------
    Task
        Its record.

    Raises
    ------
    SymgeomError
        If the name is unknown, outputs and targets do not fit the task, or the user says neither
        task nor loss and not exactly one task of classes fits.

    Examples
    --------
    >>> choose_task(None, torch.ones(1, 3), torch.tensor([0, 2]), has_own_loss=False).name
    'classes'
    >>> pixels = torch.zeros(2, 8, 8).long()
    >>> choose_task(None, torch.ones(1, 3, 8, 8), pixels, has_own_loss=False).name
    'pixels'
    """
    if name is not None:
        check_choice(name, TASKS, "task")
        task = TASKS[name]
        if task is OTHER and not has_own_loss:
            raise SymgeomError("Cannot compute a loss for the task 'other': give a sample_loss.")
        _check(task, outputs, targets)
        return task
    fitting = [task for task in OF_CLASSES if not task.fault(outputs, targets)]
    if len(fitting) == 1:
        return fitting[0]
    if has_own_loss:
        return OTHER
    if fitting:
        raise SymgeomError(
            f"Cannot tell which axis of outputs of shape {tuple(outputs.shape[1:])} holds the "
            f"classes of targets of shape {tuple(targets.shape[1:])}: choose task='pixels' (the "
            "first of them, as torch has it) or task='tokens' (the last)."
        )
    nearest = CLASSES
    if targets.ndim > 1 and targets.dtype == torch.int64:
        positions_last = outputs.shape[2:] == targets.shape[1:]
        nearest = PIXELS if positions_last else TOKENS
    _check(nearest, outputs, targets)
    return nearest


def _check(task: Task, outputs: Tensor, targets: Tensor) -> None:
    """Raise unless outputs and targets fit a task."""
    fault = task.fault(outputs, targets)
    if not fault:
        return
    others = [f"'{name}'" for name in TASKS if name != task.name]
    raise SymgeomError(
        f"Cannot use a network with outputs of shape {tuple(outputs.shape[1:])} per sample for "
        f"targets of shape {tuple(targets.shape)} and type {targets.dtype} in the task "
        f"'{task.name}' ({task.title}): {fault}. Other tasks are {', '.join(others)}."
    )


def wrong_answers(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of wrong answers of each sample, or raise if no answer is wrong.

    Parameters
    ----------
    task : Task
        What the outputs answer.
    outputs, targets : Tensor, shapes (sample, ...)
        Answers, and what is right.

    Returns
    -------
    Tensor, shape (sample,)
        In float64.

    Raises
    ------
    SymgeomError
        If the task has no wrong answers.

    Examples
    --------
    >>> wrong_answers(CLASSES, torch.eye(2), torch.tensor([0, 0]))
    tensor([0., 1.], dtype=torch.float64)
    """
    if task.wrong is None:
        kind = "real numbers" if targets.is_floating_point() else f"of {targets.dtype}"
        raise SymgeomError(
            f"Cannot count misclassified samples: the targets are {kind} of shape "
            f"{tuple(targets.shape)}, and in the task '{task.name}' ({task.title}) no answer "
            "is right or wrong. Use the loss (values='loss' of a profile), or choose the task "
            "(task='binary' for logits of 0 and 1)."
        )
    return task.wrong(outputs, targets)
