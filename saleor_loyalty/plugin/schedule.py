"""When the beat runs our tasks, beside Saleor's own."""

from datetime import timedelta

from celery.schedules import crontab

BEAT_SCHEDULE = {
    "loyalty-settle-due-orders": {
        "task": "saleor_loyalty.plugin.tasks.settle_due_orders_task",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "loyalty-send-due-emails": {
        "task": "saleor_loyalty.plugin.tasks.send_due_emails_task",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "loyalty-look-after-spendings": {
        "task": "saleor_loyalty.plugin.tasks.look_after_spendings_task",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "loyalty-sweep-orders": {
        "task": "saleor_loyalty.plugin.tasks.sweep_orders_task",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "loyalty-move-due-points": {
        "task": "saleor_loyalty.plugin.tasks.move_due_points_task",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "loyalty-review-tiers": {
        "task": "saleor_loyalty.plugin.tasks.review_tiers_task",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "loyalty-look-after-events": {
        "task": "saleor_loyalty.plugin.tasks.look_after_events_task",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "loyalty-nightly": {
        "task": "saleor_loyalty.plugin.tasks.nightly_task",
        "schedule": crontab(minute=23, hour=2),
        "options": {"expires": 3600},
    },
    "loyalty-hourly": {
        "task": "saleor_loyalty.plugin.tasks.hourly_task",
        "schedule": crontab(minute=17),
        "options": {"expires": 3600},
    },
    "loyalty-verify-ledger": {
        "task": "saleor_loyalty.plugin.tasks.verify_ledger_task",
        "schedule": crontab(minute=43, hour=3),
        "options": {"expires": 3600},
    },
}
