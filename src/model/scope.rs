//! Which recordings a rule of a policy is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::recording::{Direction, Metadata};

/// Which recordings a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Those of one line.
    Line(String),
    /// Those that one user answered.
    Agent(String),
    /// Those that came through one queue or group.
    Queue(String),
    /// Those of calls that went one way.
    Direction(Direction),
}

impl Scope {
    /// The sort of scope, without whose it is: what may be told to anybody (I12).
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Line(_) => "line",
            Self::Agent(_) => "agent",
            Self::Queue(_) => "queue",
            Self::Direction(_) => "direction",
        }
    }

    /// Whether a call is one of those.
    #[must_use]
    pub fn covers(&self, call: &Call<'_>) -> bool {
        match self {
            Self::Line(line) => call.line == Some(line),
            Self::Agent(agent) => call.agent == Some(agent),
            Self::Queue(queue) => call.queue == Some(queue),
            Self::Direction(direction) => call.direction == Some(*direction),
        }
    }

    /// How specific it is: the lowest wins. A line comes before the user who answered on it.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Line(_) => 0,
            Self::Agent(_) => 1,
            Self::Queue(_) => 2,
            Self::Direction(_) => 3,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Line(name) | Self::Agent(name) | Self::Queue(name) => write!(f, "{kind}:{name}"),
            Self::Direction(direction) => write!(f, "{kind}:{direction}"),
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

/// A scope that is none. It is not repeated: it came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is line:…, agent:…, queue:… or direction:inbound, outbound or internal")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (kind, name) = text.split_once(':').ok_or(ScopeError)?;
        let name = name.trim();
        if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
            return Err(ScopeError);
        }
        match kind.trim() {
            "line" => Ok(Self::Line(name.to_owned())),
            "agent" => Ok(Self::Agent(name.to_owned())),
            "queue" => Ok(Self::Queue(name.to_owned())),
            "direction" => name.parse().map(Self::Direction).map_err(|_| ScopeError),
            _ => Err(ScopeError),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

/// What a rule looks at of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call<'a> {
    /// The line or user it belongs to.
    pub line: Option<&'a str>,
    /// Who answered.
    pub agent: Option<&'a str>,
    /// The queue or group it came through.
    pub queue: Option<&'a str>,
    /// Which way it went.
    pub direction: Option<Direction>,
}

impl<'a> From<&'a Metadata> for Call<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        Self {
            line: metadata.line.as_deref(),
            agent: metadata.agent.as_deref(),
            queue: metadata.queue.as_deref(),
            direction: metadata.direction,
        }
    }
}
