"""Data from CSV files."""

from __future__ import annotations

from fractions import Fraction as Q

import pytest
from spec_texts import spec

from reluspec.errors import SpecError
from reluspec.language import load_spec, parse_spec

TWO = "network { input 2 layer 1 linear }"
SHOES = 'data from "points.csv" { x = [height, "shoe size"]  y = [price] }'


@pytest.fixture
def folder(tmp_path):
    def write(content: str | bytes, name: str = "points.csv"):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write


def read(directory, data=SHOES, network=TWO):
    return parse_spec(spec(data=data, network=network), directory=directory).data


def complaint(directory, data=SHOES, network=TWO) -> str:
    with pytest.raises(SpecError) as caught:
        read(directory, data, network)
    return str(caught.value)


GOOD = 'name, height ,shoe size,price\na,0.1,1/3,1e-3\n"b, c",-2,.5, +7 \n'


@pytest.mark.parametrize("content", [GOOD, "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD.replace("\n", "\r"), GOOD + "\n\n", GOOD[:-1]])
def test_columns_are_read_exactly(folder, content):
    data = read(folder(content))
    assert data.x == ((Q(1, 10), Q(1, 3)), (-2, Q(1, 2)))
    assert data.y == ((Q(1, 1000),), (7,))
    assert data.weight == (1, 1)


def test_the_path_is_relative_to_the_spec(folder):
    directory = folder("a,b,w\n1,2,1/2\n3,4,3\n")
    path = directory / "model.rspec"
    one = "network { input 1 layer 1 linear }"
    path.write_text(spec(data='data from "points.csv" { weight = w x = a y = [b] }', network=one), encoding="utf-8")
    data = load_spec(path).data
    assert (data.x, data.y, data.weight) == (((1,), (3,)), ((2,), (4,)), (Q(1, 2), 3))
    absolute = parse_spec(spec(data=f'data from "{directory}/points.csv" {{ x = [a] y = [b] weight = ["w"] }}', network=one))
    assert absolute.data == data


def test_bad_cells_are_reported_with_row_and_column(folder):
    found = complaint(folder('height,shoe size,price\n1,2,3\n1,,3\n1,2,abc\n1/0,nan,"1,5"\n'))
    for line in (
        "points.csv:3:3: error: row 3, column `shoe size`: the cell is empty",
        "points.csv:4:5: error: row 4, column `price`: `abc` is not a number\n    1,2,abc\n        ^^^",
        "row 5, column `height`: division by zero in `1/0`",
        "row 5, column `shoe size`: `nan` is not a number",
        'points.csv:5:9: error: row 5, column `price`: `1,5` is not a number\n    1/0,nan,"1,5"\n            ^^^^^',
    ):
        assert line in found


def test_many_bad_cells_are_counted(folder):
    found = complaint(folder("height,shoe size,price\n" + "1,x,3\n" * 500))
    assert found.count("error:") == 20
    assert found.endswith("and 480 more errors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("height,shoe_size,price\n1,2,3\n", "has no column `shoe size`\n"),
        ("height,shoe_size,price\n1,2,3\n", "did you mean `shoe_size`? known: height, shoe_size, price"),
        ("height;shoe size;price\n1;2;3\n", "must be separated by commas"),
        ("height,height,shoe size,price\n1,1,2,3\n", "has 2 columns named `height`"),
        ("height,shoe size,price\n1,2\n", "row 2 has 2 cells, the header has 3"),
        ("height,shoe size,price\n1,2,3\n\n1,2,3\n", "row 3 is empty"),
        ("height,shoe size,price\n", "the file has a header and no rows"),
        ("", "the file is empty"),
        ('height,shoe size,price\n1,2,"3\n', "not a CSV row"),
        (b"height,shoe size,price\n1,2,\xff\n", "`points.csv`: not UTF-8: byte 0xff at offset 27, in line 2"),
        ("height,shoe size,price\n1,2,3\0\n", "not a"),
        ("height,shoe size,price\n1,2," + "9" * 1001 + "\n", "a number of 1001 digits; the limit is 1000"),
        ("height,shoe size,price\n1,2,1e999999999\n", "the decimal exponent 999999999 is too large"),
        ("height,shoe size,price\n" + "1,2,3\n" * 100_001, "more than 100000 rows"),
    ],
)
def test_bad_files(folder, content, message):
    assert message in complaint(folder(content))


def test_missing_files_and_bad_names(folder):
    directory = folder(GOOD)
    assert "`nothing.csv`: there is no such file" in complaint(directory, SHOES.replace("points", "nothing"))
    assert f"the path is relative to the spec: {directory / 'nothing.csv'}" in complaint(directory, SHOES.replace("points", "nothing"))
    assert "this is a directory" in complaint(directory, SHOES.replace("points.csv", "."))
    assert "not the name of a column" in complaint(directory, SHOES.replace("height", "2*height"))
    assert "`x` names no column" in complaint(directory, SHOES.replace('height, "shoe size"', ""))
    assert "`weight` is one column, not 2" in complaint(directory, SHOES.replace("}", "weight = [price, height] }"))
    assert "2 numbers, but the network has 1 input" in complaint(directory, network="network { input 1 layer 1 linear }")


def test_weights_are_positive(folder):
    found = complaint(folder("height,shoe size,price,w\n1,2,3,1\n1,2,3,0\n"), SHOES.replace("}", "weight = w }"))
    assert "row 3, column `w`: the weight 0 is not positive" in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n" * 200_001, "200001 lines; the limits are 100000 rows and 200000 lines"),
        ("," * 20_000, "a line with 20001 columns; the limit is 20000"),
        (("," * 19_000 + "\n") * 600, "11400000 cells; the limit is 10000000"),
        ('a,b\n"' + "\n" * 300_000, "300001 lines"),
        ("a,b\n" + "1" * 200_000 + ",1\n", "field larger than field limit"),
    ],
)
def test_tables_that_would_fill_the_memory(text, words):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec(data='data from "points.csv" { x = [a] y = [b] }'), files={"points.csv": text})
    assert words in str(caught.value)
