"""Readings of nodeServices, as ns_server gives it in all its forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.service.discovery import service_roots

BOTH = {"mgmt": 8091, "backupAPI": 8097, "backupAPIHTTPS": 18097}
ASKED = "https://node1.example:18091"
KEYS = ("services", "hostname", "alternateAddresses", "external", "ports", "backupAPIHTTPS")


def node(services: dict[str, int] = BOTH, **keys: Any) -> dict[str, Any]:
    """Describe a node."""
    return {"services": services, **keys}


def outside(hostname: str, **keys: Any) -> dict[str, Any]:
    """Return a node's alternate addresses."""
    return {"external": {"hostname": hostname, **keys}}


def roots(*nodes: dict[str, Any], asked: str = ASKED) -> tuple[str, ...]:
    """Read the roots from a document with *nodes*."""
    return service_roots({"rev": 1, "nodesExt": list(nodes)}, asked)


def test_nodes_with_the_service_are_roots() -> None:
    """Each node that runs the service is a root, in the order of the list."""
    found = roots(
        node(hostname="10.0.0.1"), node({"kv": 11210}, hostname="10.0.0.2"), node(hostname="c")
    )

    assert found == ("https://10.0.0.1:18097", "https://c:18097")


def test_the_scheme_stays() -> None:
    """Who asks in clear text is given the clear port, and never the other way round."""
    found = roots(node(hostname="a"), node({"backupAPIHTTPS": 1}), asked="http://n:8091")

    assert found == ("http://a:8097",)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("https://node1.example:18091", "https://node1.example:18097"),
        ("https://[::1]:18091", "https://[::1]:18097"),
    ],
)
def test_a_node_without_a_name_is_the_one_asked(asked: str, expected: str) -> None:
    """A single node that knows itself as localhost names no host; the one asked is it."""
    assert roots(node(), asked=asked) == (expected,)


def test_ipv6_literals_get_brackets() -> None:
    """A node known by an IPv6 address makes a sound URL."""
    assert roots(node(hostname="2001:db8::1")) == ("https://[2001:db8::1]:18097",)


def test_external_addresses_hold_for_who_comes_from_outside() -> None:
    """If the host asked is an external one, external hosts and ports are used."""
    found = roots(
        node(
            hostname="a", alternateAddresses=outside("Node1.example", ports={"backupAPIHTTPS": 9})
        ),
        node(hostname="b", alternateAddresses=outside("node2.example")),
        node(hostname="c", alternateAddresses=outside("node3.example", ports={"kv": 1})),
        node(hostname="d"),
    )

    assert found == (
        "https://Node1.example:9",
        "https://node2.example:18097",
    )


def test_external_addresses_are_passed_over_inside() -> None:
    """If the host asked is an internal one, external addresses do not matter."""
    found = roots(node(hostname="node1.example", alternateAddresses=outside("else.example")))

    assert found == ("https://node1.example:18097",)


@pytest.mark.parametrize("port", [0, -1, 65536, "18097", None, 1.5, True, 10**40, [18097]])
def test_an_odd_port_is_no_root(port: Any) -> None:
    """A node whose port is none is left out."""
    assert roots(node({"backupAPIHTTPS": port})) == ()


@pytest.mark.parametrize(
    "hostname",
    [
        *(
            "",
            "a/b",
            "u:p@h",
            "a b",
            "h?x",
            "a#b",
            "a%2eb",
            "a\\b",
            "é.example",
            "\ud800",
            "a\x00b",
        ),
        *(".", "..", ".x", "x..y", "x..", "-x", "x-", "*", "x" * 64, ".".join(["x" * 9] * 26)),
        *(":", "::::", ":::::", "1.2.3.4:80", "[::1]", "fe80::1%eth0", "1:2", "::1.2.3.4.5"),
        *(
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "x.0x7f",
            "01.2.3.4",
        ),
        *(7, True, [], {"a": 1}),
    ],
)
def test_an_odd_host_is_no_root(hostname: Any) -> None:
    """A node whose host would change the meaning of a URL is left out."""
    found = roots(node(hostname=hostname))

    assert found == ()


def test_odd_nodes_are_passed_over() -> None:
    """What is no node among the nodes is left out, and so is a node without services."""
    document: object = {"nodesExt": [None, 7, {}, {"services": []}, node(hostname="a")]}

    assert service_roots(document, ASKED) == ("https://a:18097",)


@pytest.mark.parametrize(
    "hostname",
    [
        "a",
        "A-1.example",
        "a_b.example.",
        "10.0.0.1",
        "::1",
        "2001:db8::1",
        "::ffff:1.2.3.4",
        "1a.b",
    ],
)
def test_a_sound_host_is_a_root(hostname: str) -> None:
    """Names and addresses as nodes have them are taken."""
    host = f"[{hostname}]" if ":" in hostname else hostname

    assert roots(node(hostname=hostname)) == (f"https://{host}:18097",)


def test_nodes_have_a_bound() -> None:
    """Of a list without end the first thousand nodes are enough."""
    found = roots(*(node(hostname=f"n{number}") for number in range(1200)))

    assert len(found) == 1000


@pytest.mark.parametrize("document", [None, [], {}, {"nodesExt": None}, {"nodesExt": ["x"]}])
def test_other_documents_are_refused(document: object) -> None:
    """What is no list of nodes is an error and not an empty cluster."""
    with pytest.raises(ValueError, match="not a list of nodes"):
        service_roots(document, ASKED)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_document_breaks_the_reading(nodes: object) -> None:
    """Any document gives roots of the asked scheme or a ValueError."""
    try:
        found = service_roots({"nodesExt": nodes}, ASKED)
    except ValueError:
        return

    assert all(urlsplit(root).hostname and urlsplit(root).port for root in found)
    assert all(root.startswith("https://") for root in found)
