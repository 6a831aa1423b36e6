"""Sphinx's settings for the website. Nothing is run, and no page asks another host for anything."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]  # staging.py, course_lib

project = "Database patterns with async SQLAlchemy"
language = "en"
smartquotes = False  # outputs stay as they were
extensions = ["myst_nb", "sphinx.ext.githubpages"]  # the second lets GitHub serve folders such as _static

nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # links in outputs lead to pages, too
nb_code_prompt_show = "Guess first. Then open what came of it"
nb_code_prompt_hide = "Close it again"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
myst_heading_slug_func = "staging.jupyterlab_anchor"
add_module_names = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

suppress_warnings = ["misc.highlighting_failure"]  # skeletons have … where the learner writes

html_theme = "furo"
html_title = "Database patterns"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_copyright = False
html_show_sourcelink = False
html_show_search_summary = False  # it would quote what is folded, and a page from file:// cannot fetch it
html_use_index = False
html_domain_indices = False
