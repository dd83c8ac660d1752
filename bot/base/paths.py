"""Where the files that ship with the program are: beside the packages in a checkout, inside them in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def templates() -> Path:
    """The folder of shipped templates: every word a person reads."""
    packed = _PACKAGE / "templates"
    return packed if packed.is_dir() else _PACKAGE.parent / "templates"


def example_config() -> Path:
    packed = _PACKAGE / "config.example.toml"
    return packed if packed.is_file() else _PACKAGE.parent / "config.example.toml"


def migrations() -> Path:
    return _PACKAGE / "migrations"


def shown(path: Path) -> Path:
    """The path as a person would type it: relative to where they stand if it is below. A file that came with the
    program elsewhere is `shipped flows/welcome.toml`: where it lies on this machine helps nobody.
    """
    try:
        whole = path.resolve()
        if whole.is_relative_to(Path.cwd()):
            return whole.relative_to(Path.cwd())
    except OSError:
        return path
    for folder in (templates(), _PACKAGE.parent / "automations"):
        if whole.is_relative_to(folder):
            return Path(f"shipped {whole.relative_to(folder)}")
    return path
