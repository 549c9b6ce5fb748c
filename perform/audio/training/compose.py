"""Pieces made by rule: a groove, a chord progression, and parts that fit it. A seed is a piece.

They need not be good music, only varied, and what a listener would count must be what the labels say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perform.audio.training.grooves import BASSES, CHORDS, GROOVES, KEYS, LOUDNESS, PROGRESSIONS, SCALES, SOUNDS, Groove
from perform.audio.training.midi import Note, Song

Random = np.random.Generator
Hit = tuple[float, float, int, int]  # beat, length in beats, key, velocity

DRUMS = 9
SECONDS = (34.0, 50.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all parts of a piece go by: groove, number of bars, key, scale, a chord's degree for each half bar."""

    groove: Groove
    bars: int
    key: int
    scale: tuple[int, ...]
    degrees: tuple[int, ...]
    swing: float

    def pitch(self, degree: int, octave: int) -> int:
        """The key of a degree of the scale, at an octave (5 holds middle C)."""
        turn, step = divmod(degree, len(self.scale))
        return min(max(self.key + self.scale[step] + 12 * (octave + turn), 12), 115)

    def chord(self, beat: float) -> int:
        """The degree of the chord that sounds on a beat."""
        return self.degrees[min(int(2 * beat / self.groove.beats), len(self.degrees) - 1)]

    def at(self, bar: int, step: float, steps: int | None = None) -> float:
        """The beat of a step of a bar, swung."""
        per = steps or self.groove.steps
        beat = step / per
        if self.swing and per == 4 and int(step) % 2:
            beat += self.swing / per
        return bar * self.groove.beats + beat


def compose(seed: int) -> Song:
    """The piece of a seed."""
    random = np.random.default_rng([5, seed])
    weights = np.array([groove.weight for groove in GROOVES])
    groove = GROOVES[random.choice(len(GROOVES), p=weights / weights.sum())]
    low, high = groove.tempo
    bpm = float(np.exp(random.uniform(np.log(low * 0.95), np.log(high * 1.05))))
    bars = max(4, int(random.uniform(*SECONDS) * bpm / 60 / groove.beats))
    plan = _plan(random, groove, bars)
    clock = _clock(random, bpm, bars * groove.beats + 1)
    layers = _sections(random, plan)
    parts: list[tuple[str, int, int, list[Hit]]] = []
    basses, chords, leads = SOUNDS[groove.family]
    parts.append(("drums", DRUMS, 0, drums(random, plan)))
    parts.append(("bass", 0, int(random.choice(basses)), bass(random, plan)))
    for layer, channel in (("chords", 1), ("more", 2)):
        parts.append((layer, channel, int(random.choice(chords)), chord_part(random, plan)))
    parts.append(("lead", 3, int(random.choice(leads)), lead(random, plan)))
    loose = float(random.choice([0.0, 0.0, 0.003, 0.008, 0.014]))
    song = Song(style=groove.name)
    for layer, channel, program, hits in parts:
        level = random.uniform(0.55, 1.0)
        kept = [hit for hit in hits if layers(layer, hit[0])]
        song.notes += _played(random, kept, clock, channel, program, level, 0.5 * loose if channel == DRUMS else loose)
    song.notes.sort(key=lambda note: note.start)
    song.beats = [float(clock(beat)) for beat in range(bars * groove.beats)]
    song.downbeats = song.beats[:: groove.beats]
    return song


