"""The database answers queries, and the browser runs a page's scripts."""

from pathlib import Path

import psycopg
import pytest

from tests.services.chromium import Browser


@pytest.mark.service("postgres")
def test_postgres_answers_a_query(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.service("chromium")
def test_chromium_gives_a_page_as_its_scripts_left_it(tmp_path: Path, chromium: Browser) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p id=p>before</p><script>document.getElementById('p').textContent = 'af' + 'ter'</script>")
    assert '<p id="p">after</p>' in chromium.dom(page.as_uri())


@pytest.mark.service("chromium")
def test_chromium_takes_a_picture_of_a_page(tmp_path: Path, chromium: Browser) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h1>chain</h1>")
    picture = chromium.screenshot(page.as_uri(), tmp_path / "page.png", width=320, height=200)
    assert picture.read_bytes().startswith(b"\x89PNG")
