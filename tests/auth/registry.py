"""A register of tenants held in memory, for tests of those who ask one."""

from core import tenant
from tests.support.clock import FakeClock


class Registry:
    """The tenants that are registered, as the store would answer; counts how often it is asked."""

    def __init__(self) -> None:
        self.by_issuer: dict[str, tenant.Tenant] = {}
        self.asked: list[str] = []

    def add(self, tenant_id: str, issuer: str, now: FakeClock) -> None:
        self.by_issuer[issuer] = tenant.Tenant(id=tenant_id, issuer=issuer, created_at=now(), version=1)

    async def load(self, issuer: str) -> tenant.Tenant | None:
        self.asked.append(issuer)
        return self.by_issuer.get(issuer)
