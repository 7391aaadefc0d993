"""How specs and JSON artefacts are spoilt: by words of the language, by parts of the document, and by bytes."""

from __future__ import annotations

import copy
import json
import re
from hashlib import sha256
from random import Random
from typing import Any

WORDS = (
    *[
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ":",
        ".",
        "=",
        "+",
        "-",
        "*",
        "/",
        "^",
        "#",
        ";",
        "|",
        "0",
        "1",
        "-1",
        "1/2",
        "0.1",
        "1e9",
        "1e-9",
        "1e999",
        "1e1001",
        "9^9^9",
        "2^-1",
        ".5",
        "1/0",
        "0/0",
        "x",
        "y",
        "f",
        "z",
        "p",
        "a",
    ],
    *[
        "title",
        "let",
        "data",
        "from",
        "network",
        "input",
        "layer",
        "without",
        "bias",
        "fixed",
        "weight",
        "loss",
        "sum",
        "mean",
        "regulariser",
        "regularizer",
        "on",
        "solve",
    ],
    *[
        "max",
        "min",
        "abs",
        "relu",
        "leaky_relu(1/10)",
        "hard_tanh",
        "relu6",
        "linear",
        "hidden",
        "hidden.weight",
        "output.bias",
        "ridge",
        "lasso",
        "all",
    ],
    *["squared_error", "absolute_error", "huber(1)", "squared_hinge", "power(4)", "power(17)", "∞", "é", "f[0]", "y[1]", "[[1]]", "(0,1)"],
    *["engine", "precision", "workers", "timeout", "auto", "10000", "1000000000", "99999999999999999999"],
    *('"', "\\", '"points.csv"', '"/dev/zero"', '"../../etc/passwd"', "z^32", "(" * 60, "[" * 60, "-" * 200, "1" * 999),
    *("\0", "\r", "\n", "\t", "\ufeff", "\u2028", "\ud7ff", "\U0001f600", "\x1b[31m"),
)
NAMES = (
    ("relu", "linear", "abs", "hard_tanh", "relu6", "leaky_relu(1/3)", "{ max(z, z^2) }"),
    ("squared_error", "absolute_error", "huber(1)", "squared_hinge", "power(4)", "{ abs(y - f)^3 }"),
    ("ridge", "lasso"),
    ("sum", "mean"),
    ("without bias", "", "fixed bias [0]"),
)
"""Words of one kind: put for each other they leave a spec that says something else."""

LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 10**30, -(10**30), 0.5, 1e308, "", "0", "1e999999", "1e-999999", "-1", "+", "++", "0" * 400, "1/0"),
    *("<script>", "../../x", "\x00", "é", "reluspec/regions", [], {}, [[]], [[[]]], {"value": "1", "radius": "0"}, {"value": "9" * 400}),
)


def spoilt_spec(text: str, random: Random) -> str:
    """A spec with one to four changes: a stretch deleted, doubled, moved or replaced by a word; half of the time first another meaning."""
    if random.random() < 0.5:
        text = another_spec(text, random)
        if random.random() < 0.5:
            return text
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(text))
        stop = min(len(text), start + random.choice((0, 1, 2, 5, 12, 80)))
        kind, word = random.randrange(6), random.choice(WORDS)
        if kind == 0:
            text = text[:start] + text[stop:]
        elif kind == 1:
            text = text[:stop] + text[start:]
        elif kind == 2:
            text = text[stop:] + text[:start]
        elif kind == 3:
            text = text[:start] + f" {word} " + text[stop:]
        elif kind == 4:
            text = _other_word(text, word, random)
        else:
            text = text[:start] + word + text[stop:]
    return text


def another_spec(text: str, random: Random) -> str:
    """A spec that mostly holds up: other numbers, other activations, losses and penalties."""
    for _ in range(random.randint(1, 3)):
        if random.random() < 0.5:
            family = random.choice(NAMES)
            text = text.replace(random.choice(family) or "without bias", random.choice(family), 1)
            continue
        numbers = list(NUMBER.finditer(text))
        if numbers:
            place = random.choice(numbers)
            text = text[: place.start()] + random.choice(("0", "1", "2", "3", "7/3", "-1", "0.5", "1e-6", "5", "12")) + text[place.end() :]
    return text


NUMBER = re.compile(r"\d+(\.\d+)?(/\d+)?")


def _other_word(text: str, word: str, random: Random) -> str:
    words = text.split(" ")
    words[random.randrange(len(words))] = random.choice((word, random.choice(words)))
    return " ".join(words)


def spoilt_document(text: str, random: Random) -> str:
    """A JSON document with one to three parts replaced, removed, renamed, doubled or swapped; at times the text itself is cut."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return spoilt_spec(text, random)
    if random.random() < 0.2:
        return spoilt_spec(text, random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        document = _changed(document, random)
    if random.random() < 0.5:
        _resigned(document, random)
    try:
        return json.dumps(document, ensure_ascii=random.random() < 0.5)
    except (ValueError, RecursionError):
        return text


def _other_digits(value: str, random: Random) -> str:
    place = random.randrange(len(value))
    return random.choice((value[:place] + str(random.randrange(10)) + value[place + 1 :], f"-{value}", f"{value}e5", f"{value}e-400", "0"))


def _resigned(document: Any, random: Random) -> None:
    """Another spec with its checksum: the rest of the document is then about another problem."""
    if isinstance(document, dict) and isinstance(document.get("spec"), str):
        document["spec"] = another_spec(document["spec"], random)
        document["spec_sha256"] = sha256(document["spec"].encode("utf-8", "replace")).hexdigest()


def _changed(document: Any, random: Random) -> Any:
    """Walk down at random, so that parts near the top are changed as often as the many small ones far down."""
    parent, key, value = None, None, document
    while isinstance(value, dict | list) and value and (parent is None or random.random() < 0.75):
        parent, key = value, random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value = parent[key]
    if parent is None:
        return random.choice(LEAVES)
    kind = random.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(random.randint(0, len(parent)), copy.deepcopy(value))
    elif kind == 2 and isinstance(parent, dict):
        parent[random.choice(("", "x", "format", "\u0000", str(key) + "s"))] = parent.pop(key)
    elif kind == 3 and isinstance(value, str) and value:
        parent[key] = _other_digits(value, random) if NUMBER.fullmatch(value.lstrip("-")) else spoilt_spec(value, random)
    elif kind == 4 and isinstance(value, int | float) and not isinstance(value, bool):
        parent[key] = random.choice((value + 1, -value, value * 10**20, float(value), str(value)))
    else:
        parent[key] = copy.deepcopy(random.choice(LEAVES))
    return document
