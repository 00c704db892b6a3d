"""What Schemathesis can't know of Rankscope's API: how some bodies are written, and names of things that are there."""

import os

import schemathesis

# half of the names in addresses are of something: what comes after the look-up is tried too
KNOWN = {
    "id": "example",
    "file": "toxicity.svg",
    "table": "toxicity.csv",
    "name": "builtin",
    "round": os.environ["RANKSCOPE_FUZZ_ROUND"],
}
# and those that are called otherwise below an address
KNOWN_BELOW = {
    "/judge/": {"file": "judges.svg", "table": "judges.csv"},
    "/lens/": {"file": "lens.svg", "table": "lens.csv"},
    "/datasets/": {"file": "lengths.svg", "table": "splits.csv"},
}
# each takes seconds of a real study: they get it once, by their own example
SLOW = ("/export.zip", "/report.html")


@schemathesis.serializer("application/toml", "application/zip", "text/csv")
def plain(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", errors="replace")


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if context.operation is not None and context.operation.path.endswith(SLOW):
        return path_parameters
    names = dict(KNOWN)
    for part, below in KNOWN_BELOW.items():
        if context.operation is not None and part in context.operation.path:
            names.update(below)
    for name, known in names.items():
        value = path_parameters.get(name) if path_parameters else None
        if isinstance(value, str) and len(value) % 2 == 0:
            path_parameters[name] = known
    return path_parameters
