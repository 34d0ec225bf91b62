"""An engine as a process, asked by probes: it tells the truth about its servers, and its numbers."""

import asyncio
import signal

import httpx
from pydantic import SecretStr

from core.settings import Settings
from deploy.local import ports
from tests.support.engines import caller, engines
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until
from tests.support.working import submit


async def test_probes_tell_the_truth(settings: Settings) -> None:
    mongodb = settings.mongodb_url.get_secret_value().partition("?")[0]
    port = ports.free()
    async with Proxy(mongodb) as store, caller(settings) as (parts, queue):
        url = SecretStr(store.url + "?directConnection=true")
        mine = settings.model_copy(update={"mongodb_url": url, "engine_port": port, "store_timeout_seconds": 1.0})
        async with (
            engines(mine, 1) as (process,),
            httpx.AsyncClient(base_url=f"http://{ports.LOOPBACK}:{port}", timeout=5) as probe,
        ):

            async def status(path: str, wanted: int) -> bool:
                try:
                    return (await probe.get(path)).status_code == wanted
                except httpx.TransportError:
                    return False

            await wait_until(lambda: status("/health/ready", 200), what="the engine is ready", timeout=20)
            await submit(parts, queue, 3)

            async def counted() -> bool:
                text = (await probe.get("/metrics")).text
                return 'penstock_task_events_total{queue="intake:reports",tenant="demo",type="created"} 3.0' in text

            await wait_until(counted, what="the events are counted", timeout=20, every=0.1)
            assert 'penstock_duty_held{duty="timekeeper"} 1.0' in (await probe.get("/metrics")).text
            await store.shut()
            await wait_until(lambda: status("/health/ready", 503), what="it says that it cannot work", timeout=20)
            assert (await probe.get("/health/live")).status_code == 200
            await store.reopen()
            await wait_until(lambda: status("/health/ready", 200), what="it is ready again", timeout=20)
            assert (await probe.get("/else")).status_code == 404
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0
