"""The pages of a running service: what is stored, one click away from each chain."""

import re
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.api.serving import served
from tests.services.chromium import Browser
from tests.support.spans import Traces
from tracecheck.chains import refresh
from tracecheck.store import Store, open_store


@pytest.fixture
def store() -> Iterator[Store]:
    order = Traces(correlation_id="o-17", run_id="run-1")
    sent = order.send("checkout", "orders", partition="0", offset=41)
    order.process("billing", "orders", of=sent, partition="0", offset=41)
    with open_store(":memory:") as opened:
        opened.append(order.spans)
        yield opened


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with served(store, lambda: refresh(store)) as address:
        yield address


def fetched(url: str) -> tuple[HTTPResponse, str]:
    with urlopen(url, timeout=30) as response:
        return response, response.read().decode()


def test_the_first_page_leads_to_every_chain(url: str) -> None:
    _, page = fetched(f"{url}/")
    links = re.findall(r'href="(chains/[^"]+)"', page)
    assert len(links) == 1
    _, chain = fetched(f"{url}/{links[0]}")
    assert "chain o-17" in chain
    assert "process orders" in chain
    assert '<a href="../">all chains</a>' in chain


def test_the_first_page_marks_a_chain_whose_message_nobody_took(url: str, store: Store) -> None:
    lost = Traces(correlation_id="o-18")
    lost.send("checkout", "orders", partition="0", offset=42)
    store.append(lost.spans)
    _, page = fetched(f"{url}/")
    broken = {
        name: int(count)
        for name, count in re.findall(
            r'<a href="chains/[^"]+">([^<]+)</a>.*?"number(?: fail)?">(\d+)</td>\n<td class="fail">', page, re.S
        )
    }
    assert broken == {"o-17": 0, "o-18": 1}


@pytest.mark.parametrize("name", ["o-17", "run-1"])
def test_a_chain_is_found_by_any_of_its_ids(url: str, name: str) -> None:
    assert "chain o-17" in fetched(f"{url}/chains/{name}")[1]


def test_a_name_that_nothing_has_is_answered_in_words(url: str) -> None:
    with pytest.raises(HTTPError, match="404") as refused:
        fetched(f"{url}/chains/%3Cscript%3E")
    assert refused.value.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "names 0 chains" in refused.value.read().decode()


def test_S57_a_page_may_load_nothing_and_run_nothing(url: str) -> None:
    response, _ = fetched(f"{url}/")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.service("chromium")
def test_a_browser_shows_both_pages(url: str, chromium: Browser) -> None:
    assert "Where messages pass" in chromium.dom(f"{url}/")
    assert "Over time" in chromium.dom(f"{url}/chains/o-17")
