"""Compiles the one part that is worth compiling. Where that is impossible, it is installed as plain Python.

All else about the distribution stands in pyproject.toml. `TRACECHECK_PURE=1` installs plain Python on purpose.
"""

import os
import runpy
import sys
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("tracecheck/receiver/columns")


def one_source() -> Path:
    """The modules of the decoder as one file, which Cython compiles as one piece."""
    text = runpy.run_path(str(SOURCES / "unit.py"))["one_text"](SOURCES)
    joined = Path("build/cython/compiled_columns.py")
    if not joined.exists() or joined.read_text(encoding="utf-8") != text:
        joined.parent.mkdir(parents=True, exist_ok=True)
        joined.write_text(text, encoding="utf-8")
    return joined


extensions = []
if os.environ.get("TRACECHECK_PURE") != "1":
    try:
        from Cython.Build import cythonize
    except ImportError:
        pass
    else:
        without_symbols = [] if sys.platform == "win32" else ["-g0"]  # a sixth of the size, in half the time
        decoder = Extension(
            "tracecheck.receiver.compiled_columns", [str(one_source())], extra_compile_args=without_symbols
        )
        extensions = cythonize([decoder], show_all_warnings=False)
for extension in extensions:
    extension.optional = True  # cythonize drops the flag when it is given to Extension
setup(ext_modules=extensions)
