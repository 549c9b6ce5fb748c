"""Nothing that a file asks for is run, imported, opened or set; and what a file can cost has limits."""

import os
import subprocess
import sys
from pathlib import Path

import hostile as h
import pytest

import models
from models.checkpoints import Refused, containers, importing, sandbox, streams
from models.checkpoints.inert import Node

GOLDEN = Path(__file__).parent.parent / "golden"
ATTACKS = GOLDEN / "attacks"
ROOT = Path(__file__).parents[2]
HARMFUL = {
    "build_on_class.pkl": r"tries to change collections\.OrderedDict itself",
    "build_on_function.pkl": r"tries to change torch\._utils\._rebuild_tensor_v2 itself",
    "dotted_getattr.pkl": r"asks for torch_utils\.persistence\._reconstruct_persistent_obj\.__globals__",
    "nested_in_storage.pkl": r"asks for os\.system",
    "numpy_object_dtype.pkl": r"numpy values of type 'O8'",
    "persid_outer.pkl": "points to data outside of itself",
    "persistent_source_INERT.pkl": "no part called synthesis",  # read, and not run; but there is no network in it
    "reduce_os_system.pkl": r"asks for os\.system, as only a harmful file does\. Nothing was run; delete it",
    "tensor_out_of_bounds.pkl": r"\[1073741824\] reaches outside its data",
    "truncated.pkl": "cut short .*Copy it again",
}


def refused(data: bytes, match: str) -> None:
    with pytest.raises(Refused, match=match):
        containers.read(memoryview(data))


def test_every_attack_is_known() -> None:
    assert {path.name for path in ATTACKS.iterdir()} == set(HARMFUL)


@pytest.mark.parametrize("name", HARMFUL)
def test_attacks(name: str) -> None:
    refused((ATTACKS / name).read_bytes(), HARMFUL[name])
    assert not Path("/tmp/golden/PWNED").exists()


@pytest.mark.parametrize("name", ["reduce_os_system.pkl", "truncated.pkl"])
def test_attacks_by_the_front_door(name: str) -> None:
    with pytest.raises(Refused, match=rf"^{name}: .*{HARMFUL[name]}"):
        models.load(ATTACKS / name)


def test_source_text_in_a_file_stays_text() -> None:
    value, foreign = streams.read_plain(memoryview((ATTACKS / "persistent_source_INERT.pkl").read_bytes()))
    assert isinstance(value, dict)
    assert foreign == set()
    node = value["G_ema"]
    assert isinstance(node, Node)
    assert node.class_name == "Generator"
    assert "open('/tmp/golden/PWNED'" in node.source
    assert not Path("/tmp/golden/PWNED").exists()


@pytest.mark.parametrize(
    ("module", "what"),
    [("builtins", "eval"), ("subprocess", "Popen"), ("os", "system"), ("posix", "system"), ("torch.storage", "a.b"),
     ("torch", "__class__"), ("importlib", "import_module"), ("__builtin__", "execfile")],
)  # fmt: skip
def test_names_that_no_checkpoint_has(module: str, what: str) -> None:
    refused(h.pickled(h.mapping(D=h.call(module, what, h.text("x")))), "harmful file")


def test_foreign_names_are_stones_and_are_refused_where_they_matter() -> None:
    foreign = h.call("my.module", "Layer", h.text("x")) + h.mapping(a=h.number(1)) + b"b"
    value, names = streams.read_plain(memoryview(h.pickled(h.mapping(D=foreign))))
    assert {str(name) for name in names} == {"my.module.Layer"}
    assert isinstance(value, dict)
    refused(h.pickled(h.mapping(G_ema=foreign)), r"my\.module\.Layer")
    hidden = h.node("Generator", activation=h.mapping(inner=b"](" + foreign + b"e"))
    refused(h.pickled(h.mapping(G_ema=hidden)), r"generator uses my\.module\.Layer")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (b"\x82\x01", "damaged"),  # EXT1: copyreg's registry
        (b"(ios\nsystem\n", "damaged"),  # INST
        (b"(" + h.name("os", "getcwd") + b"o", "harmful"),  # OBJ
        (b"cos\nsystem\n", r"os\.system"),
        (b"N}b", "damaged"),  # BUILD on None
        (h.text("a") + b"}b", "damaged"),
        (h.name("numpy", "dtype") + h.mapping(alignment=h.number(1)) + b"b", r"change numpy\.dtype itself"),
        (h.call("numpy", "dtype", h.text("f4")) + b"}b", "damaged"),
        (h.name("torch.storage", "_load_from_bytes") + b"N\x85R", "damaged"),
        (b"r\xff\xff\xff\xff", "damaged|cut"),  # a memo of four thousand million places
        (b"Nr\xff\xff\xff\xff0", "damaged"),  # the same with something to keep; then an empty stack
        (b")" + b"\x85" * 200_000 + b"}" + b"\x85", "no generator|damaged"),
        (b"}" + b")" + b"\x85" * 200_000 + b"Ns", "key that is no plain value"),  # hashing this would end the process
        (b"\x8b\xff\xff\xff\x7f", "out of all proportion"),
        (b"\x8e" + b"\xff" * 7 + b"\x7f", "cut short"),  # bytes without end
        (b"\x95" + b"\xff" * 8, "cut short"),
        (b"X\x02\x00\x00\x00\xc3\x28", "text that is no text"),
        (h.call("torch._utils", "_rebuild_tensor_v2", b"N", b"N", b"N", b"N"), "arguments"),
        (h.tensor((2,), (-1,), 2, 1), "reaches outside"),
        (h.tensor((4,), (1,), 4, 1), "reaches outside"),
        (h.tensor((1 << 40, 1 << 40), (1 << 40, 1), 4), "reaches outside"),
        (h.tensor((1,) * 9, (1,) * 9, 1), "proper shape"),
        (h.tensor((0, 1 << 62), (1 << 62, 1), 1), "proper shape"),
        (h.call("torch.storage", "_load_from_bytes", h.raw(h.stream(4, b"\0" * 8))), "cut short"),
        (h.call("torch.storage", "_load_from_bytes", h.raw(h.stream(4, b"\0" * 16, announced=1 << 60))), "announced"),
        (h.call("torch.storage", "_load_from_bytes", h.raw(h.stream(-4, b""))), "data of the kind"),
        (h.call("torch.storage", "_load_from_bytes", h.raw(h.stream(4, b"", kind="QInt8Storage"))), "QInt8Storage"),
        (h.call("torch.storage", "_load_from_bytes", h.raw(h.MAGIC + h.pickled(b"N") * 4)), "no torch stream"),
        (h.call("_codecs", "encode", h.text("x"), h.text("rot13")), "coding"),
        (h.call("numpy.core.multiarray", "_reconstruct", h.name("os", "getcwd"), b")", b"C\x01b"), "harmful"),
    ],
)
def test_crooked_pickles(value: bytes, match: str) -> None:
    refused(h.pickled(h.mapping(G_ema=value) if not value.startswith(b"}") else value), match)


