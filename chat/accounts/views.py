from typing import Any

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from chat.accounts import actions
from chat.accounts.access import person


@method_decorator(login_not_required, name="dispatch")
class SignIn(auth.LoginView):
    template_name = "chat/accounts/login.html"
    redirect_authenticated_user = True

    def get_redirect_url(self) -> str:  # type: ignore[override]  # as Django has it, unlike its stubs
        url = super().get_redirect_url()
        return "" if url == self.request.path else url  # not here again

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(unsent=self.request.POST.get("unsent", ""), **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        if unsent := self.request.POST.get("unsent", ""):
            self.request.session["unsent"] = unsent
        return response


class SignOut(auth.LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        actions.end_session(person=person(request), session_key=request.session.session_key or "")
        return super().post(request, *args, **kwargs)


sign_in = SignIn.as_view()
sign_out = SignOut.as_view()
