"""Which neurons a method switches on."""

import torch

from models.decoding.choice import drawn, idea, low_active, marked


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_low_active_lies_between_the_percentiles_of_what_is_ever_active() -> None:
    rates = torch.cat([torch.zeros(50), torch.linspace(0.01, 1, 100)])
    chosen = low_active(rates)
    assert not chosen[:50].any(), "what never speaks is left out"
    assert chosen.nonzero()[:, 0].tolist() == list(range(50, 66)), "the lowest 15 of 100, and the next above"
    assert low_active(rates, 15, 1).equal(chosen), "the ends may be given either way"
    middle = low_active(rates, 40, 60)
    assert 0.39 <= rates[middle].min() <= 0.42
    assert 0.59 <= rates[middle].max() <= 0.62


def test_a_small_layer_has_a_low_active_neuron_and_a_dead_one_none() -> None:
    assert low_active(torch.tensor([0.5, 0.2, 0.9, 0.0])).tolist() == [False, True, False, False] or low_active(
        torch.tensor([0.5, 0.2, 0.9, 0.0])
    ).tolist() == [True, True, False, False]
    assert not low_active(torch.zeros(8)).any()


def test_an_idea_is_one_neuron_and_those_most_like_it() -> None:
    likeness = torch.eye(12)
    for group in ((0, 3, 7, 9), (1, 2, 5, 6)):
        for a in group:
            for b in group:
                likeness[a, b] = 1.0 if a == b else 0.8 - 0.01 * abs(a - b)
    able = torch.zeros(200, 12, dtype=torch.bool)
    able[:, [0, 3, 7, 9, 1, 2, 5, 6]] = True
    chosen = idea(able, likeness, 4, rng())
    groups = {tuple(sorted(row)) for row in chosen.tolist()}
    assert groups == {(0, 3, 7, 9), (1, 2, 5, 6)}
    assert set(chosen[:, 0].tolist()) == {0, 1, 2, 3, 5, 6, 7, 9}, "each may be the first"


def test_only_those_that_are_able_speak_and_fewer_where_there_are_fewer() -> None:
    able = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])
    for chosen in (idea(able, torch.eye(4), 3, rng()), drawn(able, 3, rng())):
        assert sorted(chosen[0].tolist()) == [-1, 0, 2]
        assert chosen[1].tolist() == [-1, -1, -1]
        assert len(set(chosen[2].tolist())) == 3
        marks = marked(chosen, 4)
        assert marks.sum(1).tolist() == [2, 0, 3]
        assert not (marks & ~able).any()


def test_more_neurons_add_to_the_same_idea() -> None:
    likeness = torch.randn(30, 30, generator=rng(1))
    able = torch.ones(1, 30, dtype=torch.bool)
    five, eight = (idea(able, likeness, count, rng(3))[0].tolist() for count in (5, 8))
    assert eight[:5] == five
    assert idea(able, likeness, 5, rng(4))[0].tolist() != five


def test_a_draw_is_fair() -> None:
    chosen = drawn(torch.ones(4000, 10, dtype=torch.bool), 5, rng())
    counts = marked(chosen, 10).sum(0)
    assert counts.min() > 1800
    assert counts.max() < 2200
