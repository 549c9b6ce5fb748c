"""The compiled forms of one generator, and which of them plays a set of taps.

One graph is fastest; each cut costs a little (measured once: 19.8 ms whole, 26.6 with a cut after every layer). So a
shelf begins with the whole form, then the one that is cut at every layer, which can play any taps, then those cut just
where a set of taps asks. A changing set of taps chooses among what is there; what is not there yet plays eagerly and is
fetched in the background.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import torch

from models.forms import compile_form, load_cached
from models.forms.packer import Pool
from models.forms.rest import rest
from models.generators.plain.block import block_of

if TYPE_CHECKING:
    from models.forms.form import Form
    from models.forms.mixing import Mixture
    from models.generators import Generator


class Shelf:
    """`best` from the generator's thread, `fetch` from one background thread: the forms change hands as one tuple.

    `generator` is at home, and its weights lie where they will lie (`models.resident`).
    """

    def __init__(self, generator: Generator, dtype: str = "float32") -> None:
        self._generator, self._dtype = generator, dtype
        weights = generator.state_dict(keep_vars=True) if isinstance(generator, torch.nn.Module) else {}
        self._home = block_of(weights)  # before they are played with
        self._forms: tuple[Form, ...] = ()
        self._pool = Pool()
        self._mixture: Mixture | None = None

    def best(self, active: Collection[str]) -> Form | None:
        """The form with the fewest cuts that has one at each active layer; None: play eagerly. Microseconds."""
        wanted = set(active)
        able = [form for form in self._forms if wanted <= set(form.cuts)]
        return min(able, key=lambda form: len(form.cuts), default=None)

    def missing(self, active: Collection[str], wandering: bool = False) -> list[tuple[str, ...]]:
        """The cuts of the forms that would help with these taps and are not here, the most useful first.

        The one that is cut just there plays with the taps and without them; the whole one is quicker without; the one
        that is cut everywhere is for taps that wander (`wandering`: there are such already).
        """
        layers = self._generator.layers
        just = tuple(layer for layer in layers if layer in set(active))
        here = {form.cuts for form in self._forms}
        return [cuts for cuts in dict.fromkeys([just, (), layers if just or wandering else ()]) if cuts not in here]

    def recall(self, cuts: Sequence[str] = ()) -> bool:
        """Put the form with these cuts on the shelf if it was compiled before; whether it is there. Hundredths of a
        second.
        """
        form = load_cached(self._generator, self._dtype, cuts, self._pool)
        if form is not None:
            self._put(form)
        return form is not None

    def fetch(self, cuts: Sequence[str], progress: Callable[[float, str], None] | None = None) -> Form:
        """Get or compile the form with these cuts and put it on the shelf. Blocks. Raises Unavailable."""
        form = compile_form(self._generator, self._dtype, cuts, progress, self._pool)
        self._put(form)
        return form

    def rest(self) -> None:
        """Once a form in float32 plays, let the weights that it was packed from rest in a file: else each deck has them
        twice. A tenth of a second for the largest, the first time. Background thread.
        """
        if self._home is not None and self._dtype == "float32" and self._forms:
            rest(self._home)
            self._home = None

    def follow(self, mixture: Mixture | None) -> None:
        """See `models.forms.form.Form.follow`, for all forms here and those that come."""
        self._mixture = mixture
        for form in self._forms:
            form.follow(mixture)

    def _put(self, form: Form) -> None:
        if self._mixture is not None:
            form.follow(self._mixture)
        self._forms = (*(one for one in self._forms if one.cuts != form.cuts), form)
