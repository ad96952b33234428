"""Where `vlclip ingest` and `vlclip watch` write: a store, or a running service."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from vlclip.engine.errors import SettingsError
from vlclip.ingestion.ledger.ledger import FILE, Ledger
from vlclip.ingestion.pipeline.destination import open_destination
from vlclip.ingestion.pipeline.feed import feed, state_folder
from vlclip.ingestion.pipeline.ingest import IngestPlan, ingest
from vlclip.ingestion.pipeline.report import IngestReport, Progress
from vlclip.service.commands.options import preparation_settings
from vlclip.service.commands.remote import RemoteService
from vlclip.service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """The options of a command that mean a store and how it is filled; a running service has its own."""

    store: str | None
    clip: str | None
    text_encoder: str | None
    device: str | None
    grounder: str | None
    refine: str | None
    missing_photo: str | None

    def settings(self) -> Settings:
        """The settings with these options."""
        return Settings.load(
            store=self.store,
            clip=self.clip,
            text_encoder=self.text_encoder,
            device=self.device,
            **preparation_settings(self.grounder, self.refine, self.missing_photo),
        )

    def first_given(self) -> str | None:
        """The first of them that is given, as it is written on the command line."""
        name = next((name for name, value in asdict(self).items() if value is not None), None)
        return None if name is None else f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Target:
    """The store of the settings or, where `url` names one, a running service with its ledger here."""

    settings: Settings
    url: str = ""
    key: str = ""
    ledger: Path | None = None

    @classmethod
    def of(
        cls, settings: Settings, url: str | None, key: str, ledger: Path | None, options: StoreOptions
    ) -> Target:
        """The target of a command; `options` are refused where it is a service."""
        if url is None:
            if ledger is not None:
                raise SettingsError("--ledger is for --url; a store has its ledger beside it")
            return cls(settings)
        wrong = options.first_given()
        if wrong is not None:
            raise SettingsError(f"{wrong} is decided by the service; leave it out where there is --url")
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"--url {url!r} is no address of a service; write http://HOST:PORT")
        return cls(settings, url.rstrip("/"), key, ledger)

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.url or self.settings.store

    def check(self, plan: IngestPlan) -> None:
        """Refuse a plan that it cannot carry out."""
        if self.url and plan.check_photos:
            raise SettingsError("--check-photos is for a store; a service fetches its photos itself")

    def ingest(self, plan: IngestPlan, progress: Progress) -> IngestReport:
        """Bring it up to date with a catalogue."""
        self.check(plan)
        if not self.url:
            with open_destination(self.settings) as destination:
                return ingest(plan, destination, self.settings, progress=progress)
        ledger_file = self.ledger or state_folder(self.url) / FILE
        with closing(RemoteService(self.url, self.key)) as service, closing(Ledger(ledger_file)) as ledger:
            return feed(plan, service, ledger, self.settings, progress=progress)
