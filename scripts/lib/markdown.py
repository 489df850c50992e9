"""The repository's Markdown pages, for scripts that check them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^\s*(```+|~~~+)")


def pages():
    """All Markdown files that git does not ignore, but not symbolic links to others."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found = sorted({ROOT / name for name in listing.stdout.split("\0") if name})
    return [page for page in found if page.is_file() and not page.is_symlink()]


def lines_outside_code(page):
    """Pairs of line number and line, without fenced blocks."""
    fence = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark.group(1)
        elif fence is not None:
            if mark and mark.group(1).startswith(fence):
                fence = None
        else:
            yield number, line
