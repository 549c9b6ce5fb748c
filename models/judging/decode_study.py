"""The table of Das et al. 2020 on our data: how far from home each way of decoding leads, measured by D_r.

Everything that decides a number is fixed here and in `models.decoding`, and was before the first run. All data are
substitutes (`models.training.digits_vae`), so exact values cannot match the paper's; the order can.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoints import Refused, io
from models.decoding.choice import drawn, idea, low_active, marked
from models.decoding.statistics import Activity, gather
from models.generators import Tap, identity
from models.generators.vae import VAE
from models.judging.reconstruction import amortised, auroc, optimised
from models.training import digits_vae

Progress = Callable[[float, str], None]
NEURONS = 5
SIGMAS = (0.0, 1.0, 2.0, 3.0)  # the preset on-values: the mean when active and so many deviations more
SIGMA = 1.0  # the one that the table is made with
ROWS = ("low-active", "random", "noisy", "regular", "interpolation")
PAPER = {
    "low-active / regular": "3.1-4.5", "low-active / random": "1.05-1.16", "random / noisy": "2.4-2.6",
    "noisy / regular": "1.23-1.57",
}  # fmt: skip


@dataclass(frozen=True)
class Set:
    """One set of pictures, what it stands for, and the size of z that the paper has for that."""

    name: str
    substitutes: str
    pictures: Callable[[], digits_vae.Pictures]
    z_dim: int
    widths: tuple[int, ...] = digits_vae.WIDTHS


SETS = (
    Set("digits", "scikit-learn's 1,797 digits of 8 x 8, enlarged to 28 x 28: substitute for MNIST",
        digits_vae.digits, 50),
    Set("combined", "those digits and drawn letters A-Z (Aileron): substitute for the paper's combined set",
        digits_vae.combined, 100),
)  # fmt: skip


def study_decode(
    folder: Path,
    seeds: int = 5,
    samples: int = 10_000,
    closely: int = 128,
    sets: Sequence[Set] = SETS,
    progress: Progress | None = None,
    steps: int = digits_vae.STEPS,
) -> dict[str, Any]:
    """Train `seeds` autoencoders a set (or take them from `folder`), decode, measure, judge. For a command.

    D_r amortised over `samples` pictures a method, optimised over the first `closely`. Some minutes for each
    autoencoder on one core, then half a minute each. `progress` is called with 0..1 and a few words.
    """
    tell = progress or _nobody
    runs: list[dict[str, Any]] = []
    jobs = [(one, seed) for one in sets for seed in range(seeds)]
    for place, (one, seed) in enumerate(jobs):
        inside = partial(_inside, tell, place / len(jobs), 1 / len(jobs), f"{one.name}, seed {seed}")
        pictures = one.pictures()
        network = trained(folder, one, pictures, seed, steps, partial(_training, inside))
        inside(0.7, "decoding")
        runs.append({"set": one.name, "seed": seed, **measure(network, pictures, seed, samples, closely)})
    tell(1.0, "done")
    return {
        "what": "D_r (M1) of decoding methods (K1-K4), after Das et al. 2020",
        "substitutes": {one.name: one.substitutes for one in sets},
        "settings": {
            "layer": "third hidden layer of the decoder", "neurons": NEURONS, "on_value_sigmas": SIGMA,
            "percentiles": [1, 15], "samples": samples, "optimised_samples": closely, "seeds": seeds,
            "training_steps": steps, "z": {one.name: one.z_dim for one in sets},
        },
        "table": [row for one in sets for row in _table(one.name, runs)],
        "verdicts": {one.name: verdicts([run for run in runs if run["set"] == one.name]) for one in sets},
        "runs": runs,
    }  # fmt: skip


def _nobody(share: float, words: str) -> None:
    """Listens to no progress."""


def _training(inside: Callable[[float, str], None], share: float) -> None:
    inside(0.7 * share, "training")


def _inside(tell: Progress, start: float, size: float, about: str, share: float, words: str) -> None:
    tell(start + size * share, f"{about}: {words}")


def trained(
    folder: Path, one: Set, pictures: digits_vae.Pictures, seed: int, steps: int, progress: Callable[[float], None]
) -> VAE:
    """The autoencoder of this set and seed, from `folder` if an equal one was trained before. OSError as by a write."""
    recipe = (
        f"{digits_vae.recipe_hash()} {one.z_dim} {one.widths} {steps} {seed}".encode() + pictures.seen.numpy().tobytes()
    )
    path = folder / f"{one.name}-{seed}-{sha256(recipe).hexdigest()[:16]}.safetensors"
    if path.exists():
        try:
            found = io.load(path)
            if isinstance(found, VAE):
                return found
        except Refused:
            pass  # damaged: trained again, and written over
    network = digits_vae.train_vae(pictures, one.z_dim, seed, steps, progress, one.widths)
    folder.mkdir(parents=True, exist_ok=True)
    io.save(path, network, {"description": f"{one.substitutes}; seed {seed}"})
    return network


@torch.no_grad()
def measure(network: VAE, pictures: digits_vae.Pictures, seed: int, samples: int, closely: int) -> dict[str, Any]:
    """One autoencoder's numbers: D_r of each method (both forms), of the on-values, and of controls."""
    layer = network.layers[2]
    means = network.encode(pictures.seen)[0]
    known = gather(network, len(means), latents=(part[:, None] for part in torch.split(means, 512)))
    active = known.layers[layer]
    rng = torch.Generator().manual_seed(1000 + seed)
    z = torch.randn([samples, network.z_dim], generator=rng)
    made = {
        "regular": _pixels(network, z),
        **{method: _pixels(network, z, _tap(layer, active, method, SIGMA, seed)) for method in ROWS[:3]},
        "interpolation": _pixels(network, _between(means, pictures.labels[~pictures.held], samples, rng)),
    }
    sweep = {
        f"{sigma:g}": {
            method: _mean(amortised(network, _pixels(network, z, _tap(layer, active, method, sigma, seed))))
            for method in ("low-active", "random")
        }
        for sigma in SIGMAS
        if sigma != SIGMA
    }
    near = {name: amortised(network, x) for name, x in made.items()}
    sweep[f"{SIGMA:g}"] = {name: _mean(near[name]) for name in ("low-active", "random")}
    far = {name: optimised(network, x[:closely]) for name, x in made.items()}
    return {
        "bound_mean": float(digits_vae.loss(network, pictures.unseen)),
        "amortised": {name: _mean(x) for name, x in near.items()},
        "optimised": {name: _mean(x) for name, x in far.items()},
        "never_above": all(bool((far[name] <= near[name][:closely]).all()) for name in made),
        "sweep": {key: sweep[key] for key in sorted(sweep, key=float)},
        "rates": _rates(active),
        "controls": _controls(network, pictures, closely, rng),
    }


