import uuid

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django_eventstream.utils import get_channelmanager

from chat.accounts.access import person
from chat.live import grip
from chat.live.channels import ROOM
from chat.live.ticket import CONTENT_TYPE, Ticket, position
from chat.rooms.access import NotAMember, enter


@never_cache
@require_GET
def open_stream(request: HttpRequest, room_id: uuid.UUID | None = None) -> HttpResponse:
    """The permission question of a stream. The answer is a ticket, for the process that will hold the stream.

    Where a Pushpin holds it, the answer is for Pushpin.
    """
    user = person(request)
    head = enter(user, room_id).room.last_seq if room_id is not None else 0
    if grip.is_through_pushpin(request):
        return grip.hold(request, room_id, head)
    if "madang.bus" not in request.META:
        return HttpResponse("This process serves pages; streams are served elsewhere.\n", status=421)
    channels = get_channelmanager().get_channels_for_request(request, {"room_id": room_id})
    if room_id is not None and f"{ROOM}{room_id}" not in channels:
        raise NotAMember  # removed since the first look
    ticket = Ticket(
        user_id=user.pk,
        session_key=request.session.session_key or "",
        auth_hash=user.get_session_auth_hash(),
        channels=sorted(channels),
        after=position(request.headers.get("Last-Event-ID"), request.GET.get("after")),
    )
    return HttpResponse(ticket.pack(), content_type=CONTENT_TYPE)


open_stream.answers_strangers_with_401 = True  # type: ignore[attr-defined]
