from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from perform.control.link import LinkSource
from perform.engine.clock import Tick
from perform.engine.problems import UserError


def test_the_session_is_told_once_a_frame() -> None:
    session = SimpleNamespace(tempo=133.0, beat=17.25, num_peers=2, enabled=False)
    source = LinkSource(link=session)
    assert session.enabled
    said = {event.name: event.value for event in source.poll(Tick(3, 0.5, 1 / 60))}
    assert said == {"link.bpm": 133.0, "link.beat": 17.25, "link.peers": 2.0}
    source.close()
    assert not session.enabled


@pytest.mark.skipif(find_spec("aalink") is not None, reason="aalink is installed here")
def test_without_the_package_it_says_what_to_do() -> None:
    with pytest.raises(UserError, match="pip install aalink"):
        LinkSource()
