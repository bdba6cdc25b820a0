"""What services/Dockerfile makes an image of, and a virtual environment with the packages of one."""

import json
import re
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

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


def requirements_of(service: str) -> list[Path]:
    """The files of requirements that the image of a service installs."""
    stores = re.findall(rf"[ ;]{service}\) stores=\"?([a-z ]+?)\"? ;;", DOCKERFILE.read_text())
    more = [REPO_ROOT / f"requirements-{store}.txt" for text in stores for store in text.split()]
    return [REPO_ROOT / "services" / service / "requirements.txt", *more]


def make_python(requirements: Iterable[Path], target: Path) -> Path:
    """The interpreter of a virtual environment with the packages of files of requirements, and not even pip.

    They are links to the packages of the running interpreter, which must be the pinned ones.
    """
    venv.create(target, symlinks=True)
    (site,) = target.glob("lib/python*/site-packages")
    for pin in (pin for file in requirements for pin in _pins(file)):
        package = distribution(pin.name)
        assert pin.specifier.contains(package.version), f"{pin.name} is installed as {package.version}, not as {pin}"
        for file in package.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:  # scripts, which no image runs
                _link(Path(str(package.locate_file(""))), site, file.parts)
    return target / "bin" / "python"


def _pins(requirements: Path) -> Iterator[Requirement]:
    """What a requirements file and those that it includes pin for this interpreter, without hashes."""
    for line in re.sub(r" *\\\n *", " ", requirements.read_text()).splitlines():
        if line.startswith("-r "):
            yield from _pins(requirements.parent / line.removeprefix("-r "))
        elif line and not line.startswith(("#", "-")):
            pin = Requirement(line.partition(" --hash")[0])
            if pin.marker is None or pin.marker.evaluate():
                yield pin


def _link(source: Path, target: Path, parts: tuple[str, ...]) -> None:
    """Link a file, or the package that it is in; directories that packages share become directories."""
    for name in parts:
        source, target = source / name, target / name
        if target.is_symlink():
            return
        if source.is_file() or (source / "__init__.py").exists():
            target.symlink_to(source)
            return
        target.mkdir(exist_ok=True)
