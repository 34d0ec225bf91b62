"""What an operator sets, by environment variables that start with `PENSTOCK_`."""

from typing import Annotated, Any, Literal, Self

import durationpy
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _seconds(written: Any) -> Any:
    """A number of seconds, or a duration as Go writes it (`500ms`, `1m30s`)."""
    if not isinstance(written, str) or written.replace(".", "", 1).isdigit():
        return written
    try:
        return durationpy.from_str(written).total_seconds()
    except durationpy.DurationError:
        raise ValueError(f"'{written}' is no duration: write 2, 500ms, 1m30s") from None


Seconds = Annotated[float, BeforeValidator(_seconds)]


def _upstream(name: str) -> AliasChoices:
    """A setting that XFSC's task service has too, by its own name (contract xfsc-and-jobs 1.11)."""
    return AliasChoices(f"PENSTOCK_{name}", name)


class Settings(BaseSettings):
    """All settings, each with its default; durations are in seconds.

    In `production` the addresses have no defaults that could reach a development stack, and a plain-HTTP issuer
    or RabbitMQ's well-known guest account is refused.
    """

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", extra="ignore", frozen=True, populate_by_name=True)

    environment: Literal["local", "production"] = "production"

    mongodb_url: SecretStr = Field(description="mongodb:// address of a replica set")
    mongodb_database: str = "penstock"
    rabbitmq_url: SecretStr = Field(description="amqp:// or amqps:// address, vhost included; several with commas")

    rabbitmq_mirrored: bool = Field(
        default=False, description="RabbitMQ before 4.3 mirrors queues by a policy: lanes are of a kind that stands it"
    )

    auth_url: str = Field(description="Base address of Keycloak; a realm's issuer is {auth_url}/realms/{realm}")
    public_url: str | None = Field(default=None, description="Where browsers find us: the console is below it")
    keycloak_admin_client_id: str | None = Field(
        default=None, description="Service client of Keycloak that may make realms and look into them; None: it may not"
    )
    keycloak_admin_client_secret: SecretStr | None = Field(default=None, description="Its secret")
    keycloak_admin_realm: str = Field(default="master", description="The realm of that client")
    people_client_id: str | None = Field(
        default=None,
        description="Service client of every tenant's realm that may look up roles and people (view-users, view-realm, "
        "view-clients); None: the client that makes realms does",
    )
    people_client_secret: SecretStr | None = Field(default=None, description="Its secret")
    audience: str = Field(default="penstock", description="What a token's `aud` must contain")
    client_id: str = Field(default="penstock", description="Our own client: its roles count unqualified")

    console_client_id: str = Field(default="penstock-console", description="The browser application's public client")

    broker_prefix: str = Field(default="penstock", description="First part of every RabbitMQ name of ours")
    publish_timeout_seconds: float = Field(default=2.0, gt=0)
    store_timeout_seconds: float = Field(default=4.0, gt=0, description="Limit of one MongoDB call")
    retention_days: float = Field(default=90.0, gt=0, description="How long ended tasks and events are kept")
    replica_room: int = Field(default=256, gt=0, description="Requests in work before tenants are held to their share")
    cors_origins: str = Field(default="", description="Whose pages may call the native API, separated by commas")
    master_keys: SecretStr | None = Field(default=None, description="name:base64 of 32 bytes, several by commas")
    master_keys_file: str | None = Field(default=None, description="The same, one a line; the first one seals")
    kms: str | None = Field(default=None, description="module:function that makes a store.masters.Wrapper")
    audit_key: SecretStr | None = Field(default=None, description="Seals the audit trail; at least 16 characters")
    tenant_grace_days: float = Field(default=30.0, ge=0, description="From a tenant's deletion to its erasure")
    adsp_readers_cancel: bool = Field(default=True, description="On ADSP's face every reader may cancel, as upstream")
    executor_workers: int = Field(
        default=8, gt=0, validation_alias=_upstream("EXECUTOR_WORKERS"), description="Calls at once to a task template"
    )
    executor_max_task_retries: int = Field(
        default=10, gt=0, validation_alias=_upstream("EXECUTOR_MAX_TASK_RETRIES"), description="Attempts of such a task"
    )
    list_executor_workers: int = Field(
        default=64, gt=0, validation_alias=_upstream("LIST_EXECUTOR_WORKERS"), description="Flows advanced at once"
    )
    list_executor_poll_interval: Seconds = Field(
        default=2.0,
        gt=0,
        validation_alias=_upstream("LIST_EXECUTOR_POLL_INTERVAL"),
        description="How often the engine looks for flows whose events it missed; nothing waits for that otherwise",
    )
    adsp_events: bool = Field(default=True, description="Publish events in ADSP's envelope, too, on the topic exchange")
    webhook_retry_seconds: float = Field(default=5.0, gt=0, le=3600, description="First delay of a failed delivery")
    engine_host: str = Field(default="127.0.0.1", description="Where an engine answers probes, if it does")
    engine_port: int = Field(default=0, ge=0, le=65535, description="0: an engine answers no probes")
    metrics_queues: int = Field(default=500, ge=0, description="Queues with series of their own in the metrics")
    otlp_endpoint: str | None = Field(default=None, description="http(s):// address of an OpenTelemetry collector")
    trace_ratio: float = Field(default=1.0, ge=0, le=1, description="Share of requests traced without being asked to")
    max_body_bytes: int = Field(default=1024 * 1024, gt=0)
    max_import_bytes: int = Field(
        default=4 * 1024**3, gt=0, description="How large an upload or a tenant's export may be"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = True

    @property
    def audit_key_bytes(self) -> bytes | None:
        """What rows of the audit trail are sealed with."""
        return None if self.audit_key is None else self.audit_key.get_secret_value().encode()

    @model_validator(mode="after")
    def _refuse_development_values(self) -> Self:
        if self.environment == "production":
            if not self.auth_url.startswith("https://"):
                raise ValueError("PENSTOCK_AUTH_URL must be https:// unless PENSTOCK_ENVIRONMENT=local")
            if "//guest:guest@" in self.rabbitmq_url.get_secret_value():
                raise ValueError(
                    "PENSTOCK_RABBITMQ_URL uses the guest account: allowed with PENSTOCK_ENVIRONMENT=local only"
                )
        return self
