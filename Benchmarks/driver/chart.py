"""The chart of the README: requests a second on one core, Signet beside its peers, as an SVG without dependencies."""
import html
import math
import os

# What is shown, with the words for it.
ROWS = {
    "client_credentials.es256": "Client credentials, ES256", "client_credentials.rs256": "Client credentials, RS256",
    "refresh": "Refresh, rotated (ours is durable)", "introspect.jwt.seen": "Introspection",
    "me.cached": "GET /me behind a token", "userinfo": "Userinfo", "discovery": "Discovery",
}
SHOWN = ["signet", "composed limit", "jwt-kit", "glewlwyd", "node, key prepared", "node", "authlib", "nginx"]
NAMES = {"jwt-kit": "jwt-kit + Hummingbird", "node": "Node, Express + jose + Redis", "node, key prepared": "Node, key prepared",
         "authlib": "Authlib on gunicorn", "signet": "Signet", "nginx": "nginx, a static file"}
WIDTH, LABELS, NUMBERS, BAR, GAP, TITLE = 860, 230, 80, 16, 14, 26
# Readable on white and on black; the page's colour scheme decides about the text.
STYLE = """text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; } .foot { font-size: 11px; }
.bar { fill: #9aa4af; } .signet { fill: #c2410c; } .limit { fill: none; stroke: #9aa4af; stroke-dasharray: 3 2; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .signet { fill: #fb923c; } .bar { fill: #6e7781; } }"""


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def draw(rows, machine):
    """The SVG. Each group has a scale of its own: what is compared stands in one group."""
    cells = {}
    for each in rows:
        cells.setdefault(each["row"], {})[each["contender"]] = each["median"]
    body, y = [], 8
    for name, title in ROWS.items():
        group = [(who, cells[name][who]) for who in SHOWN if who in cells.get(name, {})]
        if not any(who == "signet" for who, _ in group):
            continue
        longest = max(value for _, value in group)
        y += TITLE - 8
        body.append(text(8, y, title, "title"))
        y += 8
        for who, value in sorted(group, key=lambda each: -each[1]):
            kind = "signet" if who == "signet" else "limit" if who == "composed limit" else "bar"
            width = max(1, value / longest * (WIDTH - LABELS - NUMBERS))
            label = f"{value:,.0f}/s" if value >= 100 else f"{value:.1f}/s"
            body.append(text(LABELS - 8, y + BAR - 4, NAMES.get(who, who), anchor="end"))
            body.append(f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" class="{kind}"/>')
            body.append(text(LABELS + math.ceil(width) + 6, y + BAR - 4, label))
            y += BAR + 4
        y += GAP
    if not body:
        return None
    foot = f"One core of {machine['processor']} for each server, loopback, {machine['date']}. Each group has its own scale."
    body.append(text(8, y + 8, foot, "foot"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 20}" width="{WIDTH}" height="{y + 20}" role="img" '
        f'aria-label="Requests a second on one core">\n<style>{STYLE}</style>\n' + "\n".join(body) + "\n</svg>\n"
    )


def write(path, rows, machine):
    drawing = draw(rows, machine)
    if drawing is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(drawing)
