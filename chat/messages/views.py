import uuid
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.accounts.access import person
from chat.messages import actions, limits
from chat.messages.forms import PostForm, TextForm, is_garbled
from chat.messages.fragments import message_html, messages_html
from chat.messages.models import Message
from chat.messages.roomlist import room_list
from chat.messages.timeline import window
from chat.rooms.access import enter
from chat.rooms.models import Room


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """The latest room, or the empty state."""
    rooms = room_list(person(request))
    if rooms:
        return redirect("room", rooms[0].id)
    return render(request, "chat/rooms/empty.html", {"rooms": rooms})


@require_safe
def list_rooms(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/rooms/list.html", {"rooms": room_list(person(request))})


@never_cache  # a page brought back by the browser would post with a client_mid that is used up
@require_safe
def show_room(request: HttpRequest, room_id: uuid.UUID, seq: int | None = None) -> HttpResponse:
    """The newest messages, those around one, or those before `?before=`."""
    room = enter(person(request), room_id).room
    if seq is not None and not Message.objects.filter(room=room, seq=seq).exists():
        raise Http404
    return _room_page(request, room, around=seq, before=_cursors(request, "before").get("before"))


@require_http_methods(["GET", "HEAD", "POST"])
def messages(request: HttpRequest, room_id: uuid.UUID) -> HttpResponse:
    return post_message(request, room_id) if request.method == "POST" else list_messages(request, room_id)


def list_messages(request: HttpRequest, room_id: uuid.UUID) -> HttpResponse:
    room = enter(person(request), room_id).room
    found = window(Message.objects.filter(room=room), **_cursors(request, "before", "after", "around", "limit"))
    return HttpResponse(messages_html(found.messages))


def post_message(request: HttpRequest, room_id: uuid.UUID) -> HttpResponse:
    sender = person(request)
    room = enter(sender, room_id).room
    form = PostForm(request.POST, garbled=is_garbled(request))
    if wait := limits.too_fast(request, room_id):
        return _refuse(request, room, form, 429, wait)
    if not form.is_valid():
        return _refuse(request, room, form, 422)
    posted = actions.post_message(room=room, sender=sender, **form.cleaned_data)
    request.session.pop("unsent", None)
    if _wants_page(request):
        return redirect("room", room_id)
    return HttpResponse(
        message_html(posted.message),
        status=201 if posted.created else 200,
        headers={"Location": reverse("message", args=[room_id, posted.message.seq])},
    )


@login_not_required
@cache_control(private=True, max_age=600)
@require_safe
def mine_css(request: HttpRequest, user_id: int) -> HttpResponse:
    """The per-person stylesheet: how one's own messages differ. It depends on nothing but the id."""
    return render(request, "chat/messages/mine.css", {"sender_id": user_id}, content_type="text/css; charset=utf-8")


@require_POST
def edit_message(request: HttpRequest, room_id: uuid.UUID, seq: int) -> HttpResponse:
    message = _find(request, room_id, seq)
    actions.must_be_senders(message, person(request))
    form = TextForm(request.POST, garbled=is_garbled(request))
    if not form.is_valid():
        return HttpResponse(form.problems, status=422, content_type="text/plain; charset=utf-8")
    message = actions.edit_message(message=message, editor=person(request), text=form.cleaned_data["text"])
    return _answer(request, message)


@require_POST
def delete_message(request: HttpRequest, room_id: uuid.UUID, seq: int) -> HttpResponse:
    message = actions.delete_message(message=_find(request, room_id, seq), deleter=person(request))
    return _answer(request, message)


def _cursors(request: HttpRequest, *names: str) -> dict[str, int]:
    """The whole numbers of the query string. Raises BadRequest."""
    try:
        return {name: max(0, min(int(request.GET[name]), 2**63 - 1)) for name in names if name in request.GET}
    except ValueError:
        raise BadRequest(f"{', '.join(names)}: whole numbers only") from None


def _unsent(request: HttpRequest) -> dict[str, Any]:
    """What stands in the box: nothing, or what was typed before one had to sign in again."""
    return {"text": request.session.get("unsent", ""), "client_mid": uuid.uuid4()}


def _find(request: HttpRequest, room_id: uuid.UUID, seq: int) -> Message:
    room = enter(person(request), room_id).room
    message = Message.objects.shown().filter(room=room, seq=seq).first()
    if message is None:
        raise Http404
    return message


def _answer(request: HttpRequest, message: Message) -> HttpResponse:
    if _wants_page(request):
        return redirect("message", message.room_id, message.seq)
    return HttpResponse(message_html(message))


def _refuse(request: HttpRequest, room: Room, form: PostForm, status: int, wait: int | None = None) -> HttpResponse:
    if _wants_page(request):
        if "client_mid" in form.errors:
            form.renew_client_mid()
        response = _room_page(request, room, composer=form, retry_after=wait, status=status)
    else:
        problem = form.problems if wait is None else str(_("Too fast. Try again in a moment."))
        response = HttpResponse(problem, status=status, content_type="text/plain; charset=utf-8")
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def _wants_page(request: HttpRequest) -> bool:
    """A browser without htmx, which goes to what it is answered."""
    return "HX-Request" not in request.headers and "text/html" in request.headers.get("Accept", "")


def _room_page(
    request: HttpRequest,
    room: Room,
    *,
    around: int | None = None,
    before: int | None = None,
    composer: PostForm | None = None,
    retry_after: int | None = None,
    status: int = 200,
) -> HttpResponse:
    head = Room.objects.heads([room.pk])[room.pk]  # before the messages: what comes in between is replayed
    shown = window(Message.objects.filter(room=room), around=around, before=before)
    context = {
        "room": room,
        "member_count": room.members.count(),
        "rooms": room_list(person(request), room.pk),
        "head": head,
        "rows": list(shown.rows),
        "earlier": shown.earlier,
        "later": shown.later,
        "highlighted": around,
        "composer": composer or PostForm(initial=_unsent(request)),
        "retry_after": retry_after,
    }
    return render(request, "chat/rooms/page.html", context, status=status)
