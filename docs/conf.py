"""The site: `sphinx-build -W docs build/site`. Nothing is fetched to make it, and no page asks another server for anything."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from reluspec.version import __version__

project = "reluspec"
copyright = "the reluspec developers, MIT licence"
release = version = __version__

extensions = ["myst_parser", "sphinx_copybutton", "site_mathml", "site_commands", "site_python", "site_gallery"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_ext", "generated/extra", "generated/gallery/maps"]
myst_enable_extensions = ["dollarmath", "deflist", "fieldlist"]
myst_heading_anchors = 3
suppress_warnings = [
    "misc.highlighting_failure",  # console blocks hold what programs print
    "toc.empty_glob",  # some pages are optional
]

html_theme = "furo"
html_title = "reluspec"

generated = Path(__file__).parent / "generated"
extra = generated / "extra"  # the gallery's interactive reports
extra.mkdir(parents=True, exist_ok=True)
html_extra_path = [str(extra)]
security = Path(__file__).resolve().parents[1] / "SECURITY.md"
if security.exists():
    (generated / "security.md").write_text(security.read_text(encoding="utf-8"), encoding="utf-8")
html_show_sphinx = False
html_copy_source = False
html_math_renderer = "mathml"
copybutton_prompt_text = "$ "
pygments_style = "default"
