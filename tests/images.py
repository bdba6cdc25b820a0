"""What services/Dockerfile makes an image of."""

import json
import re

from heartguard_common.core.paths import REPO_ROOT

DOCKERFILE = REPO_ROOT / "services" / "Dockerfile"


def image_text(service: str) -> str:
    """The instructions that make a service's image, one a line: its stage and those it is built from."""
    stages = {}
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    for base, name, lines in re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL):
        stages[name] = stages.get(base, "") + lines
    # Without a target, Docker builds the last stage.
    return stages[service if service in stages else [*stages][-1]].replace("${SERVICE}", service)


def command(service: str) -> list[str]:
    """What a container of the image runs when nothing else is said."""
    (written,) = re.findall(r"^CMD (.*)$", image_text(service), re.MULTILINE)
    return list(json.loads(written))
