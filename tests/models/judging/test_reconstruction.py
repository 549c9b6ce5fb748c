"""D_r on a small autoencoder of digits: what row M1 asks, and what the number is not."""

import pytest
import torch

from models.generators.vae import VAE
from models.judging.reconstruction import amortised, auroc, optimised
from models.training import digits_vae

Trained = tuple[VAE, digits_vae.Pictures]


@pytest.fixture(scope="module")
def trained() -> Trained:
    pictures = digits_vae.digits()
    return digits_vae.train_vae(pictures, 16, seed=0, steps=900, widths=(200, 100, 60)), pictures


def test_the_optimised_form_is_never_above_the_amortised(trained: Trained) -> None:
    network, pictures = trained
    noise = torch.rand(30, 784, generator=torch.Generator().manual_seed(0))
    for pixels in (pictures.unseen[:60], digits_vae.letters().pixels[::40], noise):
        told: list[float] = []
        near, far = amortised(network, pixels), optimised(network, pixels, steps=30, progress=told.append)
        assert (far <= near).all()
        assert (far < near - 1e-3).float().mean() > 0.9, "descent finds something nearer for nearly all"
        assert told == pytest.approx([1 / 3, 2 / 3, 1])
    z = torch.randn(20, network.z_dim, generator=torch.Generator().manual_seed(1))
    made = torch.sigmoid(network.decode(z))
    assert (optimised(network, made, steps=60) < 0.7 * amortised(network, made)).float().mean() > 0.8


def test_it_tells_letters_from_digits_and_noise_scores_highest(trained: Trained) -> None:
    network, pictures = trained
    letters = digits_vae.letters().pixels[::10]
    noise = torch.rand(100, 784, generator=torch.Generator().manual_seed(0))
    for form in (amortised, optimised):
        home, foreign, wild = (form(network, x[:120]) for x in (pictures.unseen, letters, noise))
        assert home.median() < foreign.median()
        assert auroc(home, foreign) >= 0.9
        # It is a distance from home, no score of creativity: noise, which nobody calls creative, is farthest of all.
        assert wild.min() > max(float(home.max()), float(foreign.median()))


def test_auroc_counts_pairs() -> None:
    a, b = torch.tensor([1.0, 2, 3]), torch.tensor([2.0, 4])
    assert auroc(a, b) == pytest.approx((1 + 0.5 + 0 + 3) / 6)
    assert auroc(a, a) == 0.5
    assert auroc(a, b + 10) == 1


def test_nothing_has_no_distance(trained: Trained) -> None:
    assert amortised(trained[0], torch.zeros(0, 784)).shape == (0,)


def test_the_pictures_are_what_they_say() -> None:
    digits, letters, both = digits_vae.digits(), digits_vae.letters(), digits_vae.combined()
    assert digits.pixels.shape == (1797, 784)
    assert 0.19 < float(digits.held.float().mean()) < 0.22
    assert letters.labels.unique().tolist() == list(range(10, 36))
    assert len(both.pixels) == len(digits.pixels) + len(letters.pixels)
    for one in (digits, letters):
        assert one.pixels.min() >= 0
        assert one.pixels.max() <= 1
        assert one.pixels.mean(1).min() > 0.02, "an empty picture"
    assert torch.equal(letters.pixels, digits_vae.letters().pixels)


def test_training_says_how_far_it_is_and_gives_the_same_again() -> None:
    pictures, told = digits_vae.digits(), []
    before = torch.get_rng_state()
    first = digits_vae.train_vae(pictures, 4, 3, steps=100, progress=told.append, widths=(16, 8))
    assert torch.equal(before, torch.get_rng_state())
    again = digits_vae.train_vae(pictures, 4, 3, steps=100, widths=(16, 8))
    assert told == [0.5, 1.0]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not any(p.requires_grad for p in first.parameters())
    assert not first.training
