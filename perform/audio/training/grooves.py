"""Drum patterns of many kinds of music, a bar each: the bones of the composed pieces.

One character a step: `X` accent, `x` plain, `o` soft, `.` rest. `beats` a bar and `steps` a beat say how a string is
read; `swing` is how late the second of two steps may come, as a share of a step. The tempo is that of the beat, which
is what a musician of the style would count: a half-time snare does not make the beat slower.
"""

# ruff: noqa: E501 - tables
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Groove:
    """One style: its tempi, metre, feel, drums by General MIDI part, and which kinds of parts go with it."""

    name: str
    tempo: tuple[float, float]
    drums: dict[str, str]
    beats: int = 4
    steps: int = 4
    swing: tuple[float, float] = (0.0, 0.0)
    family: str = "rock"
    weight: float = 1.0


def _g(name: str, low: float, high: float, family: str, kick: str, snare: str, hat: str, **more: object) -> Groove:
    extra = {key: more.pop(key) for key in tuple(more) if key not in {"beats", "steps", "swing", "weight"}}
    drums = {"kick": kick, "snare": snare, "hat": hat, **{key: str(value) for key, value in extra.items()}}
    return Groove(name, (low, high), drums, family=family, **more)  # type: ignore[arg-type]


_EIGHTHS, _QUARTERS, _SIXTEENTHS = "x.o.x.o.x.o.x.o.", "x...x...x...x...", "xoxoxoxoxoxoxoxo"
_OFF, _BACK, _FOUR = "..x...x...x...x.", "....X.......X...", "X...X...X...X..."

