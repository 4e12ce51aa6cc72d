"""Measures Souk beside its limits and peers: `scripts/bench` says how.

A part of the bench is one file here; what a part measures is an `Experiment` (measure.py), whose contenders run by turns.
"""
