"""Every address of the product, by feature."""

from django.urls import path

from chat.accounts import views as accounts
from chat.live import views as live
from chat.messages import views as messages

urlpatterns = [
    path("", messages.home, name="home"),
    path("accounts/login/", accounts.sign_in, name="login"),
    path("accounts/logout/", accounts.sign_out, name="logout"),
    path("mine/<int:user_id>.css", messages.mine_css, name="mine_css"),
    path("rooms/", messages.list_rooms, name="room_list"),
    path("rooms/<uuid:room_id>/", messages.show_room, name="room"),
    path("rooms/<uuid:room_id>/<int:seq>/", messages.show_room, name="message"),
    path("rooms/<uuid:room_id>/messages/", messages.messages, name="messages"),
    path("rooms/<uuid:room_id>/messages/<int:seq>/edit/", messages.edit_message, name="edit_message"),
    path("rooms/<uuid:room_id>/messages/<int:seq>/delete/", messages.delete_message, name="delete_message"),
    path("rooms/<uuid:room_id>/stream/", live.open_stream, name="room_stream"),
    path("stream/", live.open_stream, name="stream"),
]