def test_small_files_cannot_claim_large_tensors() -> None:
    wide = h.tensor((1 << 40,), (0,), 1)  # one number, said a million million times
    parameters = h.mapping(weight=wide)
    fc0 = h.node("FullyConnectedLayer", bias_gain=h.number(1), _parameters=parameters)
    mapping = h.node("MappingNetwork", _modules=h.mapping(fc0=fc0))
    generator = h.node("Generator", _modules=h.mapping(synthesis=h.node("SynthesisNetwork"), mapping=mapping))
    refused(h.pickled(h.mapping(G_ema=generator)), "damaged|claim")
    state = h.mapping(**{"input.input": wide, "conv1.conv.weight": wide})
    refused(h.pickled(state), "claim more numbers than the file holds")


def test_a_network_tied_into_knots_has_an_end() -> None:
    once = h.node("MappingNetwork")
    parts = once + b"\x94"  # memo 0
    for k in range(40):  # each holds the one before twice: 2 ** 40 parts to walk
        both = b"}(" + h.text("a") + b"h" + bytes([k]) + h.text("b") + b"h" + bytes([k]) + b"u"
        parts += b"0" + h.call(
            "torch_utils.persistence", "_reconstruct_persistent_obj",
            h.mapping(type=h.text("class"), version=h.number(6), module_src=h.text(""), class_name=h.text("Generator"),
                      state=h.mapping(_modules=both)),
        ) + b"\x94"  # fmt: skip
    refused(h.PROTO + parts + h.text("G_ema") + b"\x94" + b"0}h\x29h\x28s.", "without end")


def test_work_has_an_end() -> None:
    many = h.PROTO + b"](" + b"N" * 200_000 + b"e\x94" + h.name("torch", "Size") + b"\x940"
    again = b"h\x01h\x00\x85R0" * 100  # a list of 200,000, copied a hundred times
    refused(many + again + b".", "millions of operations")


def test_opening_importing_or_connecting_ends_the_child() -> None:
    for deed in ("open('/etc/passwd')", "import wave", "__import__('socket').socket()", "exec('1')",
                 "__import__('os').system('true')", "__import__('ctypes').CDLL(None)"):  # fmt: skip
        code = f"import socket, os, ctypes; from models.checkpoints.sandbox import forbid; forbid(); {deed}; print(1)"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert done.returncode == sandbox.REFUSED_STATUS, deed
        assert b"forbidden" in done.stderr
        assert done.stdout == b""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of the system there")
def test_the_system_gives_the_child_nothing_new() -> None:
    code = """
import os, socket
from models.checkpoints import sandbox
sandbox.leave_the_network()
sandbox.limit(1 << 31, 1 << 20, 60)
for deed in (lambda: open("/etc/passwd"), socket.socket, os.pipe, lambda: bytearray(1 << 33)):
    try:
        deed()
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [
        "OSError",
        "OSError",
        "OSError",
        *(["MemoryError"] if sys.platform == "linux" else []),
    ]


def test_no_control_characters_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(h.pickled(h.call("my\x1b[2J\x07module", "Thing\n\u202e" + 250 * "x")))
    with pytest.raises(Refused, match=r"my\?\[2J\?module\.Thing\?\?x") as caught:
        models.load(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "SECONDS", 0.01)
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    with pytest.raises(Refused, match="took longer than"):
        importing.ready(GOLDEN / "official" / "sg3-t.pkl")
    assert [path for path in (tmp_path / "models").iterdir() if path.is_file()] == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path / "file"))
    with pytest.raises(Refused, match=r"cache .* cannot be written .* PERFORM_CACHE"):
        importing.ready(GOLDEN / "official" / "sg3-t.pkl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk() -> None:
    source = GOLDEN / "official" / "sg2ada-cond.pkl"
    words = r"cannot be written \(No space left on device\)\. Make room"
    with source.open("rb") as file, Path("/dev/full").open("wb") as full, pytest.raises(Refused, match=words):
        importing._run(file, source.name, full, lambda _: None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(Refused, match=r"pipe\.pkl: a device or a pipe"):
        models.load(tmp_path / "pipe.pkl")


def test_a_damaged_conversion_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    kept = importing.ready(GOLDEN / "official" / "sg2ada-cond.pkl")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-7])
    assert importing.ready(GOLDEN / "official" / "sg2ada-cond.pkl").read_bytes() == whole
