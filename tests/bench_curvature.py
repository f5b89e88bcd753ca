"""Speed and memory of curvature, for `make bench`: leading Hessian eigenvalues against PyHessian,
and many products in a row.

PyHessian is not a dependency: where it can be imported it is measured, in both of its modes; where
not, power iteration with deflation as it does it (start, stopping rule, limit) on our products,
which keep the graph as its faster mode does. Network and data: an MLP 64-32-32-10 (3466 parameters)
and 2048 samples, float64, one thread, as initialised and after training. Figures are of this
machine; compare ratios, not digits. Nothing here is a test.
"""

import importlib.util
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from cases import batch, mlp
from torch import Tensor, nn

from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.flatness.hessian import hessian_eigenvalues, hessian_vector_product
from symgeom.landscape.problem import Problem

WIDTHS, SAMPLES, COUNT, REPETITIONS, PRODUCTS = (64, 32, 32, 10), 2048, 5, 5, 1000
LIMIT, STOP = 100, 1e-3
"""Of PyHessian: iterations per eigenvalue, and the relative change of its value at which it
stops."""


def trained(steps: int) -> tuple[nn.Module, Problem]:
    """Return a network after some steps of SGD on the labels of a smaller one, and its
    landscape."""
    module, (inputs, _) = mlp(*WIDTHS), batch(SAMPLES, WIDTHS[0], WIDTHS[-1])
    targets = (2 * mlp(64, 16, 10, seed=5)(inputs)).argmax(1)
    solver, order = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9), stream("batches")
    for _ in range(steps):
        index = torch.randint(SAMPLES, (128,), generator=order)
        solver.zero_grad()
        nn.functional.cross_entropy(module(inputs[index]), targets[index]).backward()
        solver.step()
    return module, Problem(module, inputs, targets)


def say(line: str) -> None:
    """Write one line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Return the median processor time of an action in seconds, which other programs disturb
    less, and its last result."""
    times = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        result = action()
        times.append(time.process_time() - start)
    return statistics.median(times), result


def power_iteration(problem: Problem, params: dict[str, Tensor]) -> list[float]:
    """Find eigenvalues one after the other, each by power iteration outside the span of those
    before."""
    product = hessian_vector_product(problem, params)
    values, vectors = (
        [],
        torch.empty(0, sum(tensor.numel() for tensor in params.values()), dtype=torch.float64),
    )
    for _ in range(COUNT):
        vector, value = torch.randn(vectors.shape[1], dtype=torch.float64), None
        vector /= vector.norm()
        for _ in range(LIMIT):
            vector = vector - vectors.T @ (vectors @ vector)
            vector /= vector.norm()
            image = product(vector)
            before, value = value, float(image @ vector)
            vector = image / image.norm()
            if before is not None and abs(before - value) / (abs(before) + 1e-6) < STOP:
                break
        values, vectors = [*values, value], torch.cat([vectors, vector[None]])
    return values


def pyhessian(module: nn.Module, problem: Problem, *, loader: bool) -> list[float]:
    """Find eigenvalues as PyHessian does: on one batch, whose graph it keeps, or on batches of
    256."""
    from pyhessian import hessian

    pairs = torch.utils.data.TensorDataset(problem.inputs, problem.targets)
    data = (
        {"dataloader": torch.utils.data.DataLoader(pairs, batch_size=256)}
        if loader
        else {"data": pairs[:]}
    )
    return hessian(module, nn.CrossEntropyLoss(), cuda=False, **data).eigenvalues(
        maxIter=LIMIT, tol=STOP, top_n=COUNT
    )[0]


def compare(steps: int) -> None:
    """Print times, ratios and errors on one network."""
    module, problem = trained(steps)
    params = parameters(module)
    exact = hessian_eigenvalues(
        problem, params, count=COUNT, tolerance=1e-10, generator=stream("exact")
    ).values
    rivals = {"power iteration with deflation": lambda: power_iteration(problem, params)}
    if importlib.util.find_spec("pyhessian"):
        rivals = {
            "PyHessian, one batch": lambda: pyhessian(module, problem, loader=False),
            "PyHessian, batches of 256": lambda: pyhessian(module, problem, loader=True),
        }
    seconds, found = timed(
        lambda: hessian_eigenvalues(problem, params, count=COUNT, generator=stream("start"))
    )
    error = float((found.values - exact).abs().max() / exact[0])
    say(
        f"after {steps} steps of SGD: {COUNT} eigenvalues in {seconds:.3f} s, "
        f"{found.matvecs} products, error {error:.1e}"
    )
    for name, action in rivals.items():
        other, values = timed(action)
        wrong = float((torch.tensor(sorted(values, reverse=True)) - exact).abs().max() / exact[0])
        say(f"  {name}: {other:.3f} s, error {wrong:.1e}; {other / seconds:.1f} times as long")


def memory() -> None:
    """Print the growth of the process over many products."""
    module, problem = trained(0)
    for chunk in (SAMPLES, 1500):
        product = hessian_vector_product(
            Problem(module, problem.inputs, problem.targets, chunk=chunk), parameters(module)
        )
        vector = torch.randn(
            sum(tensor.numel() for tensor in module.parameters()), dtype=torch.float64
        )
        for _ in range(20):
            product(vector)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = time.process_time()
        for _ in range(PRODUCTS):
            product(vector)
        seconds = (time.process_time() - seconds) / PRODUCTS
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        say(
            f"chunks of {chunk}: {1000 * seconds:.1f} ms per product, {growth:.1f} MiB "
            f"more after {PRODUCTS}"
        )


def main() -> None:
    """Print everything."""
    warnings.filterwarnings(
        "ignore", message="Using backward\\(\\) with create_graph=True"
    )  # PyHessian's
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # PyHessian's vectors are of the default precision
    torch.manual_seed(0)  # and its randomness of the global generator
    if not importlib.util.find_spec("pyhessian"):
        say("PyHessian is not installed; compared with the same algorithm instead")
    for steps in (0, 300, 1000):
        compare(steps)
    memory()


if __name__ == "__main__":
    main()
