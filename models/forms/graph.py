"""From a generator to what is compiled: export its picture, set apart what depends on weights alone, cut at taps.

Runs in the child process of `models.forms.build`. The generator's `synthesize` is exported as one graph of torch's
operators at batch 1 (torch.export, "Graph break-free capture"), with constant noise. Weights become inputs, so changed
values never compile anything anew and every network of one topology shares the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from models.forms import onednn
from models.forms.moving import at_rest
from models.forms.pack import Packed, Step, written

if TYPE_CHECKING:
    from models.generators import Generator

# Operators that only look at memory in another way: cheaper in the compiled part than as a tensor of their own.
VIEWS = {
    "aten.view.default", "aten.permute.default", "aten.unsqueeze.default", "aten.expand.default", "aten.t.default",
    "aten.transpose.int", "aten.slice.Tensor", "aten.select.int", "aten.squeeze.dim", "aten.detach.default",
    "aten.alias.default", "aten.reshape.default",
}  # fmt: skip

DEAR = {"aten.rsqrt.default", "aten.sqrt.default", "aten.exp.default", "aten.div.Tensor", "aten.reciprocal.default"}
FEW = 65536  # numbers: what is larger is no factor of channels


@torch.library.custom_op("perform::cut", mutates_args=())
def cut(x: Tensor, layer: str) -> Tensor:
    """Marks the place of a tap in an exported graph."""
    del layer
    return x.clone()


@cut.register_fake
def _(x: Tensor, layer: str) -> Tensor:
    del layer
    return torch.empty_like(x)


class Picture(nn.Module):
    """What is exported: w [1, num_ws, w_dim], the noise's strength (0-d) and the network's other moving inputs."""

    def __init__(self, generator: Generator, cuts: Sequence[str]) -> None:
        super().__init__()
        self.generator, self.cuts = generator, frozenset(cuts)

    def forward(self, w: Tensor, noise_strength: Tensor, moving: dict[str, Tensor]) -> Tensor:
        """A picture [1, C, H, W]."""
        return self.generator.synthesize(w, "const", self.tap, noise_strength, transform=moving.get("transform"))

    def tap(self, layer: str, x: Tensor) -> Tensor:
        """Leaves a mark where a tap will be."""
        marked: Tensor = cut(x, layer) if layer in self.cuts else x
        return marked


@dataclass(frozen=True)
class Piece:
    """One stretch between two taps: a graph over tensors that move and packed weights."""

    module: fx.GraphModule
    moving: tuple[str, ...]  # names of the moving tensors it reads, in order
    packed: tuple[Packed, ...]  # then these
    gives: tuple[str, ...]  # names of what it gives; the last of a form gives the picture
    tap: str  # the layer whose tap follows, "" at the end


@dataclass(frozen=True)
class Parts:
    """A whole form before compilation."""

    steps: tuple[Step, ...]
    constants: dict[str, Tensor]
    pieces: tuple[Piece, ...]


def parts(generator: Generator, cuts: Sequence[str] = ()) -> Parts:
    """Export and cut. Whatever torch cannot export comes out as its own exception."""
    moving = {name: value.clone() for name, value in at_rest(generator).items()}
    w = torch.zeros(1, generator.num_ws, generator.w_dim)
    with torch.no_grad():
        whole = torch.export.export(Picture(generator, cuts), (w, torch.tensor(1.0), moving), strict=False)
        whole = whole.run_decompositions({})
    graph = whole.graph_module.graph
    inputs = whole.graph_signature
    named = {**inputs.inputs_to_parameters, **inputs.inputs_to_buffers}
    weights = {node: name.removeprefix("generator.") for node, name in named.items()}
    constants = {name: whole.constants[target] for name, target in inputs.inputs_to_lifted_tensor_constants.items()}
    _fold_asserts(graph)
    still = _still(graph, set(weights) | set(constants))
    if onednn.is_here():
        onednn.teach_shapes()
        onednn.pack_convolutions(graph, still)
    _let_views_move(graph, still)
    _compute_once(graph, still)
    return _split(graph, weights, constants, still, ["w", "noise_strength", *moving])


def _fold_asserts(graph: fx.Graph) -> None:
    """Checks of shapes that export leaves behind have done their work."""
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and "assert" in str(node.target):
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _still(graph: fx.Graph, given: set[str]) -> set[fx.Node]:
    """The nodes that depend on weights alone."""
    still: set[fx.Node] = set()
    for node in graph.nodes:
        parents = node.all_input_nodes
        if (node.op == "placeholder" and node.name in given) or (
            node.op == "call_function" and parents and all(one in still for one in parents)
        ):
            still.add(node)
    return still


def _let_views_move(graph: fx.Graph, still: set[fx.Node]) -> None:
    """Views at the border join the moving side."""
    for node in reversed(list(graph.nodes)):
        moves = any(user not in still for user in node.users)
        if node in still and node.op == "call_function" and str(node.target) in VIEWS and moves:
            still.discard(node)


def _compute_once(graph: fx.Graph, still: set[fx.Node]) -> None:
    """Small results of dear functions are kept instead of worked out again for every pixel that they scale.

    The compiler fuses 1 / sqrt of a layer's demodulation into the pass over its activations (0.66 ms of a frame of 8.2
    at 8 x 256 x 256); reading it through explicit strides makes it a tensor of its own.
    """
    for node in list(graph.nodes):
        value = node.meta.get("val")
        if node in still or str(node.target) not in DEAR or not isinstance(value, Tensor) or value.numel() > FEW:
            continue
        with graph.inserting_after(node):
            kept = graph.call_function(
                torch.ops.aten.as_strided.default, (node, list(value.shape), list(value.stride()))
            )
        kept.meta = dict(node.meta)
        node.replace_all_uses_with(kept, delete_user_cb=lambda user, kept=kept: user is not kept)


def _split(
    graph: fx.Graph, weights: dict[str, str], constants: dict[str, Tensor], still: set[fx.Node], moving: list[str]
) -> Parts:
    """The graph as steps over weights and pieces between cuts."""
    order = list(graph.nodes)
    names = {node: weights.get(node.name, node.name) for node in still}
    steps = tuple(
        Step(
            node.name,
            str(node.target),
            _renamed(written(node.args), weights),
            {key: _renamed(written(value), weights) for key, value in node.kwargs.items()},
        )
        for node in order
        if node in still and node.op == "call_function"
    )
    free = [n for n in order if n.op == "placeholder" and n.name not in weights and n.name not in constants]
    called = dict(zip(free, moving, strict=True))
    stretches: list[tuple[list[fx.Node], str]] = [([], "")]
    for node in order:
        if node in still or node.op in ("placeholder", "output"):
            continue
        stretches[-1][0].append(node)
        if node.op == "call_function" and str(node.target).startswith("perform.cut"):
            stretches[-1] = (stretches[-1][0], str(node.args[1]))
            stretches.append(([], ""))
    result = order[-1].args[0]
    last = result[0] if isinstance(result, tuple | list) else result
    pieces = []
    for k, (nodes, tap) in enumerate(stretches):
        later = {n for rest, _ in stretches[k + 1 :] for n in rest}
        gives = [last] if not later else [n for n in nodes if any(u in later for u in n.users) or _is_cut(n)]
        pieces.append(_piece(nodes, gives, tap, still, names, called, weights))
        called |= {n: n.name for n in gives}
    return Parts(steps, {names.get(n, n.name): constants[n.name] for n in still if n.name in constants}, tuple(pieces))


def _is_cut(node: fx.Node) -> bool:
    return str(node.target).startswith("perform.cut")


def _renamed(value: Any, weights: dict[str, str]) -> Any:
    """Weights under the names that the generator has for them."""
    match value:
        case {"of": name}:
            return {"of": weights.get(name, name)}
        case dict():
            return {key: _renamed(one, weights) for key, one in value.items()}
        case list():
            return [_renamed(one, weights) for one in value]
    return value


def _piece(
    nodes: list[fx.Node],
    gives: list[fx.Node],
    tap: str,
    still: set[fx.Node],
    names: dict[fx.Node, str],
    called: dict[fx.Node, str],
    weights: dict[str, str],
) -> Piece:
    inside = set(nodes)
    outside = list(dict.fromkeys(p for n in nodes for p in n.all_input_nodes if p not in inside))
    moving = [n for n in outside if n not in still]
    packed = [n for n in outside if n in still]
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in (*moving, *packed):
        copies[node] = graph.placeholder(node.name)
        copies[node].meta = dict(node.meta)
    for node in nodes:
        if _is_cut(node):  # the mark has done its work: the piece ends here
            copies[node] = copies[node.args[0]]  # type: ignore[index]
        else:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(copies[n] for n in gives))
    module = fx.GraphModule(nn.Module(), graph)
    return Piece(
        module, tuple(called[n] for n in moving), tuple(_packed(n, names, weights) for n in packed),
        tuple(n.name for n in gives), tap,
    )  # fmt: skip


def _packed(node: fx.Node, names: dict[fx.Node, str], weights: dict[str, str]) -> Packed:
    needed: dict[fx.Node, None] = {}

    def visit(one: fx.Node) -> None:
        if one in needed:
            return
        for parent in one.all_input_nodes:
            visit(parent)
        needed.setdefault(one)

    visit(node)
    value = node.meta["val"]
    return Packed(
        names[node],
        tuple(names[n] for n in needed if n.op == "placeholder" and n.name in weights),
        tuple(n.name for n in needed if n.op == "call_function"),
        tuple(value.shape),
        tuple(value.stride()),
        str(value.dtype).removeprefix("torch."),
    )
