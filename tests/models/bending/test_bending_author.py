"""The author's configurations and cluster files, and the plain YAML they are written in."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bending.author import layer_name, read_clusters, read_config
from models.bending.clusters import load_clusters
from models.bending.plain_yaml import parse
from models.bending.slots import Features, Slot
from models.checkpoints import Refused

CONFIG = """
transforms:
- layer: 4
  transform: "translate"
  params: [0.25, 0.0]
  features: "all"
  feature-param:
- layer: 5
  transform: "ablate"   # silence
  params: []
  features: "cluster"
  feature-param: 2
- layer: 12
  transform: "binary-tresh"
  params: [0.5]
  features: "random"
  feature-param: 0.5
- layer: 0
  transform: "rotate"
  params: [0]
  features: "random"
  feature-param: 0
- {layer: 3, transform: resize, params: [0.5, 0.5], features: all}

other: {left: alone}
"""


def test_a_configuration_becomes_slots(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    made = read_config(path)
    assert made.slots == (
        Slot("b16.conv1", "translate", knobs={"right": 0.25, "down": 0.0}),
        Slot("b32.conv0", "ablate", Features("cluster", cluster=2), knobs={}),
        Slot("b256.conv1", "binary_thresh", Features("random", seed=2, fraction=0.5), knobs={"threshold": 0.5}),
    )
    never, resize = made.notes
    assert "layer 0" in never
    assert "size of the map" in resize


def test_layers_have_the_papers_numbers() -> None:
    assert [layer_name(number) for number in (0, 1, 2, 3, 8, 16)] == [
        "b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b64.conv1", "b1024.conv1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1", "no list `transforms:`"),
        ("transforms:\n- layer: 1\n  transform: melt\n", "transform 1: there is no melt"),
        ("transforms:\n- layer: 1\n", "transform 1: no transform"),
        ("transforms:\n- transform: ablate\n", "no layer"),
        ("transforms:\n- layer: 1\n  transform: rotate\n  params: []\n", "takes 1 numbers, not 0"),
        ("transforms:\n- layer: 99999\n  transform: ablate\n", "no layer 99999"),
        ("transforms:\n- layer: 1\n  transform: ablate\n  features: some\n", "all, random or cluster"),
        ("transforms:\n- layer: 1\n  transform: ablate\n  features: random\n  feature-param: 3\n", "lies in 0..1"),
        ("transforms: [1]", "transform 1"),
        ("x: !!python/object/apply:os.system ['true']", "beyond plain YAML"),
        ("a: [1, 2", "line 1: a bracket is not closed"),
        ("a: 1\n\tb: 2", "line 2: indented with a tab"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(Refused) as refused:
        read_config(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_the_authors_cluster_file(tmp_path: Path) -> None:
    path = tmp_path / "clusters.yaml"
    path.write_text("1:\n- {cluster_index: 1, feature_index: 0}\n- {cluster_index: 0, feature_index: 1}\n2:\n"
                    "- cluster_index: 3\n  feature_index: 0\n")  # fmt: skip
    assert read_clusters(path) == {"b8.conv0": (1, 0), "b8.conv1": (3,)}
    assert load_clusters(path).channels("b8.conv0", 1) == (0,)
    path.write_text("1:\n- {cluster_index: 1, feature_index: 5}\n")
    with pytest.raises(Refused, match="channels are missing"):
        read_clusters(path)
    with pytest.raises(Refused, match="cannot be read"):
        read_clusters(tmp_path / "none.yaml")


NESTED = """
a:
  b: [1, -2.5, 'it''s', "x # y", null, true]
  c:
  - - 1
    - 2
  -
    d: e f
g: {h: 1, i: {j: []}}
"""


def test_plain_yaml() -> None:
    assert parse("--- # nothing\n") is None
    assert parse(NESTED) == {
        "a": {"b": [1, -2.5, "it's", "x # y", None, True], "c": [[1, 2], {"d": "e f"}]},
        "g": {"h": 1, "i": {"j": []}},
    }


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab1:-[]{},'\" \n#&!", max_size=60))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    said = ""
    try:
        parse(text)
    except ValueError as error:
        said = str(error)
    assert not said or said.startswith("line ")
