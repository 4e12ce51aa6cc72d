"""Harm done on purpose to a marketplace of processes while people shop in it, and a judge of the books afterwards.

`scripts/chaos` puts it together. One file a concern: what harms there are (`harms_*.py`), what is bought meanwhile (`storm.py`,
`invoices.py`), what the harm is done with (`links.py`, `meddler.py`, `namespace.py`, `clock.py`, `disk.py`), who restarts what died
(`supervisor.py`), and what must hold (`checker.py`, over what `books.py` reads).
"""
