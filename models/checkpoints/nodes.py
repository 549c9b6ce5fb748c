"""Looking into a tree of `inert.Node`: parts, tensors and attributes, each checked before it is believed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from models.checkpoints import Refused
from models.checkpoints.inert import Array, Node, Tensor
from models.checkpoints.sealed import Name, Opaque, damaged

KNOWN = "StyleGAN2, StyleGAN2-ADA and StyleGAN3 generators can be played."
DEEPEST, MOST_NODES = 8, 4000


def refuse_foreign(start: Node) -> None:
    """Refused if anything inside the network came from a name that we have nothing for."""
    waiting: list[object] = [start]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Opaque | Name):
            name = value.name if isinstance(value, Opaque) else value
            raise Refused(f"its generator uses {name}, which this program does not know. {KNOWN}")
        if isinstance(value, Node):
            value = value.state
        if isinstance(value, dict | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value)
            if isinstance(value, dict):
                waiting.extend(value.values())


def children(node: Node) -> dict[str, Node]:
    """The parts of a network by name, in order."""
    modules = node.state.get("_modules", {})
    if not isinstance(modules, dict) or not all(isinstance(k, str) and len(k) < 80 for k in modules):
        raise damaged("a network without parts")
    found = {name: part for name, part in modules.items() if part is not None}
    if not all(isinstance(part, Node) for part in found.values()):
        raise damaged("a part that is no part")
    return found


def child(node: Node, name: str) -> Node:
    """One part, or Refused."""
    found = children(node).get(name)
    if found is None:
        raise Refused(f"its {node.class_name[:60]} has no part called {name}. {KNOWN}")
    return found


def walk(node: Node, prefix: str = "", depth: int = 0, count: list[int] | None = None) -> Iterator[tuple[str, Node]]:
    """Every part with its name, in the order of a state dict. A file can tie the tree into knots: both ways limited."""
    count = [0] if count is None else count
    count[0] += 1
    if depth > DEEPEST or count[0] > MOST_NODES:
        raise damaged("a network without end")
    yield prefix, node
    for name, part in children(node).items():
        yield from walk(part, f"{prefix}{name}.", depth + 1, count)


def tensors(node: Node) -> dict[str, Tensor]:
    """Parameters and buffers by name, in the order of a state dict; forks that freeze layers keep parameters as
    buffers, so the two count as one.
    """
    found: dict[str, Tensor] = {}
    for prefix, part in walk(node):
        for group in ("_parameters", "_buffers"):
            held = part.state.get(group, {})
            if not isinstance(held, dict):
                raise damaged("a part without tensors")
            for name, tensor in held.items():
                if tensor is None:
                    continue
                if not (isinstance(name, str) and len(name) < 80 and isinstance(tensor, Tensor)):
                    raise damaged("a tensor that is no tensor")
                found[prefix + name] = tensor
    return found


def attribute(node: Node, name: str) -> Any:
    """An attribute, or what the constructor was given where the class keeps none; None if neither."""
    given = node.state.get("_init_kwargs")
    backup = given.get(name) if isinstance(given, dict) else None
    return node.state.get(name, backup)


def number(node: Node, name: str) -> int | float:
    """A finite number."""
    value = attribute(node, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"its {node.class_name[:60]} does not say its {name}. The file is damaged, or a fork made it.")
    return value


def integer(node: Node, name: str, most: int = 1 << 16) -> int:
    """A whole number from 0 to `most`."""
    value = number(node, name)
    if not 0 <= value <= most or value != int(value):
        raise Refused(f"its {node.class_name[:60]} has a {name} that cannot be played: {str(value)[:20]}.")
    return int(value)


def pair(node: Node, name: str) -> list[int]:
    """Two sizes, [width, height], from an array, a list or one number."""
    value = attribute(node, name)
    if isinstance(value, Array):
        value = value.array().tolist() if len(value.data) <= 64 else None
    if type(value) is int:
        value = [value, value]
    whole = isinstance(value, list | tuple) and all(type(n) is int and 0 < n < 1 << 16 for n in value)
    if not whole or len(value) != 2:
        raise damaged(f"no {name}")
    return list(value)


def clamp(node: Node) -> float | None:
    """`conv_clamp`: a number, or None for no clamping."""
    return None if attribute(node, "conv_clamp") is None else float(number(node, "conv_clamp"))


def must(node: Node, where: str, **attributes: float | str | bool) -> None:
    """Refused if an attribute is there and is not the value that we play (numbers: to one part in a million)."""
    for name, wanted in attributes.items():
        value = node.state.get(name, wanted)
        plain = isinstance(value, int | float | str)
        if isinstance(wanted, float) and isinstance(value, int | float):
            same = abs(value - wanted) <= 1e-6 * abs(wanted)
        else:
            same = plain and value == wanted
        if not same:
            shown = str(value)[:40] if plain else "something else"
            raise Refused(f"its {where.rstrip('.')} has {name} {shown}; only {wanted} can be played exactly.")


def dense(held: dict[str, Tensor], where: str, node: Node, activation: str) -> float:
    """The learning-rate multiplier of a fully connected layer, after checking that its numbers agree with it."""
    rate = float(number(node, "bias_gain"))
    weight = held.get(f"{where}weight")
    inputs = weight.size[1] if weight is not None and len(weight.size) == 2 else 0
    if not inputs or rate <= 0:
        raise damaged(f"no {where}weight")
    must(node, where, activation=activation, weight_gain=rate / math.sqrt(inputs))
    return rate
