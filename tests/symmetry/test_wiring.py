"""Which weight connects which units, counted by hand."""

import torch
from cases import Block, cifar_resnet, lenet, mlp, randomised, self_attention
from torch import nn

from symgeom.symmetry.discovery import discover
from symgeom.symmetry.wiring import SymmetryGraph, UnitNode, WeightEdge, symmetry_graph


def graph(module: nn.Module, *shape: int) -> SymmetryGraph:
    """Return the graph of a network for inputs of a shape."""
    example = torch.ones(2, *shape, dtype=torch.float64)
    return symmetry_graph(discover(module.double(), example), module, example)


def edges(found: SymmetryGraph) -> list[str]:
    """Write the edges in a line each."""
    return [
        f"{edge.step}: {'+'.join(edge.reads)} {edge.tensor} {'+'.join(edge.writes)}"
        for edge in found.edges
    ]


def test_a_chain():
    found = graph(lenet(), 1, 8, 8)
    assert edges(found) == [
        "1: inputs 0.weight hidden1",
        "2: hidden1 3.weight hidden2",
        "3: hidden2 6.weight hidden3",
        "4: hidden3 8.weight hidden4",
        "5: hidden4 10.weight outputs",
    ]
    assert found.nodes[0] == UnitNode("inputs")
    assert found.nodes[2] == UnitNode("hidden2", 5, "positive", permute=True, tensors=1)
    assert found.nodes[-1] == UnitNode("outputs", further=("positive",), tensors=1)


def test_a_residual_stream_is_one_node():
    found = graph(randomised(cifar_resnet(4, blocks=1, projection=True)), 3, 8, 8)
    assert edges(found) == [
        "1: inputs 0.weight hidden1",
        "2: hidden1 3.conv1.weight hidden2",
        "3: hidden2 3.conv2.weight hidden1",
        "4: hidden1 4.conv1.weight hidden3",
        "4: hidden1 4.shortcut.0.weight hidden4",
        "5: hidden3 4.conv2.weight hidden4",
        "6: hidden4 5.conv1.weight hidden5",
        "6: hidden4 5.shortcut.0.weight hidden6",
        "7: hidden5 5.conv2.weight hidden6",
        "8: hidden6 8.weight outputs",
    ]
    (stream,) = (node for node in found.nodes if node.name == "hidden1")
    assert stream == UnitNode(
        "hidden1", 4, "positive", permute=True, further=("positive", "positive"), tensors=8
    )  # 2 batch norms


def test_a_padded_shortcut_leaves_the_old_units_in_use():
    found = edges(graph(randomised(cifar_resnet(4, blocks=1)), 3, 8, 8))
    assert found[4] == "5: hidden3 4.conv2.weight hidden1+hidden4+hidden5"
    assert found[-1].startswith("8: hidden1+hidden4+hidden5+")


def test_a_concatenation_with_the_inputs():
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        return self.c(torch.cat([x, torch.relu(self.a(x))], 1))

    assert edges(graph(Block(forward, a=nn.Linear(3, 4), c=nn.Linear(7, 2)), 3)) == [
        "1: inputs a.weight hidden1",
        "2: hidden1+inputs c.weight outputs",
    ]


def test_a_weight_that_reads_and_writes_one_stream():
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        h = self.a(x)
        return self.c(h + torch.tanh(self.b(h)))

    found = edges(graph(Block(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 2)), 3))
    assert found[1] == "2: hidden1 b.weight hidden1"


def test_a_tied_weight_is_used_in_both_directions():
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(torch.relu(self.a(x)) @ self.b.weight)
        return self.c(torch.relu(h @ self.b.weight.t()))

    found = edges(
        graph(
            Block(forward, a=nn.Linear(3, 4), b=nn.Linear(5, 4, bias=False), c=nn.Linear(4, 2)), 3
        )
    )
    assert found[1:3] == ["2: hidden1 b.weight hidden2", "3: hidden2 b.weight hidden1"]


