"""The Django app. Beside Saleor it also plugs into Saleor; alone it is the engine."""

from django.apps import AppConfig, apps


class LoyaltyConfig(AppConfig):
    """Registers the models and, where Saleor runs, permission, schema and schedule."""

    name = "saleor_loyalty"
    label = "saleor_loyalty"
    verbose_name = "Loyalty"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        """Load the models; Saleor's list of permissions must know ours before its schema does."""
        super().import_models()
        if apps.is_installed("saleor.permission"):
            from saleor_loyalty.shop.permissions import register_permissions

            register_permissions()

    def ready(self) -> None:
        """Mount our fields on Saleor's schema and our tasks on its schedule."""
        if apps.is_installed("saleor.graphql"):
            from saleor_loyalty.plugin.mounting import mount

            mount()
