"""What a tenant and each of its queues may take, and the arithmetic of rates; `broker/quotas.py` holds it to that."""

import msgspec


class Quotas(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A tenant's limits; None is none. Operators set them, everybody of the tenant may see them."""

    queues: int | None = None
    open_tasks: int | None = None
    """Tasks that have not ended."""
    stored_bytes: int | None = None
    """Of all tasks that are kept, ended ones included."""
    submits_per_second: float | None = None
    """Over all replicas; twice as many may come at once."""
    claims_in_flight: int | None = None
    """Tasks that are handed out and have not ended."""
    payload_bytes: int | None = None
    """Of one task's params, as JSON."""
    long_polls: int | None = None
    """Claims that wait at the same time, in each replica."""
    streams: int | None = None
    """Event streams that are open at the same time, in each replica."""


class QueueQuotas(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A queue's limits, within those of its tenant; None is none. Who manages the queue sets them."""

    open_tasks: int | None = None
    submits_per_second: float | None = None
    """Over all replicas; twice as many may come at once."""
    claims_in_flight: int | None = None
    """Tasks that are handed out and have not ended."""
    payload_bytes: int | None = None
    """Of one task's params, as JSON."""


NONE = Quotas()

BURST_SECONDS = 2.0
"""A bucket holds what so many seconds bring."""
CHUNK_SECONDS = 0.2
"""A replica takes as many tokens at a time as so many seconds bring: one round trip for all of them."""
KEEP_SECONDS = 1.0
"""What it took and did not use for so long is given up: other replicas get the next."""


class Share(msgspec.Struct, kw_only=True):
    """A replica's tokens of one bucket. Fewer than none are a debt: whoever comes while there is one left gets all."""

    tokens: float = 0.0
    taken_at: float = 0.0
    refused_until: float = 0.0

    def may_spend(self, now: float) -> bool:
        """Whether there is a token; those that lie too long are gone."""
        if self.tokens > 0 and now - self.taken_at > KEEP_SECONDS:
            self.tokens = 0.0
        return self.tokens > 0

    def wants(self, rate: float) -> float:
        """How many to ask for: the debt, and a chunk."""
        return max(rate * CHUNK_SECONDS, 1.0) - self.tokens

    def received(self, granted: float, now: float, rate: float) -> None:
        """Note what was granted; after nothing the bucket is not asked again before it could have some."""
        self.tokens += granted
        self.taken_at = now
        if self.tokens <= 0:
            self.refused_until = now + min(max(self.wait(rate), 0.05), 1.0)

    def wait(self, rate: float) -> float:
        """Seconds until there may be a token."""
        return max((1.0 - self.tokens) / rate, 0.05)


def capacity(rate: float) -> float:
    """How many tokens a bucket holds at most."""
    return max(rate * BURST_SECONDS, 1.0)
