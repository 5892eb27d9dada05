"""The checker that tests put on the shapes and types of cirkd.relations and cirkd.losses."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
