"""The other tools: what each needs, the same work in its own words, and how it's started."""

from peers.ansible import ANSIBLE, MITOGEN
from peers.bundlewrap import BUNDLEWRAP
from peers.pyinfra import PYINFRA
from peers.salt import SALT

PEERS = {peer.name: peer for peer in (ANSIBLE, MITOGEN, SALT, PYINFRA, BUNDLEWRAP)}