def _mean(x: Tensor) -> float:
    return round(float(x.mean()), 4)


def _pixels(network: VAE, z: Tensor, tap: Tap = identity) -> Tensor:
    """z [N, z_dim] -> pictures [N, P] in 0..1. The chunks are part of what a seed means."""
    return torch.cat([torch.sigmoid(network.decode(part, tap)) for part in torch.split(z, 2000)])


def _tap(layer: str, active: Activity, method: str, sigmas: float, seed: int) -> Tap:
    """The method at that layer, choosing anew for every sample."""
    rng = torch.Generator().manual_seed(5000 + seed)
    quiet, level = low_active(active.rates), active.on(sigmas)

    def tap(name: str, x: Tensor) -> Tensor:
        if name != layer:
            return x
        flat = x.flatten(1)  # [N, C]
        off = (flat <= active.threshold) & active.ever
        if method == "noisy":
            marks = marked(drawn(active.ever.expand_as(flat), NEURONS, rng), flat.shape[1])
            noise = torch.randn(flat.shape, generator=rng) * active.spread
            return torch.where(marks, flat + noise, flat).view_as(x)
        chosen = (
            idea(off & quiet, active.likeness, NEURONS, rng) if method == "low-active" else drawn(off, NEURONS, rng)
        )
        return torch.where(marked(chosen, flat.shape[1]), level, flat).view_as(x)

    return tap


def _between(means: Tensor, labels: Tensor, samples: int, rng: torch.Generator) -> Tensor:
    """z on the line between two seen pictures of different classes, from a quarter to three quarters of the way."""
    a = torch.randint(len(means), [samples], generator=rng)
    b = torch.randint(len(means), [samples], generator=rng)
    same = labels[a] == labels[b]
    while same.any():
        b[same] = torch.randint(len(means), [int(same.sum())], generator=rng)
        same = labels[a] == labels[b]
    t = 0.25 + 0.5 * torch.rand([samples, 1], generator=rng)
    return torch.lerp(means[a], means[b], t)


