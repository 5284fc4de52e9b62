"""What docs/protocol.md says, read from the page itself, so that this reader has no other source."""

import pathlib
import re

_PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def _script(heading: str) -> str:
    section = _PAGE.split(f"\n## {heading}\n", 1)[1]
    return section.split("```lua\n", 1)[1].split("\n```", 1)[0]


LEASE = _script("lease")
FILL = _script("fill")
ORDER_ID = re.compile(re.search(r"does not match `\^(.*)\$` must not", _PAGE).group(1))