GROOVES: tuple[Groove, ...] = (
    _g("rock", 90, 150, "rock", "X.....x.X.......", _BACK, _EIGHTHS, weight=2.0),
    _g("rock two", 90, 160, "rock", "X.......X.x.....", _BACK, _EIGHTHS, weight=1.5),
    _g("rock ride", 100, 170, "rock", "X..x..x.X.......", _BACK, "................", ride=_EIGHTHS),
    _g("hard rock", 80, 140, "rock", "X.x.....X.x.....", _BACK, _QUARTERS, weight=1.5),
    _g("punk", 150, 215, "rock", "X...x...X...x...", "..x...x...x...x.", _EIGHTHS),
    _g("punk back", 150, 200, "rock", "X.....x.X.x.....", _BACK, _EIGHTHS),
    _g("pop", 95, 130, "pop", "X...X...X...X...", _BACK, _EIGHTHS),
    _g("pop sixteenths", 75, 115, "pop", "X..x....X.x.....", _BACK, _SIXTEENTHS),
    _g("ballad", 58, 90, "ballad", "X.......X.......", _BACK, _EIGHTHS, weight=1.5),
    _g("ballad sixteenths", 55, 80, "ballad", "X......xX.......", _BACK, _SIXTEENTHS),
    _g("ballad side stick", 60, 95, "ballad", "X.....x.X.......", "................", _EIGHTHS, stick=_BACK),
    _g("metal", 110, 190, "metal", "XxXxXxXxXxXxXxXx", _BACK, _QUARTERS, weight=1.5),
    _g("metal eighths", 120, 200, "metal", "X.x.X.x.X.x.X.x.", _BACK, _QUARTERS, weight=1.5),
    _g("metal gallop", 110, 180, "metal", "X.xxX.xxX.xxX.xx", _BACK, _QUARTERS, weight=1.5),
    _g("metal thrash", 150, 215, "metal", "X...X...X...X...", "..X...X...X...X.", _EIGHTHS),
    _g("metal half", 110, 150, "metal", "X..X..x.....X.x.", "........X.......", _QUARTERS),
    _g("metal crash", 120, 180, "metal", "X..x..x.X..x..x.", _BACK, "................", crash=_QUARTERS, weight=1.5),
    _g("heavy rock", 72, 115, "metal", "X.......X.......", _BACK, _EIGHTHS, weight=2.5),
    _g("heavy rock two", 75, 115, "metal", "X..x....X.x.....", _BACK, _EIGHTHS, weight=2.5),
    _g("heavy rock crash", 72, 110, "metal", "X..x..x.X.x.....", _BACK, "................", crash=_QUARTERS, weight=2.0),
    _g("doom", 56, 92, "metal", "X.....x.X.......", _BACK, "................", ride=_QUARTERS, weight=2.0),
    _g("groove metal", 78, 120, "metal", "X.xxX.x.X.xxX.x.", _BACK, _EIGHTHS, weight=2.0),
    _g("industrial", 80, 130, "techno", _FOUR, _BACK, _SIXTEENTHS, weight=1.5),
    _g("glitch hop", 78, 112, "breaks", "X.......X.xx..x.", "..o.X.o...o.X.o.", _EIGHTHS, weight=2.0),
    _g("glitch hop two", 78, 112, "breaks", "X..x....x.x.....", "....X..o.x..X.x.", _SIXTEENTHS, weight=2.0),
    _g("slow synth", 76, 112, "electro", "X.......X.......", _BACK, _SIXTEENTHS, weight=2.0),
    _g("slow chip", 72, 108, "chip", "X..x....X..x....", _BACK, _SIXTEENTHS, weight=1.5),
    _g("blast", 160, 215, "metal", "X.X.X.X.X.X.X.X.", ".x.x.x.x.x.x.x.x", "X.X.X.X.X.X.X.X."),
    _g("house", 116, 130, "house", _FOUR, _BACK, _OFF, weight=2.0),
    _g("house clap", 116, 130, "house", _FOUR, "................", "ooXoooXoooXoooXo", clap=_BACK, weight=1.5),
    _g("deep house", 110, 125, "house", _FOUR, "................", _OFF, clap="....x..o....x...", swing=(0.0, 0.3)),
    _g("techno", 122, 145, "techno", _FOUR, "................", _OFF, weight=1.5),
    _g("techno hard", 130, 160, "techno", _FOUR, _BACK, _SIXTEENTHS, weight=1.5),
    _g("trance", 128, 145, "trance", _FOUR, _BACK, "..X...X...X...X.", clap=_BACK, weight=2.0),
    _g("disco", 105, 128, "disco", _FOUR, _BACK, "x.Xxx.Xxx.Xxx.Xx", weight=1.5),
    _g("eurodance", 128, 155, "trance", _FOUR, _BACK, "..X...X...X...X.", open="..x...x...x...x."),
    _g("hardcore", 155, 200, "techno", _FOUR, "................", _OFF),
    _g("electro", 105, 135, "electro", "X.....x...x.....", _BACK, _EIGHTHS, weight=1.5),
    _g("synthwave", 80, 140, "electro", "X.......X.......", _BACK, _EIGHTHS, weight=2.0),
    _g("synthwave four", 90, 150, "electro", _FOUR, _BACK, _SIXTEENTHS, weight=2.0),
    _g("chip", 100, 180, "chip", "X...x...X...x...", _BACK, _EIGHTHS, weight=2.0),
    _g("chip busy", 110, 175, "chip", "X..x..x.X..x..x.", "....X..x....X..x", _SIXTEENTHS, weight=1.5),
    _g("breakbeat", 110, 150, "breaks", "X.x.......x.....", "....X..o.o..X...", _EIGHTHS, weight=1.5),
    _g("amen", 130, 176, "breaks", "X.x.......xx....", "....X..x.x..X..x", "x.x.x.x.x.x.x.x."),
    _g("drum and bass", 160, 180, "breaks", "X.........x.....", _BACK, "x.xxx.xxx.xxx.xx", weight=1.5),
    _g("drum and bass two", 160, 180, "breaks", "X.x.......x..x..", _BACK, _SIXTEENTHS),
    _g("jungle", 150, 175, "breaks", "X.x...x...x...x.", "....X..x.x....X.", _SIXTEENTHS),
    _g("dubstep", 132, 146, "half", "X.....x.........", "........X.......", "x.o.x.o.x.o.x.oo", weight=2.0),
    _g("dubstep two", 132, 146, "half", "X..x.......x..x.", "........X.......", _QUARTERS, weight=1.5),
    _g("trap", 125, 152, "half", "X......x..x.....", "........X.......", _EIGHTHS, weight=1.5),
    _g("half-time rock", 105, 145, "half", "X.....x...x.....", "........X.......", _EIGHTHS),
    _g("hip hop", 78, 102, "hiphop", "X.x....x..x.....", _BACK, _EIGHTHS, swing=(0.0, 0.35), weight=2.5),
    _g("boom bap", 82, 100, "hiphop", "X......x.xx.....", _BACK, "x.x.x.xxx.x.x.x.", swing=(0.1, 0.4), weight=2.0),
    _g("hip hop busy", 76, 98, "hiphop", "X..x..x.x.x....x", "....X..o.o..X...", _SIXTEENTHS, weight=2.0),
    _g("trip hop", 70, 96, "hiphop", "X..x......x..x..", "....X.......X..o", _EIGHTHS, swing=(0.0, 0.3), weight=1.5),
    _g("lo-fi", 65, 90, "hiphop", "X......x..x.....", _BACK, _EIGHTHS, swing=(0.2, 0.5)),
    _g("funk", 92, 120, "funk", "X.x...x...x..x..", "....X..o.o..X..o", _SIXTEENTHS, weight=1.5),
    _g("funk off", 90, 115, "funk", "X.......x.x.....", "....X..o.o.oX...", "x.x.x.x.x.x.x.x.", open="..............x."),
    _g("motown", 105, 135, "funk", "X.....x.X.......", "X...X...X...X...", _EIGHTHS),
    _g("reggae", 65, 95, "reggae", "........X.......", "................", "x.x.x.x.x.x.x.x.", stick="........X......."),
    _g("steppers", 120, 150, "reggae", _FOUR, "........X.......", _OFF),
    _g("ska", 120, 175, "reggae", "X.......X.......", _BACK, _OFF),
    _g("reggaeton", 88, 105, "latin", _FOUR, "...X..X....X..X.", _EIGHTHS),
    _g("bossa", 110, 160, "latin", "X.....x.X.....x.", "................", _EIGHTHS, stick="x.....x.....x..."),
    _g("samba", 95, 125, "latin", "X..xX..xX..xX..x", "x.o.xo.x.xo.x.ox", _SIXTEENTHS),
    _g("salsa", 85, 110, "latin", "......x.......x.", "................", "x.xxx.xxx.xxx.xx", bell="X.x.xxX.x.X.xx.x"),
    _g("afro", 100, 125, "latin", "X...X...X...X...", "................", "o.xoo.xoo.xoo.xo", conga="..x.xx..x.x..x.x"),
    _g("country", 100, 140, "folk", "X.......X.......", "....x.......x...", "................", brush="xoXoxoXoxoXoxoXo"),
    _g("train", 90, 135, "folk", "X...x...X...x...", "xoXoxoXoxoXoxoXo", "................"),
    _g("march", 95, 130, "march", "X.......X.......", "x.x.X.xxx.x.X.xx", "................", crash="X..............."),
    _g("polka", 100, 135, "march", "X...X...X...X...", "..X...X...X...X.", "................"),
    _g("swing", 110, 215, "jazz", "o..o..o..o..", "............", "...x.....x..", ride="x..x.xx..x.x", steps=3, weight=1.5),
    _g("jazz ballad", 60, 105, "jazz", "o.....o.....", "............", "...x.....x..", ride="x..x.xx..x.x", steps=3),
    _g("shuffle", 90, 150, "blues", "X..x.xX..x.x", "...X.....X..", "x.xx.xx.xx.x", steps=3, weight=1.5),
    _g("slow blues", 50, 75, "blues", "X....xX.....", "...X.....X..", "xxxxxxxxxxxx", steps=3, weight=1.5),
    _g("doo-wop", 55, 80, "ballad", "X....xX..x..", "...X.....X..", "xxxxxxxxxxxx", steps=3),
    _g("half-time shuffle", 80, 110, "blues", "X....xx.x...", "......X.....", "x.xx.xx.xx.x", steps=3),
    _g("six eight", 50, 85, "folk", "X..x..", "...X..", "xxxxxx", beats=2, steps=3, weight=1.5),
    _g("jig", 95, 130, "folk", "X..X..", "......", "xoxxox", beats=2, steps=3),
    _g("waltz", 85, 185, "waltz", "X...........", "....x...x...", "x...x...x...", beats=3, weight=1.5),
    _g("rock waltz", 90, 150, "rock", "X.......x...", "....X.......", "x.o.x.o.x.o.", beats=3),
    _g("five", 100, 160, "rock", "X.....x.....X.......", "....X.......X...X...", "x.o.x.o.x.o.x.o.x.o.", beats=5, weight=0.5),
    _g("seven", 120, 180, "rock", "X.......X.......X...X.......", "....X.......X.......X.......", "x.o." * 7, beats=7, weight=0.4),
    _g("quiet", 60, 150, "calm", "................", "................", "................", weight=3.0),
    _g("quiet waltz", 70, 160, "calm", "............", "............", "............", beats=3),
    _g("quiet six", 50, 80, "calm", "......", "......", "......", beats=2, steps=3),
    _g("shaker only", 80, 140, "calm", "................", "................", "................", shaker=_SIXTEENTHS),
)  # fmt: skip

