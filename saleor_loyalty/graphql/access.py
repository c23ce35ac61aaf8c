"""Who may see and do what, and whether the plugin is on at all."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from promise import Promise
from saleor.core.exceptions import PermissionDenied
from saleor.graphql.utils import get_user_or_app_from_context
from saleor.permission.auth_filters import AuthorizationFilters

from saleor_loyalty.graphql.loaders import SettingsLoader
from saleor_loyalty.shop.permissions import LoyaltyPermissions
from saleor_loyalty.shop.settings import PLUGIN_ID


def is_switched_on(context: Any) -> Promise[bool]:
    """Tell whether the plugin is on. One query a request, however often it is asked."""
    return SettingsLoader(context).load(PLUGIN_ID).then(lambda settings: settings is not None)


def null_when_off(resolver: Callable[..., Any]) -> Callable[..., Any]:
    """Make a resolver answer null while the plugin is off, without running it."""

    @wraps(resolver)
    def guarded(root: Any, info: Any, **kwargs: Any) -> Any:
        return is_switched_on(info.context).then(
            lambda is_on: resolver(root, info, **kwargs) if is_on else None
        )

    return guarded


def may_manage(context: Any) -> bool:
    """Tell whether the caller, staff or app, has the permission MANAGE_LOYALTY."""
    requestor = get_user_or_app_from_context(context)
    return bool(requestor) and requestor.has_perm(LoyaltyPermissions.MANAGE_LOYALTY)


def is_user(context: Any, *, user_id: int | None) -> bool:
    """Tell whether the caller is this customer, and no app."""
    return bool(context.user) and context.user.pk == user_id and not context.app


def require_owner_or_manager(context: Any, *, user_id: int | None) -> None:
    """Let the owner and managers pass.

    Raises:
        PermissionDenied: for everybody else.

    """
    if not is_user(context, user_id=user_id) and not may_manage(context):
        raise PermissionDenied(
            permissions=[AuthorizationFilters.OWNER, LoyaltyPermissions.MANAGE_LOYALTY]
        )


def actor_of(context: Any) -> str:
    """Return how the ledger names the caller: "app:<id>" or "user:<id>"."""
    return f"app:{context.app.pk}" if context.app else f"user:{context.user.pk}"
