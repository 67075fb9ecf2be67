"""Builds the optional native library, `elansr/engines/cpu/_native`; everything else stands in pyproject.toml.

The library is plain C++17 that Python loads with ctypes: it links neither to Python nor to torch, so one build serves
every version of both. Without a compiler the installation goes on, and elansr computes with PyTorch alone.
"""

import os
import platform
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

SOURCE = Path("src/elansr/engines/cpu/source")
NAME = "elansr.engines.cpu._native"
X86_64 = platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32

UNIX = ["-std=c++17", "-O3", "-fvisibility=hidden", "-pthread", "-g0", "-Wno-maybe-uninitialized"]
MSVC = ["/std:c++17", "/O2", "/EHsc"]

AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
LEVELS = {
    "avx2": (AVX2, ["/arch:AVX2"]),
    "avx512": (AVX512, ["/arch:AVX512"]),
    "avx512bf16": ([*AVX512, "-mavx512bf16"], ["/arch:AVX512"]),
}
"""Flags of the files that need more than the oldest processor has, for GCC and Clang, and for MSVC."""


class BuildNative(build_ext):
    """Compiles each level with flags of its own; one that the compiler does not know is left out."""

    def get_ext_filename(self, fullname):
        """A plain name: the library belongs to no version of Python."""
        return os.path.join(*fullname.split(".")) + (".dll" if sys.platform == "win32" else ".so")

    def get_export_symbols(self, ext):
        """The sources say themselves what they export."""
        return ext.export_symbols

    def build_extension(self, ext):
        """Compiles the levels, then tells the rest which of them there are."""
        msvc = self.compiler.compiler_type == "msvc"
        ext.extra_compile_args = MSVC if msvc else UNIX
        ext.extra_link_args = [] if msvc else ["-pthread"]
        ext.extra_objects = []
        for level, flags in LEVELS.items() if X86_64 else ():
            self._add_level(ext, level, ext.extra_compile_args + flags[msvc])
        super().build_extension(ext)

    def _add_level(self, ext, level, flags):
        source = str(SOURCE / f"level_{level}.cpp")
        try:
            objects = self.compiler.compile([source], output_dir=self.build_temp, extra_postargs=flags)
        except CompileError as error:
            self.warn(f"elansr is built without {level}: {error}")
        else:
            ext.extra_objects += objects
            ext.define_macros.append((f"ELANSR_HAS_{level.upper()}", None))


class AnyPython(bdist_wheel):
    """A wheel for one platform and any Python 3."""

    def get_tag(self):
        """As if there were no extension, except for the platform."""
        return ("py3", "none", super().get_tag()[2])


SOURCES = [
    *("levels.cpp", "level_portable.cpp", "common/processor.cpp", "common/threads.cpp"),
    *("infer/library.cpp", "train/library.cpp", "train/shift.cpp"),
]
setup(
    ext_modules=[
        Extension(
            NAME,
            [str(SOURCE / name) for name in SOURCES],
            depends=[str(path) for pattern in ("**/*.h", "level_*.cpp") for path in sorted(SOURCE.glob(pattern))],
            language="c++",
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildNative, "bdist_wheel": AnyPython},
)
