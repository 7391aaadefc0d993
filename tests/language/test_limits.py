"""Every limit is checked before the work it bounds: each of these returns at once, with the value and the limit."""

from __future__ import annotations

import time

import pytest
from spec_texts import NETWORK, build, error_of, messages, spec

from reluspec.language import limits


def activation(text: str) -> str:
    return spec(network=NETWORK.replace("relu", "{ " + text + " }"))


def chain(levels: int, step: str) -> str:
    text = "z"
    for _ in range(levels):
        text = step.replace("@", text)
    return text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (spec(more="let a = 1e999999999"), "the decimal exponent 999999999 is too large; the limit is 1000"),
        (spec(more="let a = 1e-1001"), "the decimal exponent -1001 is too large"),
        (spec(more="let a = 1e" + "9" * 100_000), "is too large"),
        (spec(more="let a = " + "1" * 1001), "a number of 1001 digits; the limit is 1000"),
        (spec(more="let a = 9^9^9"), "a number of 1162261467 bits; the limit is 10000"),
        (spec(more="let a = 9^9^9^9^9"), "bits; the limit is 10000"),
        (spec(more="let a = (1/2)^-99999999999999999999999"), "more than 2^63 bits"),
        (spec(more="let a = 2^9999 let b = a*a*a"), "bits; the limit is 10000"),
        (spec(more="let a = " + "(" * 101 + "1" + ")" * 101), "brackets are nested 101 deep here; the limit is 100"),
        (spec(more="let a = " + "[" * 100_000), "brackets are nested 101 deep"),
        (activation("z^33"), "the power 33 is too large; the limit is 32"),
        (activation("(z^8)^8"), "an expression of degree 64; the limit is 32"),
        (activation("*".join("z" * 33)), "an expression of degree 33; the limit is 32"),
        (activation(chain(90, "max(z, @)")), "operations and operands (every max and min written out); the limit is 10000"),
        (activation(chain(90, "relu(1 - 2*@)")), "levels deep; the limit is 150"),
        (activation("+".join(["z"] * 10_001)), "an expression of 10002 operations"),
        (spec(network="network { input 1 " + "layer 1 relu " * 101 + "}"), "the network has 101 layers; the limit is 100"),
        (spec(network="network { input 10000 layer 10000 relu layer 1 linear }"), "weights and biases; the limit is 1000000"),
        (spec(data="data { x = [" + "0," * 100_001 + "] y = [0] }"), "`x` has 100001 entries; the limit is 100000"),
        (" " * (limits.SPEC_BYTES + 1), "a spec of 1048577 bytes; the limit is 1 MiB"),
        (
            spec(more=f"regulariser {{ {'+'.join(['p^2'] * 3000)} }}", network="network { input 1 layer 1000 relu layer 1 linear }"),
            "summed over 3001",
        ),
    ],
)
def test_limits(text, message):
    start = time.perf_counter()
    assert message in str(error_of(text))
    assert time.perf_counter() - start < 8


def test_just_inside_the_limits():
    build(more="let a = " + "(" * 100 + "1" + ")" * 100)
    build(more="let a = 1e1000 let b = 1e-1000 let c = " + "1" * 1000)
    build(more="let a = " + "-" * 5000 + "1 let b = " + "+".join(["1"] * 5000) + " let c = " + "^".join(["1"] * 5000))
    build(network=NETWORK.replace("relu", "{ z^32 }"))
    deep = build(network=NETWORK.replace("relu", "{ " + chain(37, "relu(1 - 2*@)") + " }"))
    assert hash(deep) == hash(deep)
    assert repr(deep)


def test_not_all_errors_are_printed():
    error = error_of(spec(more="\n".join(f"let a{k} = b{k}" for k in range(1000))))
    assert len(error.diagnostics) == limits.DIAGNOSTICS_KEPT
    assert str(error).count("error:") == limits.DIAGNOSTICS_PRINTED
    assert str(error).endswith("and 980 more errors")
    assert len(messages("let a = = 1\n" * 1000)) == limits.SYNTAX_ERRORS
