"""Takes a picture of every scene of scenes.py: light and dark, desktop and phone. Called by scripts/screenshots.sh.

    screenshots.py FOLDER [--only SCENE …]
"""

import argparse
import io
import os
import pathlib
import tempfile

from PIL import Image
from playwright.sync_api import sync_playwright

import scenes
from signet import Signet

VIEWS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
# Of longer pages the beginning is enough.
HEIGHTS = {"desktop": 1100, "phone": 2400}
SCHEMES = ["light", "dark"]


def save(png, path):
    """A palette is enough for flat colors, and a third of the size."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def take(browser, server, scene, folder):
    context = browser.new_context(viewport=VIEWS["desktop"], device_scale_factor=2, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(scenes.PATIENCE)
    scene.show(page, server)
    for view, size in VIEWS.items():
        page.set_viewport_size(size)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.evaluate("() => document.fonts.ready")
            path = folder / f"{scene.name}-{view}-{scheme}.png"
            height = min(page.evaluate("() => document.documentElement.scrollHeight"), HEIGHTS[view])
            clip = {"x": 0, "y": 0, "width": size["width"], "height": max(height, size["height"])}
            save(page.screenshot(full_page=True, clip=clip), path)
            print(path)
    context.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    wanted = [scene for scene in scenes.SCENES if not arguments.only or scene.name in arguments.only]
    with tempfile.TemporaryDirectory(prefix="signet-screenshots-") as temporary:
        with Signet(os.environ["SIGNET_BIN"], pathlib.Path(temporary) / "data", dev=True) as server:
            scenes.prepare(server)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=os.environ["SIGNET_CHROMIUM"], args=["--no-sandbox", "--hide-scrollbars"])
                for scene in wanted:
                    take(browser, server, scene, arguments.folder)
                browser.close()


if __name__ == "__main__":
    main()
