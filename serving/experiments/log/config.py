"""The ``log`` slice of the experiment document: where predictions are logged, for how long, and what is kept of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from foundation.config import Config
from foundation.privacy import PrivacyConfig, PrivacyRule
from foundation.quantities import Share


class RotationConfig(Config):
    """When a file is closed and becomes Parquet; whichever comes first."""

    minutes: float = Field(default=10.0, gt=0)
    """Age in minutes."""
    megabytes: float = Field(default=64.0, gt=0)
    """Size in MiB."""


class LogPrivacyConfig(Config):
    """What happens to personal values before anything is written; the same rules as the pipeline's ``data.privacy``."""

    key_env: str = "PENSTOCK_PRIVACY_KEY"
    """Name of the environment variable that holds the key of ``hash``; with the pipeline's key, hashes are equal."""
    rules: dict[str, PrivacyRule] = Field(default_factory=dict)
    """Feature → drop, hash, {truncate: …} or {generalise: …}; they hold for an output of that name too."""

    def policy(self) -> PrivacyConfig:
        """Returns the rules as the policy that all of Penstock applies."""
        return PrivacyConfig(key_env=self.key_env, rules=self.rules)


class LogConfig(Config):
    """The prediction log. Without it nothing is logged."""

    directory: str = "predictions"
    """Local or mounted folder, relative to the document; each experiment has a folder inside."""
    rotation: RotationConfig = RotationConfig()
    """When a file is closed and becomes Parquet."""
    keep_days: int | None = Field(default=90, ge=1)
    """Days after which a day's files are removed; null keeps them."""
    sampling: Annotated[Share, Field(gt=0)] = 1.0
    """Share of requests that are logged, chosen by a hash of their id, such as 10%; each row says it."""
    inputs: bool = True
    """Whether the inputs are kept."""
    outputs: bool = True
    """Whether the outputs are kept."""
    rows: int = Field(default=100, ge=1)
    """Rows of one request that are kept; ``rows`` says how many there were."""
    kilobytes: int = Field(default=1024, ge=1)
    """KiB of a request or an answer above which its values are left out."""
    privacy: LogPrivacyConfig = LogPrivacyConfig()
    """What happens to personal values before anything is written."""
