//! A certificate in words, for people: Dutch and English. The JSON is what counts.

use super::certificate::{Certificate, OfPopulation, OfRecording, Status, Subject, What};
use crate::model::{Cause, Class, Timestamp};

/// The language of a certificate for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Dutch.
    #[default]
    Nl,
    /// English.
    En,
}

/// A part of the page.
pub(super) enum Line {
    /// The title.
    Title(&'static str),
    /// A heading.
    Heading(&'static str),
    /// A sentence.
    Text(String),
    /// What something is and what it is here.
    Row(&'static str, String),
}

const MONTHS: [[&str; 12]; 2] = [
    [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
];

impl Language {
    /// The one of two texts that is in this language.
    pub(super) const fn of(self, nl: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Nl => nl,
            Self::En => en,
        }
    }

    /// The language, as PDF names it.
    pub(super) const fn tag(self) -> &'static str {
        self.of("nl-NL", "en-GB")
    }

    pub(super) const fn page(self) -> (&'static str, &'static str) {
        (self.of("bladzijde", "page"), self.of("van", "of"))
    }

    pub(super) fn time(self, at: Timestamp) -> String {
        let text = at.to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        let mut parts = date.splitn(3, '-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let month = month.and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
        let names = MONTHS.get(usize::from(self == Self::En));
        let name = names.and_then(|names| names.get(month - 1)).copied().unwrap_or_default();
        let day = day.unwrap_or_default().trim_start_matches('0');
        let time = time.trim_end_matches('Z');
        format!("{day} {name} {}, {time} UTC", year.unwrap_or_default())
    }

    fn time_or_not(self, at: Option<Timestamp>) -> String {
        at.map_or_else(|| self.of("nog niet", "not yet").into(), |at| self.time(at))
    }

    const fn class(self, class: Class) -> &'static str {
        match class {
            Class::Support => self.of("opname van een supportgesprek", "support recording"),
            Class::Customer => self.of("klantopname", "customer recording"),
        }
    }

    const fn cause(self, cause: Cause) -> &'static str {
        match cause {
            Cause::Term => self.of("bewaartermijn verstreken", "retention period ended"),
            Cause::PolicyShortened => {
                self.of("bewaartermijn verkort", "retention period shortened")
            }
            Cause::Request => self.of("verzoek om verwijdering", "request for erasure"),
            Cause::Objection => self.of("bezwaar", "objection"),
            Cause::ConsentWithdrawn => self.of("toestemming ingetrokken", "consent withdrawn"),
            Cause::EndOfService => self.of("einde dienstverlening", "end of service"),
            Cause::Pci => self.of("kaartgegevens in de opname", "card data in the recording"),
            Cause::Lost => self.of("opname verloren gegaan", "recording was lost"),
        }
    }

    const fn status(self, status: Status) -> &'static str {
        match status {
            Status::Complete => self.of(
                "VOLLEDIG: van het geluid is niets meer over.",
                "COMPLETE: nothing is left of the audio.",
            ),
            Status::Partial => self.of(
                "GEDEELTELIJK: het geluid is uit de opslag; hieronder staat wat nog over is of nog niet vaststaat.",
                "PARTIAL: the audio is gone from the store; what remains or is not settled is listed below.",
            ),
            Status::Pending => self.of(
                "NIET VOLTOOID: nog niet is vastgesteld dat het geluid weg is.",
                "PENDING: it is not established yet that the audio is gone.",
            ),
        }
    }

    const fn what(self, what: What) -> &'static str {
        match what {
            What::Key => {
                self.of("de sleutel is nog niet vernietigd", "the key is not destroyed yet")
            }
            What::Object => {
                self.of("het object staat nog in de opslag", "the object is still in the store")
            }
            What::Versions => {
                self.of("de opslag bewaart nog oude versies", "the bucket still holds versions")
            }
            What::Unverified => self.of(
                "de opslag zegt niet of het object weg is",
                "the store does not say whether the object is absent",
            ),
            What::Reappeared => {
                self.of("het object stond er later weer", "the object was there again later")
            }
            What::NotErased => self.of(
                "in deze periode te wissen en nog aanwezig (blokkade, beperking of te laat)",
                "due in this period and still there (held, restricted or overdue)",
            ),
            What::Backups => self.of(
                "reservekopieën van index en sleutelbos samen kunnen nog worden geopend",
                "backups of index and keyring together still open it",
            ),
            What::SecondLook => self.of(
                "de tweede controle, na 24 uur, is nog niet gedaan",
                "the second check, after 24 hours, is not done yet",
            ),
            What::HandedOut => self.of(
                "kopieën die zijn meegegeven: daar kan de kluis niet bij",
                "copies that were handed out: the vault cannot reach them",
            ),
        }
    }
}

