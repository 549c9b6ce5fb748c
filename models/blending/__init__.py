"""Network blending: one network's weights as a mixture of those of its relatives, while it plays.

One matrix covers all of it, a[layer, model] with rows that sum to 1: a tensor of a layer is sum_k a[layer, k] W_k.

- Equal rows are weight interpolation (Aydao 2020), or barycentric coordinates of several models (Arfafax 2020).
- Rows with a single 1 and one step are layer swapping (Pinkney & Adler 2020), several steps a cascade; a soft step is
  a sigmoid over the depth of the network, as in Pinkney's code.

`rows` makes that matrix of what is played, `blend.Blend` makes weights of it (a stage of `models.resident`), `mapping`
walks with a mixed mapping, `relatives` brings other models in and says whether they are related.

Blending means something between relatives only: networks trained further from one another, or from the same one. The
middle of two strangers is mush. That is said (`relatives.kinship`) and never refused: mush may be what is wanted. What
cannot be mixed at all, networks of other shapes, is `Unmixable`, with words; their pictures can still be crossfaded.

What this does not handle: networks of other shapes that share a joint (a swap between them would need a network of
mixed shape); labels that mean other classes; a middle that is sharper than averaged filters are (`norm_match` helps).
"""


class Unmixable(ValueError):
    """Two networks whose weights cannot be mixed; the message names both and the first shape that differs."""
