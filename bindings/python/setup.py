"""What pyproject.toml cannot say: the version is that of the headers, and a wheel with the library in it is for one
kind of machine, though for every Python 3."""
import os
import re

from setuptools import setup
from setuptools.dist import Distribution
from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))


def version():
    with open(os.path.join(HERE, "facematch", "_abi.py"), encoding="utf-8") as file:
        text = file.read()
    return ".".join(re.search(rf"^FM_VERSION_{part} = (\d+)$", text, re.M).group(1)
                    for part in ("MAJOR", "MINOR", "PATCH"))


class Wheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


carries = os.path.isdir(os.path.join(HERE, "facematch", "lib"))
setup(version=version(), **({"distclass": WithLibrary, "cmdclass": {"bdist_wheel": Wheel}} if carries else {}))
