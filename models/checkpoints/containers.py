"""What a file is, by its first bytes and then by what is in it; never by its name, since people rename checkpoints."""

from __future__ import annotations

from collections.abc import Callable

from models.checkpoints import Refused
from models.checkpoints.converted import Converted
from models.checkpoints.formats import formats
from models.checkpoints.nodes import KNOWN
from models.checkpoints.sealed import MOST_WORDS, Name, Opaque, printable
from models.checkpoints.streams import LEGACY_HEAD, read_legacy, read_plain, read_zip

HEAD = 512  # bytes that `kind` wants
AGAIN = "Download it again."

# What else people drop in: the first bytes, and what they are told.
STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "only the pointer of a file kept in Git LFS. Fetch the file itself: git lfs pull"),
    (b"\x1f\x8b", "a gzip archive. Unpack it first."),
    (b"BZh", "a bzip2 archive. Unpack it first."),
    (b"\xfd7zXZ", "an xz archive. Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive. Unpack it first."),
    (b"Rar!", "a rar archive. Unpack it first."),
    (b"\x89HDF", "an HDF5 file (Keras?). Only PyTorch and TensorFlow pickles of StyleGANs are read."),
    (b"GGUF", "a language model (GGUF). Only image generators of the StyleGAN family are read."),
    (b"\x93NUMPY", "a numpy array, not a network."),
    (b"\x89PNG", "a picture, not a network."),
    (b"\xff\xd8\xff", "a picture, not a network."),
    (b"RIFF", "a sound or a film, not a network."),
    (b"\x00\x00\x00", "no checkpoint of a kind that is known here."),
)


def kind(head: bytes) -> str:
    """ "zip", "legacy", "pickle" or "safetensors", from the first bytes of a file. Refused with words for anything
    else.
    """
    if not head:
        raise Refused("an empty file (a download cut short at its start?). Copy it again from where it came.")
    if len(head) < 10 and not head.startswith((b"\x80", b"<")):
        raise Refused(f"it is cut short: {len(head)} bytes are all there is. Copy it again from where it came.")
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(LEGACY_HEAD):
        return "legacy"
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    if head[8:9] == b"{":
        return "safetensors"
    raise Refused(_words(head))


def _words(head: bytes) -> str:
    """What to say of a file that is no checkpoint."""
    text = head.lstrip().lower()
    if text.startswith(b"<"):
        return f"a web page, not a model: the site sent a page instead of the file. {AGAIN}"
    if text.startswith((b"{", b"[")):
        return f"a text in JSON (an error message of the site?), not a model. {AGAIN}"
    for start, words in STRANGERS:
        if head.startswith(start):
            return words
    return "no model of a kind that is known here. NVIDIA's .pkl, rosinality's .pt and .safetensors are read."


def read(data: memoryview, progress: Callable[[float], None] | None = None) -> Converted:
    """The network in a foreign file. `progress` is called with 0..1 of the file read, from this thread.

    Runs nothing that the file says, opens nothing, imports nothing. Raises Refused, with a message that says what the
    file is and leaves its name to the caller.
    """
    container = kind(bytes(data[:HEAD]))
    if container == "safetensors":
        raise Refused("safetensors, which need no conversion.")
    try:
        value, foreign = {"zip": read_zip, "legacy": read_legacy, "pickle": read_plain}[container](data, progress)
        return network(value, foreign)
    except Refused as error:  # parts of the message come from the file
        raise Refused(printable(str(error), MOST_WORDS)) from error


def network(value: object, foreign: set[Name]) -> Converted:
    """The network among what a container held; `foreign` are the names in it that we have nothing for."""
    found = next((form for form in formats() if form.matches(value)), None)
    if found is None:
        raise Refused(_unknown(value, foreign))
    made: Converted = found.read(value)
    if foreign:  # none of it is in the generator, or it would have been refused
        some = ", ".join(sorted(map(str, foreign))[:3]) + (", ..." if len(foreign) > 3 else "")
        made.notes.append(f"Parts beside the generator use {some}; they were left closed.")
    return made


def _unknown(value: object, foreign: set[Name]) -> str:
    """Words for what is no network of a known format."""
    items = value if isinstance(value, tuple | list) else ()
    named = [item.name if isinstance(item, Opaque) else item for item in items if isinstance(item, Opaque | Name)]
    if any(name.module in ("tfutil", "network") for name in named):
        return "it is a Progressive GAN or a StyleGAN before dnnlib (2017, 2018). It cannot be played."
    inner = value.get("state_dict", value) if isinstance(value, dict) else None
    keys = [k for k in inner if isinstance(k, str)] if isinstance(inner, dict) else []
    if words := stranger(keys):
        return words
    if isinstance(value, dict) and "state_dict" in value:
        return f"it is a training state, but of no network that is known here. {KNOWN}"
    within = f", made of {min(map(str, foreign))}" if foreign else ""
    held = ", ".join(printable(key, 30) for key in keys[:6]) or "nothing with a name"
    return f"there is no generator in it (found: {held}{within}). {KNOWN}"


def stranger(names: list[str]) -> str:
    """Words for another program's file, from the names of its tensors; "" if they say nothing."""
    if any("lora_" in n or ".lora." in n for n in names):
        return "it is a LoRA, an addition to a diffusion model. This program plays StyleGANs, which take no LoRAs."
    diffusion = (
        "model.diffusion_model.",
        "first_stage_model.",
        "cond_stage_model.",
        "down_blocks.",
        "double_blocks.",
        "transformer_blocks.",
        "unet.",
    )
    if any(n.startswith(diffusion) for n in names):
        return "it is a diffusion model. This program plays StyleGANs, which draw a picture in one step."
    if "GAN" in names and "version" in names:
        return "it is a model of lucidrains' stylegan2_pytorch, a network of another build. It cannot be played yet."
    if any(n.startswith(("generator_ema.", "generator.")) for n in names):
        return "it is a generator of another toolbox (MMGeneration?). Export it from there as NVIDIA's .pkl."
    return ""
