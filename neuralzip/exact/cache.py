"""Where compiled code is kept between runs, settled before numba is first imported.

numba keeps it beside the source. Where the package cannot be written to (a system-wide installation, a read-only
file system) it goes to the user's cache folder, and where there is none to a folder that lives as long as the
process: never to one that others could have filled, since what is found there is executed. Where it is set,
NUMBA_CACHE_DIR rules.
"""

import contextlib
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
    os.environ[VARIABLE] = str(folder if _made(folder) else _temporary())


def _made(folder: Path) -> bool:
    """Make a folder; False where that is impossible, as it is in homes of others and where there is no home."""
    with contextlib.suppress(OSError):
        if folder.is_absolute():  # not where the home of the user is unknown
            folder.mkdir(parents=True, exist_ok=True)
            return os.access(folder, os.W_OK)
    return False


def _temporary() -> str:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="neuralzip-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
