"""Who is calling."""

from starlette.responses import Response

from api import described, guards, replies, routing, shown
from api.schemas import platform_views

router = routing.router("me")


@router.get("/me", responses=described.answers(platform_views.MeView, "The caller."))
async def get_me(caller: guards.Anybody) -> Response:
    """Say who is calling, as this server reads the token."""
    return replies.reply(shown.me_view(caller.who))
