"""What may be reached: public addresses, and private ones below an allowed prefix alone."""

import pytest

from core import addresses, errors


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "1.1.1.1"])
def test_public_addresses(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.7", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_nobodys_business(address: str) -> None:
    assert not addresses.is_public(address)


ALLOWED = ["http://127.0.0.1:9000/hooks", "https://intern.example/"]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9000/hooks", "http://127.0.0.1:9000/hooks/a?b=c", "https://intern.example:443/x", ALLOWED[1]],
)
def test_below_a_prefix(url: str) -> None:
    assert addresses.is_listed(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hooksx", "http://127.0.0.1:9001/hooks", "https://127.0.0.1:9000/hooks",
        "http://127.0.0.1:9000/hooks/../admin", "http://127.0.0.1:9000/hooks/%2e%2e/admin", "http://intern.example/",
        "https://intern.example.evil.example/", "https://intern.example@evil.example/", "http://127.0.0.1:9000/",
        "http://127.0.0.1:99999/hooks", "nonsense",
    ],
)  # fmt: skip
def test_not_below_a_prefix(url: str) -> None:
    assert not addresses.is_listed(url, ALLOWED)


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "//x", "http://u:p@x/", "http://x:0/", "http://x:y/", "file:///etc"]
)
def test_what_is_no_address_to_call(url: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        addresses.checked(url, "url")
    assert refused.value.faults[0].field == "url"
