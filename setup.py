"""Compiles the one file that is worth compiling. Where that is impossible, it is installed as plain Python.

All else about the distribution stands in pyproject.toml. `TRACECHECK_PURE=1` installs plain Python on purpose.
"""

import hashlib
import os
from pathlib import Path

from setuptools import Extension, setup

SOURCE = Path("tracecheck/receiver/columns.py")


def stamped_copy() -> Path:
    """A copy of the source that holds the source's hash, so that a library older than its source can be told."""
    text = SOURCE.read_text(encoding="utf-8")
    stamped = text.replace("@source-hash@", hashlib.sha256(text.encode()).hexdigest())
    copy = Path("build/cython") / SOURCE.name
    if not copy.exists() or copy.read_text(encoding="utf-8") != stamped:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(stamped, encoding="utf-8")
    return copy


extensions = []
if os.environ.get("TRACECHECK_PURE") != "1":
    try:
        from Cython.Build import cythonize
    except ImportError:
        pass
    else:
        extensions = cythonize(
            [Extension("tracecheck.receiver.columns", [str(stamped_copy())])], show_all_warnings=False
        )
for extension in extensions:
    extension.optional = True  # cythonize drops the flag when it is given to Extension
setup(ext_modules=extensions)
