"""What is done about accounts in the background."""

from procrastinate.contrib.django import app

from chat.accounts import actions


@app.periodic(cron="17 4 * * *")
@app.task(queueing_lock="forget_expired_sessions")
def forget_expired_sessions(timestamp: int) -> None:
    actions.forget_expired_sessions()
