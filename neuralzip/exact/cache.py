"""Where compiled code is kept between runs, settled before numba is first imported.

numba keeps it beside the source. Where the package cannot be written to (a system-wide installation, a read-only
file system) it goes to the user's cache folder, and where there is none to a folder that lives as long as the
process: never to one that others could have filled, since what is found there is executed. Where it is set,
NUMBA_CACHE_DIR rules.
"""

import os
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
PACKAGE = Path(__file__).resolve().parent.parent


def settle(package: Path = PACKAGE) -> None:
    """Choose the folder, unless the default will do; the environment hands it to numba."""
    if os.environ.get(VARIABLE) or os.access(package, os.W_OK):
        return
    import platformdirs  # 5 ms: in this case only

    folder = platformdirs.user_cache_path("neuralzip") / "compiled"
    os.environ[VARIABLE] = str(folder if _can_be_made(folder) else _temporary())


def _can_be_made(folder: Path) -> bool:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _temporary() -> str:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="neuralzip-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
