"""Where the package's configs and tools are: in the checkout, or inside an installed wheel."""

from pathlib import Path

__all__ = ['checkout_dir', 'config_dir', 'package_root', 'tools_dir']


def package_root() -> Path:
    """Return the folder of the package ``wsod_mm`` itself."""
    return Path(__file__).resolve().parent.parent


def checkout_dir() -> Path | None:
    """Return the checkout that the package is imported from, ``None`` for an installed wheel."""
    root = package_root().parent
    return root if (root / 'pyproject.toml').is_file() and (root / 'configs').is_dir() else None


def config_dir() -> Path:
    """Return the folder ``configs``.

    Raises:
        FileNotFoundError: The installation lacks it.
    """
    return _shipped('configs')


def tools_dir() -> Path:
    """Return the folder ``tools``.

    Raises:
        FileNotFoundError: The installation lacks it.
    """
    return _shipped('tools')


def _shipped(name: str) -> Path:
    checkout = checkout_dir()
    # the checkout first: there `.mim` only links to it
    folder = checkout / name if checkout else package_root() / '.mim' / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder} is missing: this installation of wsod_mm is incomplete. '
            'Install it again from a checkout: pip install --no-deps --force-reinstall .'
        )
    return folder