# General MIDI keys of each part; one is chosen for a piece.
KEYS: dict[str, tuple[int, ...]] = {
    "kick": (36, 36, 36, 35), "snare": (38, 38, 40), "hat": (42, 42, 42, 44), "open": (46,), "ride": (51, 51, 59, 53),
    "crash": (49, 57), "clap": (39,), "stick": (37,), "shaker": (82, 70, 69), "tambourine": (54,), "bell": (56,),
    "conga": (62, 63, 64), "brush": (38, 40), "toms": (50, 48, 47, 45, 43, 41),
}  # fmt: skip

LOUDNESS = {"X": 118, "x": 96, "o": 62, "-": 40}

# Parts that go with a family, as names that `compose` knows: bass lines, what plays the chords, lead sounds.
BASSES: dict[str, tuple[str, ...]] = {
    "rock": ("eighths", "kick", "roots"), "pop": ("kick", "eighths", "roots"), "ballad": ("roots", "kick"),
    "metal": ("gallop", "eighths", "sixteenths", "kick"), "house": ("off", "octaves", "random"),
    "techno": ("off", "sixteenths", "random"), "trance": ("off", "rolling", "eighths"), "disco": ("octaves", "eighths"),
    "electro": ("eighths", "sixteenths", "octaves"), "chip": ("octaves", "eighths", "random", "sixteenths"),
    "breaks": ("roots", "random", "long"), "half": ("long", "random", "eighths"), "hiphop": ("kick", "random", "long"),
    "funk": ("random", "octaves", "kick"), "reggae": ("random", "roots"), "latin": ("tumbao", "random"),
    "folk": ("two", "roots"), "march": ("two",), "jazz": ("walk", "walk", "two"), "blues": ("walk", "eighths", "roots"),
    "waltz": ("roots", "two"), "calm": ("roots", "none", "none", "long"),
}  # fmt: skip
CHORDS: dict[str, tuple[str, ...]] = {
    "rock": ("eighths", "whole", "random", "power"), "pop": ("whole", "arpeggio", "eighths", "random"),
    "ballad": ("arpeggio", "whole", "quarters"), "metal": ("power", "chug", "chug"), "house": ("stab", "off", "whole"),
    "techno": ("stab", "random", "none"), "trance": ("arpeggio", "stab", "whole"), "disco": ("off", "random", "whole"),
    "electro": ("arpeggio", "whole", "random"), "chip": ("fast", "arpeggio", "random"), "breaks": ("whole", "stab"),
    "half": ("whole", "random", "arpeggio"), "hiphop": ("whole", "random", "quarters"), "funk": ("random", "off"),
    "reggae": ("off",), "latin": ("random", "montuno"), "folk": ("eighths", "arpeggio", "boom"), "march": ("boom",),
    "jazz": ("random", "charleston"), "blues": ("random", "eighths", "off"), "waltz": ("boom", "arpeggio"),
    "calm": ("arpeggio", "arpeggio", "quarters", "eighths", "whole", "fast"),
}  # fmt: skip
_BAND, _SYNTH = (26, 27, 28, 25, 0, 16, 18), (80, 81, 84, 85, 86, 87, 88, 89, 90, 91, 94, 95)
SOUNDS: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    # basses, chords, leads: General MIDI programs
    "rock": ((33, 34, 32), (*_BAND, 29, 30), (29, 30, 26, 65, 16, 52, 53)),
    "pop": ((33, 32, 38), (0, 4, 5, 25, 27, 48, 88), (73, 65, 52, 53, 80, 11)),
    "ballad": ((32, 33), (0, 4, 25, 48, 24), (73, 68, 40, 65, 53, 71)),
    "metal": ((33, 34), (30, 29, 30, 29), (30, 29, 81)), "house": ((38, 39, 87), (0, 16, 4, 89, 62), (81, 80, 11, 54)),
    "techno": ((38, 39, 87), (81, 62, 90, 87), (80, 81, 98, 84)), "trance": ((38, 39, 81), (81, 90, 62, 89), (81, 80, 84)),
    "disco": ((33, 38, 36), (27, 28, 48, 4), (61, 48, 65, 80)), "electro": ((38, 39, 87), _SYNTH, (80, 81, 62, 84)),
    "chip": ((80, 81, 38), (80, 81, 82, 87), (80, 81, 82, 79)), "breaks": ((38, 39, 87), (89, 4, 91, 48), (80, 54, 11)),
    "half": ((38, 39, 87, 30), (81, 89, 90, 48), (81, 87, 62, 11)), "hiphop": ((38, 32, 33), (0, 4, 11, 48, 46), (73, 11, 54, 65)),
    "funk": ((36, 37, 33), (27, 28, 7, 16), (61, 65, 56, 7)), "reggae": ((33, 32, 38), (27, 16, 0), (56, 57, 22, 17)),
    "latin": ((32, 33), (0, 24, 25, 12), (56, 57, 73, 21)), "folk": ((32, 33), (25, 24, 105, 21), (40, 22, 73, 110)),
    "march": ((58, 32), (61, 21, 60), (56, 72, 61)), "jazz": ((32, 35), (0, 26, 4, 11), (65, 66, 56, 59, 71)),
    "blues": ((33, 32), (0, 26, 16, 18), (22, 26, 65, 66)), "waltz": ((32, 43), (0, 21, 48, 24), (40, 71, 73, 21)),
    "calm": ((32, 43, 38), (46, 0, 24, 46, 11, 8, 88, 6, 12), (73, 68, 40, 71, 75, 46)),
}  # fmt: skip
PROGRESSIONS: tuple[tuple[int, ...], ...] = (
    # degrees of the scale, a chord each
    (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 4), (0, 0, 3, 4), (1, 4, 0, 0), (0, 5, 1, 4), (0, 6, 5, 4),
    (0, 5, 6, 0), (0, 2, 3, 3), (0, 0, 0, 0), (0, 6), (0, 3), (0, 0, 3, 3, 0, 0, 4, 3), (0, 5, 2, 6), (0, 0, 5, 6),
    (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4),
)  # fmt: skip
SCALES: tuple[tuple[int, ...], ...] = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
