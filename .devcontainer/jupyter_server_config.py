"""In a codespace a page comes from an address of its own, while the server is told `localhost`: this pairs the two."""

import os
import re

c = get_config()  # noqa: F821 - Jupyter reads this file, and gives it that name

if name := os.environ.get("CODESPACE_NAME"):
    domain = os.environ.get("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "")
    c.ServerApp.allow_origin_pat = rf"https://{re.escape(name)}-\d+\.{re.escape(domain)}"
