from typing import Any

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from chat.accounts import actions
from chat.accounts.access import person


@method_decorator(login_not_required, name="dispatch")
class SignIn(auth.LoginView):
    template_name = "chat/accounts/login.html"
    redirect_authenticated_user = True


class SignOut(auth.LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        actions.end_session(person=person(request), session_key=request.session.session_key or "")
        return super().post(request, *args, **kwargs)


sign_in = SignIn.as_view()
sign_out = SignOut.as_view()


@login_not_required
@cache_control(private=True, max_age=600)
@require_safe
def mine_css(request: HttpRequest, user_id: int) -> HttpResponse:
    """The per-person stylesheet: how one's own messages differ. It depends on nothing but the id."""
    return render(request, "chat/messages/mine.css", {"sender_id": user_id}, content_type="text/css; charset=utf-8")
