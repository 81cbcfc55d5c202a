"""The structs of the C interface for programs in Python that call it by ctypes, as `abi`: the tables
that the Python package is made with. Only they are read; no library is loaded.
"""
import importlib.util
import os

_TABLES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../bindings/python/facematch/_abi.py")
_spec = importlib.util.spec_from_file_location("facematch_tables", _TABLES)
abi = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(abi)
