"""Build the website into .site/html: the pages are staged in .site/source, and Sphinx reads them there.

make site

does so in an environment of its own. A warning ends it, and so does a link that leads nowhere. What Sphinx has read
is kept in .site/read, so the next time it reads only what has changed.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SITE = ROOT / ".site"


def main() -> int:
    sys.path.insert(0, str(ROOT))  # course_lib is not installed there
    from sphinx.cmd.build import main as sphinx

    from staging import write

    source, read, html = (str(SITE / name) for name in ("source", "read", "html"))
    write(SITE / "source")
    status: int = sphinx(["-q", "-W", "--keep-going", "-c", str(HERE), "-d", read, source, html])
    if status == 0:
        print(f"The first page: {(SITE / 'html' / 'index.html').as_uri()}")
    return status


if __name__ == "__main__":
    sys.exit(main())
