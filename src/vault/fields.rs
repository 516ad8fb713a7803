//! The metadata of an upload: named fields as they came, read into what a recording needs.

use std::collections::BTreeMap;

use super::error::Error;
use super::mutes;
use crate::audio::Declared;
use crate::model::{
    Class, CustomerRef, Direction, E164, IngestScope, NumberError, Numbers, Timestamp,
};

/// The fields there are. Anything else is refused, never kept (requirements A03, A20).
pub const FIELDS: &[&str] = &[
    "class",
    "customer",
    "direction",
    "started_at",
    "ended_at",
    "caller",
    "callee",
    "withheld",
    "agent",
    "queue",
    "line",
    "call_id",
    "leg",
    "source",
    "format",
    "pause",
];

/// The longest value of a field, in bytes.
const MAX_VALUE: usize = 256;
/// The same of a list of segments.
const MAX_LIST: usize = 4_096;

/// The fields of an upload, as they came.
#[derive(Clone, Default)]
pub struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    /// Adds a field. Empty values count as absent.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(field) = FIELDS.iter().find(|field| **field == name) else {
            return Err(Error::UnknownField(printable(name)));
        };
        let value = value.trim();
        let max = if *field == "pause" { MAX_LIST } else { MAX_VALUE };
        if value.len() > max || value.chars().any(char::is_control) {
            return Err(bad(
                field,
                if max == MAX_LIST {
                    "is at most 4096 bytes"
                } else {
                    "is at most 256 bytes of printable text"
                },
            ));
        }
        if !value.is_empty() && self.0.insert(field, value.to_owned()).is_some() {
            return Err(bad(field, "is given twice"));
        }
        Ok(())
    }

    /// Adds the fields of a JSON object: texts, and truth values as words.
    pub fn add_json(&mut self, json: &[u8]) -> Result<(), Error> {
        let object: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json)
            .map_err(|_| Error::Malformed("the metadata part is no JSON object of fields"))?;
        for (name, value) in object {
            match value {
                serde_json::Value::String(text) => self.add(&name, &text)?,
                serde_json::Value::Bool(truth) => self.add(&name, &truth.to_string())?,
                serde_json::Value::Null => self.add(&name, "")?,
                _ => return Err(Error::Malformed("a metadata field is a text or a truth value")),
            }
        }
        Ok(())
    }

    /// Reads the fields, filled in with what the source's token says.
    pub fn read(&self, scope: &IngestScope) -> Result<Draft, Error> {
        let text = |name: &'static str| self.0.get(name).map(String::as_str);
        let owned = |name: &'static str| self.0.get(name).cloned();
        let class = match (parsed::<Class>("class", text("class"))?, scope.class, scope.customer) {
            (Some(class), _, _) | (None, Some(class), _) => class,
            (None, None, Some(_)) => Class::Customer,
            (None, None, None) => return Err(bad("class", "is required: support or customer")),
        };
        let (numbers, withheld) = numbers(text("caller"), text("callee"), text("withheld"))?;
        let draft = Draft {
            class,
            customer: parsed("customer", text("customer"))?,
            direction: parsed::<Direction>("direction", text("direction"))?,
            started_at: time("started_at", text("started_at"))?,
            ended_at: time("ended_at", text("ended_at"))?,
            numbers,
            withheld,
            agent: owned("agent"),
            queue: owned("queue"),
            line: owned("line"),
            call_id: owned("call_id"),
            leg: owned("leg"),
            source: source(text("source"), scope)?,
            declared: parsed("format", text("format"))?,
            pauses: text("pause").map(mutes::pauses).transpose()?.unwrap_or_default(),
        };
        match (draft.started_at, draft.ended_at) {
            (None, None) => Err(bad("ended_at", "or started_at is required: when was the call?")),
            (Some(start), Some(end)) if end < start => {
                Err(bad("ended_at", "lies before started_at"))
            }
            _ => Ok(draft),
        }
    }
}

/// What a recording needs to know of its call.
#[derive(Clone)]
pub struct Draft {
    /// The class.
    pub class: Class,
    /// The customer named, if one.
    pub customer: Option<CustomerRef>,
    /// Which way the call went.
    pub direction: Option<Direction>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who called whom. A withheld caller is not in it.
    pub numbers: Numbers,
    /// Whether the caller withheld the number.
    pub withheld: bool,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// The line.
    pub line: Option<String>,
    /// What the PBX calls the call.
    pub call_id: Option<String>,
    /// Which leg of it.
    pub leg: Option<String>,
    /// Which source sent it.
    pub source: String,
    /// What the source says headerless audio is.
    pub declared: Option<Declared>,
    /// Which parts nobody hears but for evidence, in milliseconds and in order.
    pub pauses: Vec<std::ops::Range<i64>>,
}

impl Draft {
    /// What a rule of a policy looks at.
    pub(super) fn call(&self) -> crate::model::Call<'_> {
        crate::model::Call {
            line: self.line.as_deref(),
            agent: self.agent.as_deref(),
            queue: self.queue.as_deref(),
            direction: self.direction,
        }
    }
}

