"""Reports in a real browser: charts are drawn, the controls work, and nothing is asked of the network."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.report import write_report
from tests.conftest import QUIET

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install -e '.[test]'")
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; apt-get install chromium"), pytest.mark.thorough]


VIEWS = [(name, *look) for name in ("run", "comparison", "map") for look in (("light", 1280), ("dark", 390))]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a run, a comparison and a map."""
    folder = tmp_path_factory.mktemp("browser")
    players = {"generator.hidden": (8,), "discriminator.hidden": (8,), "batch": 16, "trace.tensorboard": False}
    arena.play(
        "ring", turns=120, out=folder / "run", display=False, **players, **{"trace.every": 5, "score.every": 20, "picture.every": 40}
    )
    vary, settings = {"rule": ["simultaneous", "extragradient"]}, {"turns": 60, **QUIET}
    arena.compare("bilinear", vary=vary, seeds=2, settings=settings, workers=1, backend="in-place", out=folder / "comparison")
    axes = {"x.lr": "log:0.01:1:5", "y.lr": "log:0.01:1:5"}
    arena.play_map("bilinear", vary=axes, settings={"turns": 60}, workers=1, out=folder / "map")
    arena.play("bilinear", turns=200, out=folder / "points", display=False, **{"trace.tensorboard": False})
    return {name: write_report([folder / name]) for name in ("run", "comparison", "map", "points")}


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[tuple[Any, list[str]]]:
    """A page that has drawn its charts, and what was wrong: errors, and requests to any host."""
    name, scheme, width = request.param
    view, wrong = browser.new_page(viewport={"width": width, "height": 9000}, color_scheme=scheme), list[str]()
    view.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    view.on("pageerror", lambda error: wrong.append(str(error)))
    view.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None)
    view.goto(pages[name].as_uri())
    until(view, "() => reportCharts() === document.querySelectorAll('.chart').length")
    yield view, wrong
    view.close()


def until(view: Any, condition: str) -> None:
    """Wait for a condition; the page itself forbids a driver to wait inside it."""
    for _ in range(200):
        if view.evaluate(condition):
            return
        view.wait_for_timeout(100)
    raise AssertionError(f"not within 20 s: {condition}")


@pytest.mark.parametrize("opened", VIEWS, indirect=True)
def test_every_chart_is_drawn_within_the_page(opened: tuple[Any, list[str]]) -> None:
    view, wrong = opened
    assert view.evaluate("document.documentElement.scrollWidth") <= view.viewport_size["width"]
    blank = """() => [...document.querySelectorAll('.chart canvas')].filter((canvas) => {
        const seen = new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
        return seen.size < 8;
    }).length"""
    assert view.evaluate(blank) == 0
    assert wrong == []


@pytest.mark.parametrize("opened", [("run", "light", 1280)], indirect=True)
def test_the_slider_moves_through_the_pictures(opened: tuple[Any, list[str]]) -> None:
    view, wrong = opened
    slider, image, told = (view.locator(f".slider {part}").first for part in ("input", "img", "output"))
    before = image.get_attribute("src")
    assert told.inner_text() == "turn 120"
    slider.focus()
    view.keyboard.press("ArrowLeft")
    assert told.inner_text() == "turn 80"
    assert image.get_attribute("src") != before
    assert image.get_attribute("alt") == "the game's picture after 80 turns"
    assert wrong == []


@pytest.mark.parametrize("opened", [("run", "light", 1280)], indirect=True)
def test_cursor_zoom_and_axis_are_those_of_all_charts(opened: tuple[Any, list[str]]) -> None:
    view, wrong = opened
    box = view.locator(".player .chart").first.bounding_box()
    view.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4)
    until(view, "() => document.querySelector('.bar output').textContent.startsWith('turn ')")
    options = "() => [...document.querySelectorAll('.player .chart')].map((place) => echarts.getInstanceByDom(place).getOption()"
    shown, last = (f"{options}.{value})" for value in ("dataZoom[0].endValue", "series.at(-1).data.at(-1)[0]"))
    view.select_option("select[data-range]", "0,0.5")
    assert set(view.evaluate(shown)) == {60}
    view.select_option("select[data-range]", "0,1")
    view.select_option("select[data-axis]", "moves")
    assert set(view.evaluate(last)) == {60}  # each player has its own
    assert wrong == []


@pytest.mark.parametrize("opened", [("map", "light", 1280)], indirect=True)
def test_the_table_sorts_by_numbers(opened: tuple[Any, list[str]]) -> None:
    view, wrong = opened
    column = "() => [...document.querySelectorAll('table.sortable tbody tr')].map((row) => parseFloat(row.cells[2].dataset.value))"
    head = view.locator("table.sortable th button").nth(2)
    head.click()
    rising = [value for value in view.evaluate(column) if value is not None]
    head.click()
    falling = [value for value in view.evaluate(column) if value is not None]
    assert len(rising) == 25
    assert rising == sorted(rising)
    assert falling == rising[::-1]
    assert wrong == []


@pytest.mark.parametrize("opened", [("points", "light", 1280)], indirect=True)
def test_the_band_of_a_loss_below_zero_ends_at_its_quantiles(opened: tuple[Any, list[str]]) -> None:
    view, wrong = opened
    ends = """() => {
        const [low, width] = echarts.getInstanceByDom(document.querySelector('.player .chart')).getModel().getSeries();
        const data = width.getData(), top = data.getCalculationInfo('stackResultDimension');
        return low.option.data.map(([_, below], i) => [below, width.option.data[i][1], data.get(top, i)]);
    }"""
    found = view.evaluate(ends)
    assert min(low for low, _, _ in found) < 0
    assert [top for _, _, top in found] == pytest.approx([low + width for low, width, _ in found])
    assert wrong == []


@pytest.mark.parametrize("opened", [("run", "light", 1280)], indirect=True)
def test_the_score_of_real_data_is_within_the_chart(opened: tuple[Any, list[str]]) -> None:
    view, wrong = opened
    chart = "echarts.getInstanceByDom(document.querySelector('.hero .chart'))"
    name, height = view.evaluate(f"(() => {{ const s = {chart}.getOption().series.at(-1); return [s.name, s.data[0][1]]; }})()")
    place = view.evaluate(f"{chart}.convertToPixel({{ yAxisIndex: 0 }}, {height})")
    assert name == "real data"
    assert 0 <= place <= view.evaluate(f"{chart}.getHeight()")
    assert wrong == []