def _rates(active: Activity) -> dict[str, float]:
    """What the percent activations of the layer look like."""
    ever = active.rates[active.ever].double()
    steps = {f"p{q}": round(float(ever.quantile(q / 100)), 4) for q in (1, 15, 50, 85)}
    return {"never_active": int((~active.ever).sum()), "low_active": int(low_active(active.rates).sum()), **steps}


def _controls(network: VAE, pictures: digits_vae.Pictures, closely: int, rng: torch.Generator) -> dict[str, Any]:
    """M1's own checks: held-out pictures of the domain, letters where those are foreign, uniform noise."""
    groups = {"held out": pictures.unseen, "noise": torch.rand([closely, pictures.pixels.shape[1]], generator=rng)}
    if int(pictures.labels.max()) < 10:
        groups["letters"] = digits_vae.letters().pixels
    near = {name: amortised(network, x) for name, x in groups.items()}
    far = {name: optimised(network, x[:closely]) for name, x in groups.items()}
    medians = {
        name: {"amortised": round(float(near[name].median()), 4), "optimised": round(float(far[name].median()), 4)}
        for name in groups
    }
    found: dict[str, Any] = {"medians": medians}
    if "letters" in groups:
        found["auroc"] = {
            form: round(auroc(scores["held out"], scores["letters"]), 4)
            for form, scores in (("amortised", near), ("optimised", far))
        }
    return found


def _table(name: str, runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a method: mean over seeds, least and most, in both forms."""
    rows = []
    for method in ROWS:
        row: dict[str, Any] = {"set": name, "method": method}
        for form in ("amortised", "optimised"):
            values = [run[form][method] for run in runs if run["set"] == name]
            row[form] = round(statistics.fmean(values), 3)
            row[f"{form}_span"] = f"{min(values):.3f}-{max(values):.3f}"
        rows.append(row)
    return rows


def verdicts(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the rows K1-K4 and M1 ask for, counted over seeds: "n of N" and median ratios."""
    found: dict[str, Any] = {}
    for form in ("amortised", "optimised"):
        each = [run[form] for run in runs]
        ratios = {pair: _ratio(each, *pair.split(" / ")) for pair in PAPER}
        found[form] = {
            "low-active > random > noisy > regular": _of(
                d["low-active"] > d["random"] > d["noisy"] > d["regular"] for d in each
            ),
            "low-active > random": _of(d["low-active"] > d["random"] for d in each),
            "random >= 1.5 noisy": _of(d["random"] >= 1.5 * d["noisy"] for d in each),
            "noisy between regular and random": _of(d["regular"] < d["noisy"] < d["random"] for d in each),
            "interpolation <= 1.2 regular": _of(d["interpolation"] <= 1.2 * d["regular"] for d in each),
            "interpolation < random": _of(d["interpolation"] < d["random"] for d in each),
            "median ratios": ratios,
        }
    found["low-active > random, by on-value"] = {
        sigma: _of(run["sweep"][sigma]["low-active"] > run["sweep"][sigma]["random"] for run in runs)
        for sigma in runs[0]["sweep"]
    }
    found["optimised never above amortised"] = _of(run["never_above"] for run in runs)
    found["noise highest"] = _of(_noise_highest(run) for run in runs)
    if all("auroc" in run["controls"] for run in runs):
        found["auroc of letters, least"] = {
            form: min(run["controls"]["auroc"][form] for run in runs) for form in ("amortised", "optimised")
        }
    return found


def _noise_highest(run: Mapping[str, Any]) -> bool:
    medians = run["controls"]["medians"]
    return all(
        medians["noise"][form] > max([*run[form].values(), *(m[form] for n, m in medians.items() if n != "noise")])
        for form in ("amortised", "optimised")
    )


def _ratio(each: Sequence[Mapping[str, float]], above: str, below: str) -> float:
    return round(statistics.median(one[above] / max(one[below], 1e-9) for one in each), 3)


def _of(held: Any) -> str:
    results = list(held)
    return f"{sum(map(bool, results))} of {len(results)}"
