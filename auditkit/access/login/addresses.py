"""Where a request comes from: the connection's peer, or the client that a trusted proxy names.

Laws:
    - X-Forwarded-For counts only as far as trusted peers have written it: from the right, up to the
      first address that is not one of theirs.
    - A peer that the header itself names was taken from it by the server's software, not seen. It
      counts only if this machine's own proxies are trusted, since only theirs is taken so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from auditkit.access.login.callers import Credentials
from auditkit.errors import InputError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNSEEN: Final = "forwarded"
_HERE: Final = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
# One customer of a provider has at least so many bits of IPv6 addresses.
_IPV6_CUSTOMER_BITS: Final = 64


class TrustedPeers:
    """Proxies whose headers count.

    Args:
        peers: Their addresses or networks.

    Raises:
        InputError: If one is not an address.
    """

    def __init__(self, peers: Sequence[str]) -> None:
        try:
            self._networks = tuple(ipaddress.ip_network(peer) for peer in peers)
        except ValueError as error:
            raise InputError(
                "A trusted proxy's address is malformed.",
                remedy="write an address or a network: 10.0.0.0/8",
            ) from error

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._networks)

    def __contains__(self, address: Address | None) -> bool:
        """Whether an address is one of theirs."""
        return address is not None and any(address in network for network in self._networks)

    def wrote(self, credentials: Credentials) -> bool:
        """Whether one of them is seen at the other end of a request's connection."""
        peer = _address(credentials.peer)
        return peer in self and peer not in _named(credentials.forwarded)

    def client_of(self, credentials: Credentials) -> str:
        """The client's address, for counting log-ins; one name for all of an IPv6 customer's.

        Args:
            credentials: The request's.
        """
        peer = _address(credentials.peer)
        if peer is None:
            return ""
        # A port tells nothing here, and the last reading of each part is the one without it.
        hops = [_address(part) for part in credentials.forwarded.split(",")]
        if peer in _named(credentials.forwarded):
            if not any(here in self for here in _HERE):
                return _UNSEEN
            while hops and hops[-1] != peer:
                hops.pop()
            hops = hops[:-1]
        client = peer
        for hop in reversed(hops):
            if client not in self or hop is None:
                break
            client = hop
        if isinstance(client, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((client, _IPV6_CUSTOMER_BITS), strict=False))
        return str(client)


def _named(forwarded: str) -> set[Address]:
    """Every address in a list, with or without ports, in any reading."""
    return {found for part in forwarded.split(",") for found in _readings(part)}


def _address(text: str) -> Address | None:
    """The address in a text, with or without a port; None if there is none."""
    return next(iter(_readings(text)), None)


def _readings(text: str) -> list[Address]:
    stripped = text.strip()
    bracketed = stripped.removeprefix("[").partition("]")[0]
    found = []
    for candidate in (stripped, bracketed, stripped.rpartition(":")[0]):
        with suppress(ValueError):
            address = ipaddress.ip_address(candidate)
            # A server that listens on IPv6 sees 10.0.0.1 as ::ffff:10.0.0.1.
            found.append(getattr(address, "ipv4_mapped", None) or address)
    return found
