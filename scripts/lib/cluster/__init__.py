"""Souk's processes on loopback: private servers, every service, and what is needed to start, stop, kill and find them again.

`scripts/dev` and the end-to-end tests stand on this. One file per server; `cluster.py` puts them together.
"""