def _plan(random: Random, groove: Groove, bars: int) -> Plan:
    progression = PROGRESSIONS[random.integers(len(PROGRESSIONS))]
    halves = int(random.choice([1, 2, 2, 2, 4, 4, 8]))
    degrees = tuple(progression[(half // halves) % len(progression)] for half in range(2 * bars))
    scale = SCALES[random.integers(len(SCALES))]
    return Plan(groove, bars, int(random.integers(12)), scale, degrees, float(random.uniform(*groove.swing)))


def _clock(random: Random, bpm: float, beats: int) -> Callable[[float], float]:
    """Beats to seconds: mostly even, at times with a ramp, a jump or the wander of people who play."""
    period = np.full(beats + 2, 60.0 / bpm)
    way = random.random()
    if way < 0.08:
        period *= np.linspace(1.0, random.uniform(0.85, 1.18), len(period))
    elif way < 0.13:
        period[int(random.uniform(0.35, 0.65) * len(period)) :] *= random.uniform(0.8, 1.25)
    elif way < 0.28:
        wander = np.convolve(random.standard_normal(len(period)), np.hanning(9) / 4, "same")
        period *= 1.0 + random.uniform(0.003, 0.02) * wander
    times = random.uniform(0.0, 1.0) + np.concatenate([[0.0], np.cumsum(period)])
    return lambda beat: float(np.interp(beat, np.arange(len(times)), times))


def _sections(random: Random, plan: Plan) -> Callable[[str, float], bool]:
    """Which layers play in which bars: what starts late, leaves for a break, or never comes."""
    names = ("drums", "bass", "chords", "more", "lead")
    playing = {name: np.ones(plan.bars + 1, bool) for name in names}
    for name, rare in zip(names, (0.05, 0.12, 0.15, 0.5, 0.4), strict=True):
        if random.random() < rare:
            playing[name][:] = False
        elif random.random() < 0.3:
            playing[name][: int(random.choice([1, 2, 4]))] = False
    if random.random() < 0.4 and plan.bars > 10:  # a break
        start, length = int(random.integers(4, plan.bars - 4)), int(random.choice([1, 2, 4, 4]))
        for name in names:
            if random.random() < (0.8 if name == "drums" else 0.4):
                playing[name][start : start + length] = False
    if not any(playing[name].mean() > 0.6 for name in names[:3]):
        playing["chords"][:] = True
        playing["drums"][:] = True
    return lambda name, beat: bool(playing[name][min(int(beat / plan.groove.beats), plan.bars)])


def _played(
    random: Random,
    hits: list[Hit],
    clock: Callable[[float], float],
    channel: int,
    program: int,
    level: float,
    loose: float,
) -> list[Note]:  # fmt: skip
    notes = []
    for beat, length, key, velocity in hits:
        start = max(0.0, clock(beat) + loose * float(random.standard_normal()))
        end = clock(beat + length)
        loud = int(min(max(velocity * level * random.uniform(0.92, 1.08), 8), 127))
        notes.append(Note(start, max(0.03, end - start), key, loud, channel, program))
    return notes


# ---- drums


def drums(random: Random, plan: Plan) -> list[Hit]:
    """The groove through all bars, with a change of pattern, fills, crashes, and a part or two beside it."""
    groove = plan.groove
    keys = {part: int(random.choice(of)) for part, of in KEYS.items()}
    patterns = [_varied(random, groove.drums, 0.0), _varied(random, groove.drums, 0.06)]
    patterns = [_with_more(random, pattern, groove) for pattern in patterns]
    if random.random() < 0.12:
        patterns = [{part: steps for part, steps in one.items() if part not in {"hat", "open"}} for one in patterns]
    fills = float(random.choice([0.0, 0.4, 0.9]))
    every = int(random.choice([4, 4, 8, 2]))
    hits: list[Hit] = []
    for bar in range(plan.bars):
        pattern = patterns[(bar // (2 * every)) % 2] if random.random() < 0.9 else _varied(random, patterns[0], 0.1)
        cut = len(groove.drums["kick"])
        if (bar + 1) % every == 0 and random.random() < fills:
            cut = int(cut * random.choice([0.5, 0.75, 0.75]))
            hits += _fill(random, plan, bar, cut, keys)
        if bar % every == 0 and random.random() < 0.4 and groove.family != "calm":
            hits.append((plan.at(bar, 0), 1.0, keys["crash"], 105))
        for part, steps in pattern.items():
            hits += [
                (plan.at(bar, step), 0.25, keys[part], int(LOUDNESS[mark] * random.uniform(0.9, 1.05)))
                for step, mark in enumerate(steps[:cut])
                if mark != "."
            ]
    return hits


def _varied(random: Random, pattern: dict[str, str], share: float) -> dict[str, str]:
    """The same pattern with a few steps dropped, softened or added (soft)."""
    out = {}
    for part, steps in pattern.items():
        marks = list(steps)
        for at, mark in enumerate(marks):
            if random.random() < share:
                main = part in {"kick", "snare", "hat"} and set(steps) != {"."}
                marks[at] = "o" if mark == "." and main else "."
        out[part] = "".join(marks)
    return out


def _with_more(random: Random, pattern: dict[str, str], groove: Groove) -> dict[str, str]:
    size = len(groove.drums["kick"])
    more = dict(pattern)
    if groove.family == "calm":
        return more
    if random.random() < 0.18:
        part = str(random.choice(["shaker", "tambourine", "conga", "bell"]))
        if part == "tambourine":
            more[part] = "".join(
                "x" if step % groove.steps == 0 and step // groove.steps % 2 else "." for step in range(size)
            )
        else:
            more[part] = "".join(random.choice(list("xo.."), size))
    if random.random() < 0.15 and "clap" not in more:
        more["clap"] = more["snare"].replace("o", ".")
    if random.random() < 0.15 and "open" not in more:
        more["open"] = "".join("x" if step == size - groove.steps // 2 else "." for step in range(size))
    if random.random() < 0.25 and set(more["hat"]) != {"."} and "ride" not in more:
        more["ride"], more["hat"] = more["hat"], "." * size
    return more


def _fill(random: Random, plan: Plan, bar: int, since: int, keys: dict[str, int]) -> list[Hit]:
    size = len(plan.groove.drums["kick"])
    toms = sorted({int(key) for key in random.choice(KEYS["toms"], 3)}, reverse=True)
    hits: list[Hit] = []
    for place, step in enumerate(range(since, size)):
        if random.random() < 0.8:
            key = (
                keys["snare"]
                if random.random() < 0.45
                else toms[min(place * len(toms) // (size - since), len(toms) - 1)]
            )
            hits.append((plan.at(bar, step), 0.25, key, int(random.uniform(75, 115))))
    return hits


# ---- what has pitch


def _pulse(
    plan: Plan, per_beat: float, length: float, skip: Callable[[int], bool] | None = None
) -> list[tuple[float, float]]:
    """Evenly (beat, length) through the piece, `per_beat` to a beat, swung where eighths of four are."""
    steps = int(plan.bars * plan.groove.beats * per_beat)
    spots = []
    for step in range(steps):
        if skip is None or not skip(step):
            beat = step / per_beat
            spots.append((beat, length / per_beat))
    return spots


def _random_bar(random: Random, plan: Plan, share: float) -> list[tuple[float, float]]:
    """A rhythm of a bar or two, drawn once, repeated: what makes a riff."""
    bars = int(random.choice([1, 1, 2]))
    steps = bars * plan.groove.beats * plan.groove.steps
    strong = np.array(
        [2.2 if step % plan.groove.steps == 0 else 1.2 if step % 2 == 0 else 0.6 for step in range(steps)]
    )
    there = np.flatnonzero(random.random(steps) < share * strong)
    if not len(there):
        there = np.array([0])
    ends = np.append(there[1:], steps)
    long = random.uniform(0.4, 1.0)
    spots = []
    for bar in range(0, plan.bars, bars):
        for step, end in zip(there, ends, strict=True):
            spots.append((plan.at(bar, float(step)), long * float(end - step) / plan.groove.steps))
    return [spot for spot in spots if spot[0] < plan.bars * plan.groove.beats]


def _grid(random: Random, plan: Plan, rhythm: str) -> list[tuple[float, float]]:
    """The places of a named rhythm."""
    triple = plan.groove.steps == 3
    fine, beats = float(plan.groove.steps), plan.groove.beats
    eighth = 3.0 if triple else 2.0
    even: dict[str, tuple[float, float]] = {  # how many a beat, and how long
        "roots": (1 / beats, 0.95), "long": (1 / beats, 0.95), "quarters": (1, 0.9), "walk": (1, 0.9),
        "two": (0.5 if beats % 2 == 0 else 1 / beats, 0.5), "sixteenths": (fine, 0.8), "fast": (fine, 0.8),
        "chug": (fine, 0.8), **dict.fromkeys(("eighths", "octaves", "arpeggio", "montuno", "power"), (eighth, 0.9)),
    }  # fmt: skip
    some: dict[str, Callable[[], list[tuple[float, float]]]] = {
        "whole": lambda: _pulse(plan, (1 if random.random() < 0.6 else 2) / beats, 0.95),
        "gallop": lambda: _pulse(plan, fine, 0.8, None if triple else lambda step: step % 4 == 1),
        "rolling": lambda: _pulse(plan, fine, 0.8, lambda step: step % plan.groove.steps == 0),
        "off": lambda: [(beat + (2 / 3 if triple else 0.5), 0.3) for beat, _ in _pulse(plan, 1.0, 0.3)],
        "boom": lambda: _pulse(plan, 1.0, 0.4, lambda step: step % beats == 0 or (beats == 4 and step % 2 == 0)),
        "kick": lambda: _kicks(plan),
        "tumbao": lambda: [(bar * beats + at, 0.9) for bar in range(plan.bars) for at in (1.5, 3.0)],
        "charleston": lambda: [(bar * beats + at, 0.4) for bar in range(plan.bars) for at in (0.0, 1 + 2 / 3)],
        "random": lambda: _random_bar(random, plan, float(random.uniform(0.12, 0.4))),
    }
    some["stab"] = some["off"]
    if rhythm in even:
        return _pulse(plan, *even[rhythm])
    return some[rhythm]() if rhythm in some else []


def _kicks(plan: Plan) -> list[tuple[float, float]]:
    steps = [at for at, mark in enumerate(plan.groove.drums["kick"]) if mark != "."]
    return [(plan.at(bar, at), 0.4) for bar in range(plan.bars) for at in steps]


def bass(random: Random, plan: Plan) -> list[Hit]:
    """One low note at a time, the root for the most part."""
    rhythm = str(random.choice(BASSES[plan.groove.family]))
    octave = int(random.choice([2, 3]))
    hits: list[Hit] = []
    for number, (beat, length) in enumerate(_grid(random, plan, rhythm)):
        degree = plan.chord(beat)
        if rhythm == "walk":
            degree += (0, 2, 4, int(random.choice([5, 6, 1])))[number % 4]
        elif rhythm == "octaves":
            degree += 7 * (number % 2)
        elif rhythm == "random" and random.random() < 0.25:
            degree += int(random.choice([2, 4, 7]))
        hits.append((beat, length, plan.pitch(degree % 14, octave), 100 if beat % 1 < 0.01 else 88))
    return hits


def chord_part(random: Random, plan: Plan) -> list[Hit]:
    """Chords held, struck, broken or chugged."""
    rhythm = str(random.choice(CHORDS[plan.groove.family]))
    octave = int(random.choice([4, 5]))
    order = (0, 2, 4, 7)
    walk = (
        [int(at) for at in random.permutation(8) % 4]
        if random.random() < 0.4
        else [0, 1, 2, 3, 2, 1]
        if random.random() < 0.5
        else [0, 1, 2, 3]
    )
    hits: list[Hit] = []
    for number, (beat, length) in enumerate(_grid(random, plan, rhythm)):
        root = plan.chord(beat)
        loud = (98 if beat % 1 < 0.01 else 84) + int(random.integers(-6, 6))
        if rhythm in {"arpeggio", "fast", "montuno"}:
            hits.append((beat, length * 1.4, plan.pitch(root + order[walk[number % len(walk)]], octave), loud))
        elif rhythm in {"power", "chug"}:
            if rhythm == "chug" and random.random() < 0.12:
                continue
            hits += [(beat, length, plan.pitch(root, 3) + up, loud) for up in (0, 7)]
        else:
            hits += [(beat, length, plan.pitch(root + up, octave), loud) for up in (0, 2, 4)]
    return hits


def lead(random: Random, plan: Plan) -> list[Hit]:
    """A tune: a walk on the scale over a rhythm that repeats, with rests between phrases."""
    rhythm = "random" if random.random() < 0.8 else str(random.choice(["eighths", "quarters"]))
    degree, octave = 0, int(random.choice([5, 5, 6]))
    hits: list[Hit] = []
    rest = float(random.choice([0.0, 0.25, 0.5]))
    for beat, length in _grid(random, plan, rhythm):
        if (int(beat) // (2 * plan.groove.beats)) % 4 == 3 and random.random() < rest:
            continue
        degree += int(random.choice([-2, -1, -1, 0, 1, 1, 2, 4, -4]))
        degree = min(max(degree, -4), 10)
        hits.append((beat, length, plan.pitch(plan.chord(beat) + degree if beat % 1 < 0.01 else degree, octave), 92))
    return hits
