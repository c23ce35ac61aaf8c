"""Our permission, as one of Saleor's own."""

from saleor.permission.enums import PERMISSIONS_ENUMS, BasePermissionEnum


class LoyaltyPermissions(BasePermissionEnum):
    """What staff and apps need to see and change the programme."""

    MANAGE_LOYALTY = "saleor_loyalty.manage_loyalty"


def register_permissions() -> None:
    """Put our permission on Saleor's list; must run before Saleor's schema is imported."""
    if LoyaltyPermissions not in PERMISSIONS_ENUMS:
        PERMISSIONS_ENUMS.append(LoyaltyPermissions)