/// Reads the numbers. A withheld caller is dropped here and stays nowhere (requirements A38).
fn numbers(
    caller: Option<&str>,
    callee: Option<&str>,
    withheld: Option<&str>,
) -> Result<(Numbers, bool), Error> {
    let anonymous = |text: &str| {
        let user = text.trim_start_matches("sip:").split('@').next().unwrap_or(text);
        ["anonymous", "withheld", "unavailable", "private"]
            .iter()
            .any(|word| user.eq_ignore_ascii_case(word))
    };
    let said = parsed::<bool>("withheld", withheld)?.unwrap_or(false);
    let withheld = said || caller.is_some_and(anonymous);
    let caller = if withheld {
        // Its form is still looked at: a call *from* an emergency service is one too.
        caller.map(str::parse::<E164>).and_then(|read| match read {
            Err(NumberError::Emergency) => Some(Err(NumberError::Emergency)),
            _ => None,
        })
    } else {
        caller.map(str::parse::<E164>)
    };
    let number = |field, read: Option<Result<E164, NumberError>>| match read {
        Some(Err(NumberError::Emergency)) => Err(Error::EmergencyCall),
        Some(Err(error)) => Err(bad(field, &format!("{error}; an extension goes into line"))),
        Some(Ok(number)) => Ok(Some(number)),
        None => Ok(None),
    };
    let caller = number("caller", caller)?;
    let callee = number("callee", callee.map(str::parse))?;
    Ok((Numbers { caller, callee }, withheld))
}

/// The source: a token says which one, and only a token that says none lets the upload say.
fn source(said: Option<&str>, scope: &IngestScope) -> Result<String, Error> {
    match (said, scope.source.as_str()) {
        (Some(said), bound) if !bound.is_empty() && said != bound => {
            Err(bad("source", "is not the source this token belongs to"))
        }
        (Some(said), "") => Ok(said.to_owned()),
        (None, "") => Err(bad("source", "is required: the token is bound to none")),
        (_, bound) => Ok(bound.to_owned()),
    }
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    text.map(str::parse).transpose().map_err(|_| {
        bad(field, "is a time with its zone, such as 2026-05-01T10:00:00Z or …+02:00 (RFC 3339)")
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    text.map(str::parse).transpose().map_err(|error| bad(field, &format!("{error}")))
}

pub(super) fn bad(field: &'static str, problem: &str) -> Error {
    Error::Field { field, problem: problem.to_owned() }
}

/// A name from outside, short and harmless enough to repeat.
fn printable(name: &str) -> String {
    let kept: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(32).collect();
    if kept.is_empty() { "a field without a name".into() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<Draft, Error> {
        let mut all = Fields::default();
        for (name, value) in fields {
            all.add(name, value)?;
        }
        all.read(&IngestScope { source: "pbx-1".into(), ..IngestScope::default() })
    }

    const OK: &[(&str, &str)] = &[("class", "support"), ("ended_at", "2026-05-01T10:00:00+02:00")];

    #[test]
    fn fields_are_read_into_a_draft() {
        let more = [("caller", "020 123 4567"), ("callee", "sip:+31612345678@pbx"), ("line", "")];
        let draft = read(&[OK, &more].concat()).ok().unwrap();
        assert_eq!(draft.numbers.caller.unwrap().reveal(), "+31201234567");
        assert_eq!(draft.ended_at.unwrap().to_string(), "2026-05-01T08:00:00Z");
        assert_eq!((draft.source.as_str(), draft.line), ("pbx-1", None));
    }

    #[test]
    fn a_withheld_number_is_dropped_at_once() {
        for fields in [
            [("caller", "020 123 4567"), ("withheld", "true")],
            [("caller", "anonymous"), ("withheld", "")],
            [("caller", "sip:anonymous@anonymous.invalid"), ("withheld", "")],
        ] {
            let draft = read(&[OK, &fields].concat()).ok().unwrap();
            assert!(draft.withheld && draft.numbers.caller.is_none());
        }
    }

    #[test]
    fn what_cannot_be_read_names_the_field() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("colour", "red")], "colour"),
            (&[("class", "alarm")], "class"),
            (&[("class", "support")], "ended_at"),
            (&[("ended_at", "yesterday")], "ended_at"),
            (&[("started_at", "2026-05-01T11:00:00Z")], "ended_at"),
            (&[("caller", "201")], "caller"),
            (&[("source", "pbx-2")], "source"),
            (&[("agent", "a\u{0}b")], "agent"),
            (&[("withheld", "perhaps")], "withheld"),
            (&[("format", "mp7")], "format"),
            (&[("pause", "9-3")], "pause"),
        ];
        for (fields, named) in cases {
            let mut all = OK.to_vec();
            all.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
            if *named == "ended_at" && fields[0].0 == "started_at" {
                all.push(OK[1]);
            }
            if fields[0] == ("class", "support") {
                all.clear();
            }
            all.extend_from_slice(fields);
            let error = read(&all).err().expect("refused").to_string();
            assert!(error.starts_with(named), "{fields:?}: {error}");
        }
        assert!(matches!(read(&[OK, &[("callee", "112")]].concat()), Err(Error::EmergencyCall)));
    }

    #[test]
    fn fields_can_come_as_json() {
        let mut fields = Fields::default();
        let json = br#"{"class":"support","withheld":true,"ended_at":"2026-05-01T10:00:00Z","agent":null}"#;
        fields.add_json(json).unwrap();
        let scope = IngestScope { source: "pbx".into(), ..IngestScope::default() };
        assert!(fields.read(&scope).ok().unwrap().withheld);
        for json in [&b"[]"[..], b"{", br#"{"class":{}}"#, br#"{"class":1}"#] {
            assert!(matches!(Fields::default().add_json(json), Err(Error::Malformed(_))));
        }
    }
}
