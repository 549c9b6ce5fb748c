"""Convolutions of an exported graph as oneDNN's own, with weights packed ahead.

torch sends a convolution to oneDNN only above a size, and re-orders its weights on every call. Here each convolution
becomes the operator that torch's compiler uses for frozen networks, and where its weight stands still the re-ordering
joins the programme over weights (`models.forms.pack`). Only where torch was built with oneDNN; elsewhere the graph
stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

aten, mkldnn = torch.ops.aten, torch.ops.mkldnn


def is_here() -> bool:
    """Whether this torch has oneDNN's convolutions as operators."""
    names = ("_convolution_pointwise", "_convolution_transpose_pointwise", "_reorder_convolution_transpose_weight")
    return bool(torch._C._has_mkldnn) and all(hasattr(mkldnn, name) for name in names)


def teach_shapes() -> None:
    """Tell torch's tracer what the transposed operator and the packers give; it knows the plain convolution."""

    def transposed(
        x: Tensor, weight: Tensor, bias: Tensor | None, padding: list[int], output_padding: list[int],
        stride: list[int], dilation: list[int], groups: int, *_: Any,
    ) -> Tensor:  # fmt: skip
        plain = x.new_empty(_unpacked(weight.shape, groups))
        made = aten.convolution(x, plain, bias, stride, padding, dilation, True, output_padding, groups)
        return torch.empty_like(made, memory_format=torch.channels_last)

    torch.library.register_fake("mkldnn::_convolution_transpose_pointwise", transposed)


def _unpacked(shape: Any, groups: int) -> list[int]:
    """[I, O / groups, h, w] of a transposed convolution from the packed [O, I / groups, h, w]."""
    return [shape[1] * groups, shape[0] // groups, *shape[2:]]


def pack_convolutions(graph: fx.Graph, still: set[fx.Node]) -> None:
    """Change the graph in place; new nodes over weights join `still`."""
    for node in list(graph.nodes):
        asked = _asked(node)
        if asked is None:
            continue
        x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = asked
        if x.meta["val"].ndim != 4 or (weight not in still and transposed):
            continue
        size = list(x.meta["val"].shape)
        with graph.inserting_before(node):
            if weight in still:
                weight = _packed(graph, weight, padding, output_padding, stride, dilation, groups, size, transposed)
                still.add(weight)
            op: Callable[..., Tensor] = (
                mkldnn._convolution_transpose_pointwise.default if transposed else mkldnn._convolution_pointwise.default
            )
            shifts = (padding, output_padding) if transposed else (padding,)
            new = graph.call_function(op, (x, weight, bias, *shifts, stride, dilation, groups, "none", [], ""))
        new.meta = dict(node.meta)
        new.meta["val"] = node.meta["val"].to(memory_format=torch.channels_last)
        node.replace_all_uses_with(new)
        graph.erase_node(node)


def _asked(node: fx.Node) -> tuple[Any, ...] | None:
    """x, weight, bias, stride, padding, dilation, transposed, output_padding, groups of a 2-d convolution, or None."""
    if node.op != "call_function":
        return None
    plain = {"bias": None, "stride": [1], "padding": [0], "dilation": [1], "groups": 1, "output_padding": [0]}
    orders = {
        "aten.conv2d.default": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
        "aten.conv_transpose2d.input": (
            "input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation",
        ),
        "aten.convolution.default": (
            "input", "weight", "bias", "stride", "padding", "dilation", "transposed", "output_padding", "groups",
        ),
    }  # fmt: skip
    order = orders.get(str(node.target))
    if order is None:
        return None
    said: dict[str, Any] = {**plain, **dict(zip(order, node.args, strict=False)), **node.kwargs}
    if isinstance(said["padding"], str):
        return None
    transposed = bool(said.get("transposed", "transpose" in str(node.target)))
    pairs = [_pair(said[name]) for name in ("stride", "padding", "dilation", "output_padding")]
    return (said["input"], said["weight"], said["bias"], *pairs[:3], transposed, pairs[3], said["groups"])


def _pair(value: Any) -> list[int]:
    many = [value] if isinstance(value, int) else list(value)
    return many * 2 if len(many) == 1 else many


def _packed(
    graph: fx.Graph,
    weight: fx.Node,
    padding: list[int],
    output_padding: list[int],
    stride: list[int],
    dilation: list[int],
    groups: int,
    size: list[int],
    transposed: bool,
) -> fx.Node:
    """The weight in oneDNN's own order for pictures of this size; to the tracer it looks like a dense one."""
    like, rest = weight.meta["val"], (stride, dilation, groups, size)
    if transposed:
        node = graph.call_function(
            mkldnn._reorder_convolution_transpose_weight.default, (weight, padding, output_padding, *rest)
        )
        shape = [like.shape[1] * groups, like.shape[0] // groups, *like.shape[2:]]
    else:
        node = graph.call_function(mkldnn._reorder_convolution_weight.default, (weight, padding, *rest))
        shape = list(like.shape)
    node.meta["val"] = like.new_empty(shape).to(memory_format=torch.channels_last)
    return node
