"""axe-core on every page, in light and dark, on a desktop and on a phone."""

import pathlib

import pytest
from axe_playwright_python.sync_playwright import Axe

import scenes
from signet import Signet

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "Sources" / "Pages" / "Templates"
# What other templates are made of: they are part of every page, or of the pages that name them.
PARTS = {"layout", "phrase"}
VIEWS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def world(binary, tmp_path_factory):
    with Signet(binary, tmp_path_factory.mktemp("accessibility") / "data", dev=True) as server:
        scenes.prepare(server)
        yield server


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport=VIEWS["desktop"])
    page = context.new_page()
    page.set_default_timeout(scenes.PATIENCE)
    yield page
    context.close()


def violations(page):
    """What axe-core says is wrong, with all of its rules: those of WCAG and those of good practice."""
    found = Axe().run(page).response
    assert found["passes"], "axe-core looked at something"
    return [
        (rule["id"], rule["help"], [node["target"] for node in rule["nodes"]]) for rule in found["violations"]]


@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.name)
def test_a_page_has_no_violation_in_light_and_dark_and_on_a_phone(page, world, scene):
    scene.show(page, world)
    found = {}
    for view, size in VIEWS.items():
        page.set_viewport_size(size)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if wrong := violations(page):
                found[f"{view} {scheme}"] = wrong
        wider = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            found[view] = f"{wider} pixels wider than the window"
    assert found == {}


def test_every_template_is_shown_by_a_scene():
    """Whoever adds a page adds a scene for it to scenes.py, or it would not be looked at."""
    there = {path.stem for path in TEMPLATES.glob("*.mustache")} - PARTS
    shown = {template for scene in scenes.SCENES for template in scene.templates}
    assert there - shown == set(), "templates that no scene of scenes.py shows"
    assert shown - there == set(), "scenes of templates that are gone"


def test_the_twin_axe_core_sees_what_is_wrong(page, world):
    """The same page with a label taken away and text too pale: the check above can fail."""
    scenes.sign_in_page(page, world)
    page.evaluate("""() => {
        document.querySelector("label").remove();
        document.querySelector("h1").style.color = "#f0ece4";
    }""")
    assert {"label", "color-contrast"} <= {rule for rule, *_ in violations(page)}
