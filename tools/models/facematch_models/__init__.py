"""Builds libfacematch model archives (TorchScript files with a manifest) from published weights.

Run it as a program: ``python3 -m facematch_models --help``.
"""