def test_a_weight_on_the_left_reads_its_last_axis():
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        return (self.c.weight @ torch.relu(self.a.weight @ x.transpose(0, 1))).transpose(0, 1)

    found = edges(graph(Block(forward, a=nn.Linear(3, 4), c=nn.Linear(4, 2)), 3))
    assert found == ["1: inputs a.weight hidden1", "2: hidden1 c.weight outputs"]


def test_positions_are_fixed_axes():
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        h = self.a(x)
        mixed = self.c(torch.relu(self.b(h.transpose(1, 2)))).transpose(1, 2)
        return self.d((h + mixed).mean(1))

    layers = {
        "a": nn.Linear(4, 6),
        "b": nn.Linear(5, 7),
        "c": nn.Linear(7, 5),
        "d": nn.Linear(6, 2),
    }
    found = graph(Block(forward, **layers), 5, 4)
    assert edges(found)[1:3] == ["2: fixed axes b.weight hidden2", "3: hidden2 c.weight fixed axes"]
    assert found.nodes[-2] == UnitNode("fixed axes")


def test_a_grouped_convolution_has_an_edge_for_each_region():
    layers = (
        nn.Conv2d(2, 6, 1),
        nn.ReLU(),
        nn.Conv2d(6, 4, 1, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 2),
    )
    assert edges(graph(nn.Sequential(*layers), 2, 2, 2)) == [
        "1: inputs 0.weight hidden1+hidden2",
        "2: hidden1 2.weight hidden3",
        "2: hidden2 2.weight hidden4",
        "3: hidden3+hidden4 5.weight outputs",
    ]


def test_a_depthwise_convolution_belongs_to_its_units():
    layers = (
        nn.Conv2d(1, 4, 1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 1, groups=4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 2),
    )
    found = graph(nn.Sequential(*layers), 1, 2, 2)
    assert edges(found) == ["1: inputs 0.weight hidden1", "2: hidden1 5.weight outputs"]
    assert found.nodes[1].tensors == 3  # two biases and the filters


def test_transposed_convolutions_and_embeddings_have_their_own_order_of_axes():
    layers = (
        nn.ConvTranspose2d(2, 4, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 2),
    )
    assert edges(graph(nn.Sequential(*layers), 2, 2, 2))[:2] == [
        "1: inputs 0.weight hidden1",
        "2: hidden1 2.weight hidden2",
    ]
    words = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    example = torch.ones(2, 3, dtype=torch.int64)
    assert edges(symmetry_graph(discover(words, example), words, example)) == [
        "1: inputs 0.weight hidden1",
        "2: hidden1 2.weight outputs",
    ]


def test_heads_are_read_by_the_last_weight_alone():
    module = nn.Sequential(nn.Linear(3, 8), self_attention(8, 2), nn.Flatten(), nn.Linear(32, 2))
    found = edges(graph(module, 4, 3))
    (heads,) = {
        line.split()[-1]
        for line in found
        if ".query." in line or ".key." in line or ".value." in line
    }
    (last,) = (line for line in found if ".out." in line)
    assert last.startswith(f"3: {heads} ")


def test_a_single_layer_and_a_network_without_a_head():
    assert edges(graph(mlp(3, 2), 3)) == ["1: inputs 0.weight outputs"]
    found = graph(nn.Sequential(nn.Linear(3, 2), nn.Sigmoid()), 3)
    assert found.nodes == (UnitNode("inputs"), UnitNode("outputs"))
    assert found.edges == (WeightEdge("0.weight", 1, ("inputs",), ("outputs",)),)


def test_a_product_of_weights_goes_by_its_largest_tensor():
    def forward(self: Block, x: torch.Tensor) -> torch.Tensor:
        return self.c(torch.relu(nn.functional.linear(x, self.gain.weight * self.a.weight)))

    module = Block(forward, gain=nn.Linear(1, 4), a=nn.Linear(3, 4), c=nn.Linear(4, 2))
    assert edges(graph(module, 3)) == ["1: inputs a.weight hidden1", "2: hidden1 c.weight outputs"]
