#!/usr/bin/env python3
"""What `scripts/docs.sh` needs besides the compiler and DocC.

    documentation.py snippets FOLDER OUTPUT     writes the symbol graph that DocC's @Snippet reads
    documentation.py judge GRAPH DIAGNOSTICS ARCHIVE
                                                fails for what DocC warned of, for public symbols without a docstring
                                                and for top-level symbols that the landing page does not list

The markers in a snippet are those of the Swift-DocC plugin, so that either renders the same: `// snippet.NAME` begins a
slice and `// snippet.end` ends it, `// snippet.hide` and `// snippet.show` leave lines out, and the comment at the top says
what the file is.
"""

import json
import re
import sys
from pathlib import Path

MARKER = re.compile(r"^\s*//\s*snippet\.([A-Za-z0-9_-]+)\s*$")

# The house documents a parameter where its name and type leave a question open, which DocC cannot know.
TOLERATED = re.compile(r"^Parameter '[^']+' is missing documentation$")


def parsed(text):
    """The explanation, the visible lines and the slices (name -> first and last + 1 of these lines) of a snippet."""
    lines = text.splitlines()
    explanation = []
    while lines and lines[0].startswith("//") and not MARKER.match(lines[0]):
        explanation.append(lines.pop(0)[2:].strip())
    visible, slices, is_visible, current = [], {}, True, None

    def end():
        if current is not None:
            slices[current[0]] = [current[1], len(visible)]

    for line in lines:
        marker = MARKER.match(line)
        if not marker:
            if is_visible and (visible or line.strip()):
                visible.append(line)
        elif marker[1] in ("hide", "show"):
            is_visible = marker[1] == "show"
        else:
            end()
            current = None if marker[1] == "end" else (marker[1], len(visible))
    end()
    return explanation, visible, slices


def symbol(root, path):
    explanation, lines, slices = parsed(path.read_text(encoding="utf-8"))
    return {
        "identifier": {"precise": f"$snippet__signet.{path.stem}", "interfaceLanguage": "swift"},
        "names": {"title": path.stem},
        "pathComponents": ["Snippets", *path.relative_to(root).with_suffix("").parts],
        "docComment": {"lines": [{"text": line} for line in explanation]},
        "accessLevel": "public",
        "kind": {"identifier": "snippet", "displayName": "Snippet"},
        "isVirtual": True,
        "snippet": {"language": "swift", "lines": lines, "slices": slices},
    }


def write_snippets(folder, output):
    graph = {
        "metadata": {"formatVersion": {"major": 0, "minor": 1, "patch": 0}, "generator": "documentation.py"},
        "module": {"name": "signet", "platform": {}, "isVirtual": True},
        "symbols": [symbol(Path(folder), path) for path in sorted(Path(folder).rglob("*.swift"))],
        "relationships": [],
    }
    Path(output).write_text(json.dumps(graph), encoding="utf-8")


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def place(file, line):
    return f"{file.removeprefix('file://').removeprefix(f'{Path.cwd()}/')}:{line}"


def warnings(diagnostics):
    for found in diagnostics["diagnostics"]:
        if found["severity"] not in ("error", "warning") or TOLERATED.match(found["summary"]):
            continue
        line = found.get("range", {}).get("start", {}).get("line", 1)
        yield f"{place(found.get('source', 'JOSE.docc'), line)}: {found['summary']}"


def undocumented(graph):
    for found in graph["symbols"]:
        if not found.get("docComment"):
            location = found.get("location", {"uri": "JOSE", "position": {"line": 0}})
            name = ".".join(found["pathComponents"])
            yield f"{place(location['uri'], location['position']['line'] + 1)}: {name} has no docstring"


def unlisted(archive):
    landing = read(Path(archive, "data/documentation/jose.json"))
    for section in landing.get("topicSections", []):
        if section.get("generated"):
            for identifier in section["identifiers"]:
                yield f"Sources/JOSE/JOSE.docc/JOSE.md:1: {identifier.split('/documentation/')[-1]} is in no topic group"


def judge(graph, diagnostics, archive):
    wrong = [*warnings(read(diagnostics)), *undocumented(read(graph))]
    if Path(archive).is_dir():
        wrong += unlisted(archive)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    sys.exit({"snippets": write_snippets, "judge": judge}[verb](*arguments))