/// The page of a certificate.
pub(super) fn lines(certificate: &Certificate, sha256: &str, l: Language) -> Vec<Line> {
    let row = |nl, en, value: String| Line::Row(l.of(nl, en), value);
    let mut lines = vec![
        Line::Title(l.of("Verklaring van vernietiging", "Certificate of destruction")),
        Line::Text(l.status(certificate.status).into()),
    ];
    let of = match &certificate.customer {
        Some(reference) => format!("{reference} ({})", certificate.controller),
        None => certificate.controller.clone(),
    };
    lines.push(row("Verwerkingsverantwoordelijke", "Controller", of));
    match &certificate.subject {
        Subject::Recording(of) => of_recording(&mut lines, of, l),
        Subject::Population(of) => of_population(&mut lines, of, l),
    }
    let place = &certificate.store;
    lines.push(row("Opslag", "Store", format!("{}, {}", place.country, place.kind)));
    lines.push(Line::Heading(l.of("Wat nog over is", "What remains")));
    if certificate.remains.is_empty() {
        lines.push(Line::Text(l.of("Niets.", "Nothing.").into()));
    }
    for left in &certificate.remains {
        let until = match left.until {
            Some(until) if left.what == What::HandedOut => {
                let by = l.of("te vernietigen vóór", "to be destroyed by");
                let unsaid = l.of("dat is niet bevestigd", "that is not confirmed");
                format!("{by} {}; {unsaid}", l.time(until))
            }
            None if left.what == What::HandedOut => l
                .of(
                    "of ze zijn vernietigd, is niet gemeld",
                    "whether they are destroyed was not told",
                )
                .into(),
            Some(until) => format!("{} {}", l.of("tot", "until"), l.time(until)),
            None => l.of("einde niet bekend", "no known end").into(),
        };
        lines.push(Line::Text(format!("{} × {}; {until}.", left.count, l.what(left.what))));
    }
    if let Some(from) = certificate.backups_unreadable_from {
        let what = row("Reservekopieën onleesbaar vanaf", "Backups unreadable from", l.time(from));
        lines.push(what);
    }
    lines.push(Line::Heading(l.of("Controleren", "Verification")));
    lines.push(Line::Text(
        l.of(
            "Dit blad is een weergave. Het JSON-bestand met deze SHA-256 is bepalend; het is \
             ondertekend en staat in het controleerbare grootboek. Controleer het met: callvault \
             verify CERTIFICATE.json --key VKEY",
            "This page is a rendering. The JSON file with this SHA-256 is what counts; it is signed \
             and in the verifiable ledger. Check it with: callvault verify CERTIFICATE.json \
             --key VKEY",
        )
        .into(),
    ));
    lines.push(Line::Row("SHA-256", sha256.into()));
    lines.push(row("Grootboek", "Ledger", certificate.log.clone()));
    lines.push(row("Afgegeven op", "Issued on", l.time(certificate.issued_at)));
    lines
}

fn of_recording(lines: &mut Vec<Line>, of: &OfRecording, l: Language) {
    let told = &of.erasure;
    let row = |nl, en, value: String| Line::Row(l.of(nl, en), value);
    let dash = || "–".to_owned();
    let text = |text: Option<&String>| text.cloned().unwrap_or_else(dash);
    let late = match told.lag_s {
        Some(late) if late > 0 => format!("{late} s"),
        Some(_) => l.of("geen", "none").into(),
        None => dash(),
    };
    let class = told.class.map_or_else(dash, |class| l.class(class).into());
    let cause = told.cause.map_or_else(dash, |cause| l.cause(cause).into());
    lines.extend([
        row("Opname", "Recording", told.recording.to_string()),
        row("Soort", "Class", class),
        row("Bewaarbeleid", "Policy", text(told.policy.as_ref())),
        row("Uiterlijk te wissen (op het uur)", "Due (to the hour)", l.time_or_not(told.due)),
        row("Oorzaak", "Cause", cause),
        row("Zaak of opdracht", "Case or instruction", text(told.case.as_ref())),
        row("Sleutel vernietigd", "Key destroyed", l.time_or_not(told.key_destroyed_at)),
        row("Object weg, gecontroleerd", "Object absent, verified", l.time_or_not(told.absent_at)),
        row("Wisvertraging", "Erasure lag", late),
        row("Na 24 uur nog weg", "Still absent after 24 h", l.time_or_not(told.still_absent_at)),
        row(
            "Gespreksgegevens gewist (eigen termijn)",
            "Call details erased (own term)",
            l.time_or_not(told.details_erased_at),
        ),
        row("Regels in het grootboek", "Entries in the ledger", places(of)),
    ]);
}

fn places(of: &OfRecording) -> String {
    let places: Vec<_> = of.entries.iter().map(|proven| proven.index.to_string()).collect();
    places.join(", ")
}

fn of_population(lines: &mut Vec<Line>, of: &OfPopulation, l: Language) {
    let row = |nl, en, value: String| Line::Row(l.of(nl, en), value);
    lines.extend([
        row("Gewist vanaf", "Erased from", l.time(of.from)),
        row("Tot", "Until before", l.time(of.to)),
        row("Soort", "Class", of.class.map_or_else(|| "–".into(), |class| l.class(class).into())),
        row("Aantal opnamen", "Recordings", of.count.to_string()),
    ]);
    for (cause, count) in &of.causes {
        lines.push(Line::Row(l.cause(*cause), count.to_string()));
    }
    let lag = of.max_lag_s.map_or_else(|| "–".into(), |lag| format!("{} s", lag.max(0)));
    lines.extend([
        row("Grootste wisvertraging", "Largest erasure lag", lag),
        row("Te laat gewist", "Overdue when erased", of.late.to_string()),
        row(
            "Sleutels en objecten",
            "Keys and objects",
            l.of(
                "sleutels vernietigd, objecten gewist, afwezigheid gecontroleerd",
                "keys destroyed, objects erased, absence verified",
            )
            .into(),
        ),
        row(
            "SHA-256 van de lijst (CSV)",
            "SHA-256 of the list (CSV)",
            of.population_sha256.clone(),
        ),
    ]);
}
