"""A Pygments lexer for `.rspec`: `pygmentize`, Sphinx and Jupyter find it by the entry point `rspec`.

It tells keywords from names as the grammar does (grammar/rspec.lark): after an operator, an opening bracket or a comma a word is a name,
whatever it is; in a block of fields every word is one. `grammar/rspec.tmLanguage.json` says the same to editors.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, default, include
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

NAME = r"[^\W\d]\w*"
_GAP = r"(?:[ \t\r\n\f]|#[^\r\n]*[\r\n])*"


class RspecLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """The words of a spec; what the grammar does not know is `Error`."""

    name = "reluspec specification"
    aliases: ClassVar = ["rspec"]
    filenames: ClassVar = ["*.rspec"]
    mimetypes: ClassVar = ["text/x-rspec"]
    url = "https://arxiv.org/abs/2508.17783"

    tokens: ClassVar = {
        "root": [
            include("blank"),
            (r"title\b", Keyword),
            (r"(let|on|regulari[sz]er)\b", Keyword, "operand"),
            (r"(data|solve)\b", Keyword, "block"),
            (r"network\b", Keyword, "network"),
            (r"loss\b", Keyword, "reduction"),
            (r"\{", Punctuation, "operand"),
            (r"\}", Punctuation),
            include("words"),
        ],
        "blank": [(r"[ \t\r\n\f]+", Text), (r"#[^\r\n]*", Comment.Single)],
        "words": [
            (r'"([^"\\\r\n]|\\[^\r\n])*"', String),
            (r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?(?![\w.])", Number),
            (r"[-+*/^=.]", Operator, "operand"),
            (r"[(\[,]", Punctuation, "operand"),
            (r"[)\]]", Punctuation),
            (NAME, Name),
        ],
        # Where an operand is due, no word is a keyword.
        "operand": [
            include("blank"),
            (rf"{NAME}(?={_GAP}\()", Name.Function, "#pop"),
            (NAME, Name.Variable, "#pop"),
            default("#pop"),
        ],
        "reduction": [include("blank"), (r"(sum|mean)\b", Keyword, ("#pop", "operand")), default("#pop")],
        "block": [
            include("blank"),
            (r"from\b", Keyword),
            (r'"([^"\\\r\n]|\\[^\r\n])*"', String),
            (r"\{", Punctuation, ("#pop", "fields")),
            default("#pop"),
        ],
        "fields": [include("blank"), (rf"{NAME}(?={_GAP}=)", Name.Attribute), (r"\}", Punctuation, "#pop"), include("words")],
        "network": [include("blank"), (r"\{", Punctuation, ("#pop", "layers", "input")), default("#pop")],
        "input": [include("blank"), (r"input\b", Keyword, ("#pop", "operand")), default("#pop")],
        "layers": [
            include("blank"),
            (rf"({NAME})(?={_GAP}:)", Name.Label, "colon"),
            (r"(layer|fixed)\b", Keyword, "operand"),
            (r"without\b", Keyword, "bias"),
            (r"\{", Punctuation, ("expression", "operand")),
            (r"\}", Punctuation, "#pop"),
            include("words"),
        ],
        "colon": [include("blank"), (r":", Punctuation, "#pop"), default("#pop")],
        "bias": [include("blank"), (r"bias\b", Keyword, "#pop"), default("#pop")],
        "expression": [include("blank"), (r"\}", Punctuation, "#pop"), include("words")],
    }
