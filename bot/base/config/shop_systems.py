"""The sections [shops.shopify] and [shops.woocommerce]: what signs their webhooks, and what opens their APIs."""

from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from bot.base.config.types import HttpUrl, Section


class Shopify(Section):
    """`token` is of an app with a token that stays; `client_id` and `client_secret` are of one that is given a new one
    each day."""

    secrets: tuple[SecretStr, ...] = ()
    domain: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$|^$")] = ""
    token: SecretStr | None = None
    client_id: str = ""
    client_secret: SecretStr | None = None
    api_base: HttpUrl | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _both(self) -> "Shopify":
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("client_id and client_secret belong together: both, or neither")
        return self

    @property
    def signing(self) -> tuple[SecretStr, ...]:
        """Every secret that may sign a webhook: Shopify signs those of an app with the secret of its client."""
        return (*self.secrets, *((self.client_secret,) if self.client_secret else ()))

    @property
    def connects(self) -> bool:
        return bool(self.domain and (self.token or self.client_secret))


class WooCommerce(Section):
    secrets: tuple[SecretStr, ...] = ()
    address: HttpUrl | None = None
    consumer_key: SecretStr | None = None
    consumer_secret: SecretStr | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _both(self) -> "WooCommerce":
        if bool(self.consumer_key) != bool(self.consumer_secret):
            raise ValueError("consumer_key and consumer_secret belong together: both, or neither")
        return self

    @property
    def connects(self) -> bool:
        return bool(self.address and self.consumer_key)
