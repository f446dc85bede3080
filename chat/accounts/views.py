from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe


@method_decorator(login_not_required, name="dispatch")
class SignIn(auth.LoginView):
    template_name = "chat/accounts/login.html"
    redirect_authenticated_user = True


sign_in = SignIn.as_view()
sign_out = auth.LogoutView.as_view()


@login_not_required
@cache_control(private=True, max_age=600)
@require_safe
def mine_css(request: HttpRequest, user_id: int) -> HttpResponse:
    """The per-person stylesheet: how one's own messages differ. It depends on nothing but the id."""
    return render(request, "chat/messages/mine.css", {"sender_id": user_id}, content_type="text/css; charset=utf-8")
