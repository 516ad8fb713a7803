//! The cover sheet of an evidence package, in Dutch and English. The signed files are what counts.

use serde_json::Value;

use super::certificate_pdf::draw;
use super::certificate_words::{Language, Line};
use super::error::Error;
use super::evidence::{Custody, Details};
use crate::model::{Event, Purpose, Timestamp};

/// The cover sheet as PDF.
pub fn cover(details: &Details, custody: &Custody, language: Language) -> Result<Vec<u8>, Error> {
    draw(&lines(details, custody, language), &details.package.to_string(), language)
}

fn lines(details: &Details, custody: &Custody, l: Language) -> Vec<Line> {
    let row = |nl, en, value: String| Line::Row(l.of(nl, en), value);
    let dash = || "–".to_owned();
    let (call, audio) = (&details.recording, &details.audio);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(dash);
    let time = |at: Option<Timestamp>| at.map_or_else(dash, |at| l.time(at));
    let caller = match &call.caller {
        None if call.withheld => l.of("afgeschermd", "withheld").into(),
        number => text(number),
    };
    let mut lines = vec![
        Line::Title(l.of("Bewijspakket", "Evidence package")),
        Line::Text(l.of(
            "Dit pakket bevat een telefoongesprek zoals het is opgenomen, met wat er sindsdien mee \
             is gebeurd. Het is vertrouwelijk, alleen bestemd voor de genoemde ontvanger en alleen \
             voor de genoemde zaak.",
            "This package holds a telephone call as it was recorded, with what happened to it \
             since. It is confidential, for the recipient named here and for this case only.",
        ).into()),
        row("Pakket", "Package", details.package.to_string()),
        row("Zaak", "Case", details.case.clone()),
        row("Doel", "Purpose", purpose(details.purpose, l).into()),
        row("Ontvanger", "Recipient", details.recipient.clone()),
        row("Te vernietigen uiterlijk", "To be destroyed by", details.destroy_by.clone()),
        row("Aangevraagd door", "Asked for by", details.asked_by.to_string()),
        row("Goedgekeurd door", "Approved by", details.approved_by.to_string()),
        Line::Heading(l.of("Het gesprek", "The call")),
        row("Opname", "Recording", call.id.to_string()),
        row("Begin", "Began", time(call.started_at)),
        row("Einde", "Ended", time(call.ended_at)),
        row("Beller", "Caller", caller),
        row("Gebeld", "Called", text(&call.callee)),
        row("Medewerker", "Agent", text(&call.agent)),
        row("Wachtrij", "Queue", text(&call.queue)),
        row("Ontvangen", "Taken in", l.time(call.received_at)),
        row("Bron", "Source", call.source.clone()),
        row("Bestand", "File", format!("{} ({} bytes)", audio.file, audio.size)),
        row("Codering", "Coding", text(&audio.codec)),
        Line::Row("SHA-256", audio.sha256.clone()),
        Line::Heading(l.of("Wat ermee is gebeurd", "What happened to it")),
    ];
    lines.extend(custody.entries.iter().map(|proven| Line::Text(told(&proven.entry, l))));
    lines.push(Line::Heading(l.of("Controleren", "Verification")));
    lines.push(Line::Text(l.of(
        "Dit blad is een weergave; de ondertekende bestanden zijn bepalend. Controleer het pakket \
         zonder verbinding met: callvault verify PAKKET.zip --key VKEY, met de sleutel van het \
         grootboek die u langs een andere weg kreeg.",
        "This page is a rendering; the signed files are what counts. Check the package offline \
         with: callvault verify PACKAGE.zip --key VKEY, with the key of the ledger that you got \
         by another way.",
    ).into()));
    lines.push(row("Grootboek", "Ledger", custody.log.clone()));
    lines
}

const fn purpose(purpose: Purpose, l: Language) -> &'static str {
    match purpose {
        Purpose::Training => l.of("training", "training"),
        Purpose::Evidence => l.of("bewijs van gemaakte afspraken", "evidence of agreements"),
        Purpose::OwnUse => l.of("eigen gebruik", "own use"),
        Purpose::Rights => l.of("rechten van betrokkenen", "rights of data subjects"),
        Purpose::Disclosure => {
            l.of("verstrekking aan een autoriteit", "disclosure to an authority")
        }
    }
}

/// An entry of the log in a line.
fn told(entry: &str, l: Language) -> String {
    let entry: Value = serde_json::from_str(entry).unwrap_or_default();
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let word = text("ev").unwrap_or_default();
    let what = word.parse().ok().and_then(|event| event_word(event, l)).unwrap_or(word);
    let at = text("at").and_then(|at| at.parse().ok());
    let mut line = format!("{}: {what}", at.map_or_else(String::new, |at| l.time(at)));
    if let Some(why) = text("purpose").and_then(|word| word.parse().ok()) {
        line = format!("{line}, {}", purpose(why, l));
    }
    for (key, nl, en) in [("case", "zaak", "case"), ("by", "door", "by"), ("agreed", "met", "with")]
    {
        if let Some(value) = text(key) {
            line = format!("{line}, {} {value}", l.of(nl, en));
        }
    }
    line
}

fn event_word(event: Event, l: Language) -> Option<&'static str> {
    Some(match event {
        Event::RecordingAccepted => l.of("ontvangen (op het uur)", "taken in (to the hour)"),
        Event::RecordingDueChanged => l.of("bewaartermijn gewijzigd", "term changed"),
        Event::RecordingRectified => l.of("gegevens verbeterd", "details rectified"),
        Event::AccessPlayed => l.of("beluisterd", "heard"),
        Event::AccessDenied => l.of("toegang geweigerd", "access refused"),
        Event::HoldPlaced => l.of("blokkade gezet", "held"),
        Event::HoldReleased => l.of("blokkade opgeheven", "hold released"),
        Event::RestrictionSet => l.of("gebruik beperkt", "use restricted"),
        Event::RestrictionLifted => l.of("beperking opgeheven", "restriction lifted"),
        Event::ObjectionMade => l.of("bezwaar gemaakt", "objected to"),
        Event::ObjectionDecided => l.of("bezwaar behandeld", "objection decided"),
        Event::MuteSet => {
            l.of("een deel gedempt (origineel ongewijzigd)", "a part muted (original kept)")
        }
        Event::MuteLifted => l.of("demping opgeheven", "mute lifted"),
        Event::EvidenceApproved => l.of("bewijspakket goedgekeurd", "evidence package approved"),
        Event::EvidenceHandedOut => l.of("bewijspakket meegegeven", "evidence package handed out"),
        _ => return None,
    })
}
