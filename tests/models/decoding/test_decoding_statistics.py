"""What is known of neurons: counted right, kept, and only believed of the network that it is of."""

from pathlib import Path

import pytest
import torch
from decoding_tools import autoencoder, known, latent, small
from safetensors.torch import save_file

from models.checkpoints import Refused
from models.decoding.statistics import activity, gather, load_statistics, save_statistics, statistics_path


def test_rates_means_and_likeness_of_a_rectified_layer() -> None:
    seen = torch.zeros(100, 4)
    seen[:10, 0] = torch.arange(1, 11).float()
    seen[:10, 1] = 2 * seen[:10, 0]
    seen[50:, 2] = 3
    found = activity(seen, torch.zeros(100, 4))
    assert found.threshold == 0
    assert found.rates.tolist() == pytest.approx([0.1, 0.1, 0.5, 0])
    assert found.ever.tolist() == [True, True, True, False]
    assert found.mean.tolist() == pytest.approx([5.5, 11, 3, 0])
    assert found.sigma[0] == pytest.approx(seen[:10, 0].std(correction=0))
    assert found.on(1)[2] == 3
    assert found.likeness[0, 1] == pytest.approx(1, abs=1e-5)
    assert found.likeness[0, 2] < 0
    assert found.loudness == 0


def test_where_nothing_is_ever_off_the_lowest_part_of_the_layer_counts_as_off() -> None:
    seen = torch.randn(400, 20, generator=torch.Generator().manual_seed(0)) + torch.linspace(-2, 2, 20)
    found = activity(seen, torch.ones(400, 20))
    assert float((seen < found.threshold).float().mean()) == pytest.approx(0.15, abs=0.001)
    assert (found.rates.diff() > -0.08).all(), "who lies higher is active more often"
    assert found.loudness == 1


def test_gathering_says_how_far_it_is_and_gives_the_same_again() -> None:
    network = small()
    told: list[float] = []
    first = gather(network, samples=6, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) == 7
    again = gather(network, samples=6)
    assert list(first.layers) == [layer for layer in network.layers if not layer.endswith("torgb")]
    for layer, one in first.layers.items():
        assert torch.equal(one.rates, again.layers[layer].rates)
        assert one.likeness.shape == (len(one.rates), len(one.rates))
        assert one.loudness > 0
    with pytest.raises(ValueError, match="two samples"):
        gather(network, samples=1)


def test_given_latents_take_the_place_of_seeds() -> None:
    network = autoencoder()
    found = gather(network, latents=[latent(network, 1, 30), latent(network, 2, 20)])
    assert found.about is not None
    assert found.about["samples"] == 50
    assert list(found.layers) == ["hidden1", "hidden2", "hidden3"]
    assert all(one.threshold == 0 and one.loudness == 0 for one in found.layers.values())
    assert any(bool((one.rates < 0.3).any()) for one in found.layers.values())


@pytest.mark.parametrize("kind", ["stylegan2", "vae"])
def test_they_are_kept_beside_the_model_and_only_for_it(kind: str, tmp_path: Path) -> None:
    network, found = known(kind)
    path = statistics_path(tmp_path / "moss.safetensors")
    assert path.name == "moss.activity"
    save_statistics(path, found)
    read = load_statistics(path, network)
    assert read.about == found.about
    for layer, one in found.layers.items():
        assert torch.equal(read.layers[layer].rates, one.rates)
        assert torch.equal(read.layers[layer].texture, one.texture)
        assert torch.allclose(read.layers[layer].likeness, one.likeness, atol=1e-3)
        assert (read.layers[layer].spread, read.layers[layer].threshold) == (one.spread, one.threshold)
    with pytest.raises(Refused, match=r"moss\.activity.*another model"):
        load_statistics(path, small(5))


def test_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    _, found = known("vae")
    path = tmp_path / "x.activity"
    with pytest.raises(Refused, match=r"x\.activity.*cannot be read"):
        load_statistics(path)
    save_statistics(path, found)
    whole = path.read_bytes()
    for cut in (0, 5, 60, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(Refused, match=r"x\.activity"):
            load_statistics(path)
    for metadata in (None, {"decoding": "{"}, {"decoding": '{"format": 1, "layers": {"a": [1, 2]}}'}):
        save_file({"a/rates": torch.ones(3)}, path, metadata=metadata)
        with pytest.raises(Refused, match=r"x\.activity.*Gather them again"):
            load_statistics(path)
    save_file({"a": torch.ones(3)}, path, metadata={"decoding": '{"format": 99}'})
    with pytest.raises(Refused, match="newer"):
        load_statistics(path)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    _, found = known("vae")
    path = tmp_path / "x.activity"
    one = found.layers["hidden1"]
    broken = type(one)(one.rates, one.mean * float("nan"), one.sigma, one.texture, one.likeness, 1.0, 0.0)
    save_statistics(path, type(found)({"hidden1": broken}, found.model, {}))
    with pytest.raises(Refused, match="damaged"):
        load_statistics(path)
