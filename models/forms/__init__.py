"""Fast forms of a network: compiled ahead of time in a child process, kept on disk, called without the interpreter.

    form = load_cached(generator)                    # in a few hundredths of a second, or None
    form = compile_form(generator, progress=print)   # a minute; in a background thread, while the eager form plays
    image = form(w, noise_strength=0.5)              # = generator.synthesize(w, "const", noise_strength=0.5)

Weights are inputs, not constants: changed values, seeds and moving knobs never compile anything anew, and every
network of one topology shares what was compiled. A form may be cut at layers, so that something can be done to what
flows there; `models.forms.shelf` chooses among forms by the taps that are active. Without a C++ compiler, or with a
torch or a network that cannot be compiled, `Unavailable` says so and the eager form plays on. On an NVIDIA card the
form is another one: `models.forms.cuda`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.forms.form import Form
    from models.forms.packer import Pool
    from models.generators import Generator

__all__ = ["Unavailable", "compile_form", "load_cached"]


class Unavailable(RuntimeError):
    """There is no compiled form here; the text says why and what to do."""


def load_cached(
    generator: Generator, dtype: str = "float32", cuts: Sequence[str] = (), pool: Pool | None = None
) -> Form | None:
    """The form if it was compiled before, on the generator's live weights. Some hundredths of a second; any thread.

    Forms of one network that are given one `pool` keep what they make of its weights in common.
    """
    from models.forms.form import load_cached as load

    return load(generator, dtype, cuts, pool)


def compile_form(
    generator: Generator,
    dtype: str = "float32",
    cuts: Sequence[str] = (),
    progress: Callable[[float, str], None] | None = None,
    pool: Pool | None = None,
) -> Form:
    """The form, compiled now if it was not before: up to some minutes in a child process of low priority.

    Blocks; for a background thread. `cuts` are layers at which a tap may be set. `progress(share, words)` is called a
    few times from this thread. Raises Unavailable with the reason and the remedy.
    """
    from models.forms.form import compile_form as make

    return make(generator, dtype, cuts, progress, pool)
