"""Arms that spend the budget of another arm: which chains of them can be trained."""

from collections.abc import Iterator, Mapping, MutableMapping

from symgeom.study.planning.merging import without_null
from symgeom.study.planning.options import BUDGET, IMPORTED
from symgeom.study.planning.sources import Fault, value_at

ROLE = "equal_budget"
"""The role of an arm that is the reference at the flat arm's budget."""

TWO_STAGES = "adv"
"""The method whose seeds begin with a stage of its own, on random labels."""


def leave_out_with_lenders(config: Mapping) -> None:
    """Leave out every arm that spends the budget of an arm that a later file has left out.

    Parameters
    ----------
    config : mapping
        The merged configuration, whose arms are null where they are left out; it is changed. The
        role "equal_budget" goes with its arm. What is no section is left to the schema.
    """
    arms = config.get("arms")
    if not isinstance(arms, MutableMapping):
        return
    left_out = [arm for arm, recipe in arms.items() if recipe is None]
    for _ in range(len(arms)):  # the arm that spends the budget of one that goes with another
        for arm, recipe in arms.items():
            if isinstance(recipe, Mapping) and recipe.get(BUDGET) in left_out:
                arms[arm] = None
                left_out.append(arm)
    control = value_at(config, ["claims", "roles", ROLE])
    if isinstance(control, str) and control in left_out:
        config["claims"]["roles"][ROLE] = None


def faults_of_budgets(config: Mapping) -> Iterator[Fault]:
    """Yield which arms cannot spend the budget that they name.

    Parameters
    ----------
    config : mapping
        A configuration that fits the schema.

    Yields
    ------
    (sequence of str or int, str)
        A key, after those above it, and what is wrong with it.
    """
    arms = config["arms"]
    for arm, recipe in arms.items():
        if BUDGET not in recipe:
            continue
        fault = _fault(arms, arm)
        if fault:
            yield ["arms", arm, BUDGET], fault
        if "epochs" in recipe:
            fault = (
                f"is {recipe['epochs']}, but how long the arm trains follows from the budget of "
                f"arm '{recipe[BUDGET]}'. Leave one of the two keys out."
            )
            yield ["arms", arm, "epochs"], fault


def faults_of_equal_budgets(config: Mapping) -> Iterator[Fault]:
    """Yield why the control at equal compute is none: it may differ in nothing but the budget.

    Parameters
    ----------
    config : mapping
        A configuration whose roles are arms.

    Yields
    ------
    (sequence of str or int, str)
        A key, after those above it, and what is wrong with it.
    """
    roles = without_null(config["claims"]["roles"])
    if ROLE not in roles:
        return
    arms = config["arms"]
    control = arms[roles[ROLE]]
    reference = arms[roles["reference"]]
    names = sorted({*control, *reference} - {BUDGET, "epochs"})
    differing = [name for name in names if control.get(name) != reference.get(name)]
    advice = f"Correct it, or leave it out (arms.{roles[ROLE]}: null, claims.roles.{ROLE}: null)."
    if differing:
        fault = (
            f"is '{roles[ROLE]}', which differs from the reference '{roles['reference']}' in "
            f"{', '.join(differing)}, but only its budget may differ. {advice}"
        )
        yield ["claims", "roles", ROLE], fault
    if control.get(BUDGET) != roles["flat"]:
        fault = (
            f"is '{roles[ROLE]}', whose {BUDGET} is {control.get(BUDGET)!r} and not the flat arm "
            f"'{roles['flat']}'. {advice}"
        )
        yield ["claims", "roles", ROLE], fault


def _fault(arms: Mapping[str, Mapping], arm: str) -> str:
    """Say why an arm cannot spend the budget of another one, if it cannot."""
    lender = arms[arm][BUDGET]
    if lender not in arms:
        return (
            f"names the arm {lender!r}, which is not among the arms: {', '.join(arms)}. Correct "
            f"it, or leave the arm out (arms.{arm}: null)."
        )
    if lender == arm:
        return "names its own arm. Name the arm whose budget it shall spend."
    if arms[lender]["method"] == IMPORTED:
        return (
            f"names the arm '{lender}', whose minima were trained elsewhere, at a cost that is not "
            "known. Name an arm that is trained here."
        )
    for name in (arm, lender):
        if arms[name]["method"] == TWO_STAGES:
            return (
                f"is '{lender}', but arm '{name}' begins with a stage on random labels, whose cost "
                "no other arm has. Name arms of other methods, or leave the key out."
            )
    if arm in _lenders_after(arms, arm):
        return (
            f"is '{lender}', whose own budget follows from arm '{arm}' in turn: neither could be "
            "trained first. Take the key from one of them."
        )
    return ""


def _lenders_after(arms: Mapping[str, Mapping], arm: str) -> list[str]:
    """Return the arms whose budgets decide that of an arm, up to the first that comes again."""
    lenders: list[str] = []
    last = arm
    while BUDGET in arms.get(last, {}):
        last = arms[last][BUDGET]
        if last in lenders:
            break
        lenders.append(last)
    return lenders
