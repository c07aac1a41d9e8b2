"""Invented queue_log text: in goes a seed, out come files such as an Asterisk PBX leaves behind.

Two makers, both independent of the host's clock and zone, both the same bytes for the same seed and releases of numpy
and holidays:

- `sample.write_sample`: a few months of twelve lines, with waits from simulated queues and every oddity of the format;
- `volume.write_volume`, `volume.write_day`: any number of well-formed lines, quickly, to measure a load with.

Ideas, each in its module: `clock` (the days of La Paz), `profile` (who calls and who answers), `arrivals` (when they
call), `queueing` (who waits how long), `log` (what Asterisk writes of it), `shifts` (what it writes of the agents),
`oddities` (what it ought not to have written), `rotation` (into which files). Nothing here imports the rest of the
product, and no name or caller is real.
"""
