//! How long a customer keeps its recordings: a term for all of them and rules for some.
//!
//! The most specific rule wins: a line or a user number, then a queue, then a direction, then the
//! term for everything else. Two rules for one scope contradict each other and make no policy.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::scope::{Call, Scope, ScopeError};
use super::term::{Term, TermError};

/// How many rules a policy can have.
pub const MAX_RULES: usize = 200;

text_enum! {
    /// Where a version of a policy is in its life.
    pub enum PolicyStage {
        /// It waits, and can be called back.
        Scheduled => "scheduled",
        /// It is in force for what comes in, and is being applied to what is there.
        Applying => "applying",
        /// It was applied to all there was. The newest of these is in force.
        Applied => "applied",
        /// It was called back.
        Cancelled => "cancelled",
    }
}

text_enum! {
    /// Who made a version of a policy.
    pub enum PolicyOrigin {
        /// The customer.
        Customer => "customer",
        /// The provider.
        Provider => "provider",
        /// The provider, because an authority asked for it.
        Authority => "authority",
    }
}

/// A term for some recordings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which ones.
    pub scope: Scope,
    /// How long they are kept.
    pub term: Term,
}

/// How long a customer keeps its recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    default: Term,
    rules: Vec<Rule>,
}

/// Which of a policy's terms counts: that of the rule with this place, or the one for all others.
pub type Place = Option<usize>;

/// Why something is no policy: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", field(*.place, .part))]
pub struct PolicyError {
    /// Which rule; none for the default.
    pub place: Place,
    /// Which part of it.
    pub part: &'static str,
    /// What is wrong.
    pub problem: PolicyProblem,
}

/// What is wrong with a part of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// It is no term.
    #[error(transparent)]
    Term(#[from] TermError),
    /// It is no scope.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// There is a rule for this scope already.
    #[error("contradicts rules[{0}], which has the same scope")]
    Contradiction(usize),
    /// There are too many.
    #[error("a policy has at most {MAX_RULES} rules")]
    TooMany,
}

/// The name of a part of a policy in a request.
#[must_use]
pub fn field(place: Place, part: &str) -> String {
    match place {
        None => "default".to_owned(),
        Some(at) => format!("rules[{at}].{part}"),
    }
}

impl Policy {
    /// A policy without rules.
    #[must_use]
    pub const fn of(default: Term) -> Self {
        Self { default, rules: Vec::new() }
    }

    /// A policy, unless two rules contradict each other.
    pub fn new(default: Term, rules: Vec<Rule>) -> Result<Self, PolicyError> {
        let wrong = |at, problem| PolicyError { place: Some(at), part: "scope", problem };
        if rules.len() > MAX_RULES {
            return Err(wrong(MAX_RULES, PolicyProblem::TooMany));
        }
        for (at, rule) in rules.iter().enumerate() {
            if let Some(first) = rules.iter().take(at).position(|other| other.scope == rule.scope) {
                return Err(wrong(at, PolicyProblem::Contradiction(first)));
            }
        }
        Ok(Self { default, rules })
    }

    /// A policy as somebody wrote it: scopes and terms are texts still.
    pub fn parse(default: &str, rules: &[(String, String)]) -> Result<Self, PolicyError> {
        let term = |place, text: &str| {
            text.parse::<Term>().map_err(|error| PolicyError {
                place,
                part: "term",
                problem: error.into(),
            })
        };
        let default = term(None, default)?;
        let read = rules.iter().enumerate().map(|(at, (scope, text))| {
            let scope = scope.parse::<Scope>().map_err(|error| PolicyError {
                place: Some(at),
                part: "scope",
                problem: error.into(),
            })?;
            Ok(Rule { scope, term: term(Some(at), text)? })
        });
        Self::new(default, read.collect::<Result<_, _>>()?)
    }

    /// The term for what no rule covers.
    #[must_use]
    pub const fn default(&self) -> Term {
        self.default
    }

    /// The rules, as they were given.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Which rule counts for a call: the most specific one that covers it.
    #[must_use]
    pub fn place(&self, call: &Call<'_>) -> Place {
        let covering = self.rules.iter().enumerate().filter(|(_, rule)| rule.scope.covers(call));
        covering.min_by_key(|(_, rule)| rule.scope.rank()).map(|(at, _)| at)
    }

    /// The term at a place.
    #[must_use]
    pub fn term(&self, place: Place) -> Term {
        place.and_then(|at| self.rules.get(at)).map_or(self.default, |rule| rule.term)
    }

    /// How long a recording of this call is kept.
    #[must_use]
    pub fn term_for(&self, call: &Call<'_>) -> Term {
        self.term(self.place(call))
    }

    /// Every place and its term, the default last.
    pub fn terms(&self) -> impl Iterator<Item = (Place, Term)> {
        let rules = self.rules.iter().enumerate().map(|(at, rule)| (Some(at), rule.term));
        rules.chain([(None, self.default)])
    }

    /// The sorts of scope that its rules have.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<&'static str> {
        self.rules.iter().map(|rule| rule.scope.kind()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::super::recording::Direction;
    use super::*;

    fn rule(scope: &str, term: &str) -> (String, String) {
        (scope.to_owned(), term.to_owned())
    }

    fn policy() -> Policy {
        let rules = [
            rule("direction:inbound", "P10D"),
            rule("queue:sales", "P20D"),
            rule("agent:willem", "P30D"),
            rule("line:201", "P40D"),
        ];
        Policy::parse("P50D", &rules).unwrap()
    }

    #[test]
    fn the_most_specific_rule_wins() {
        let inbound = Some(Direction::Inbound);
        // (line, agent, queue, direction) → days
        let cases = [
            ((None, None, None, None), 50),
            ((None, None, None, inbound), 10),
            ((None, None, Some("sales"), inbound), 20),
            ((None, Some("willem"), Some("sales"), inbound), 30),
            ((Some("201"), Some("willem"), Some("sales"), inbound), 40),
            ((Some("201"), None, None, None), 40),
            ((Some("202"), Some("els"), Some("help"), Some(Direction::Outbound)), 50),
            ((Some("202"), Some("els"), Some("sales"), Some(Direction::Outbound)), 20),
        ];
        for ((line, agent, queue, direction), days) in cases {
            let call = Call { line, agent, queue, direction };
            assert_eq!(policy().term_for(&call), Term::days(days), "{call:?}");
        }
    }

    #[test]
    fn what_is_no_policy_names_the_field_and_the_rule() {
        let ok = || rule("line:201", "P1Y");
        let cases = [
            ("P0D", vec![], "default: a term is longer than nothing"),
            ("-P3D", vec![], "default: a term is longer than nothing"),
            ("forever", vec![], "default: a term is an ISO 8601 duration"),
            ("P1Y", vec![ok(), rule("queue:a", "P0D")], "rules[1].term: a term is longer"),
            ("P1Y", vec![rule("201", "P1D")], "rules[0].scope: a scope is line:"),
            ("P1Y", vec![rule("direction:up", "P1D")], "rules[0].scope: a scope is line:"),
            ("P1Y", vec![rule("line:", "P1D")], "rules[0].scope: a scope is line:"),
            ("P1Y", vec![ok(), rule("line:201", "P2Y")], "rules[1].scope: contradicts rules[0]"),
            ("P1Y", vec![ok(), rule("line: 201", "P1Y")], "rules[1].scope: contradicts rules[0]"),
        ];
        for (default, rules, expected) in cases {
            let error = Policy::parse(default, &rules).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let many: Vec<_> = (0..=MAX_RULES).map(|n| rule(&format!("line:{n}"), "P1D")).collect();
        assert!(Policy::parse("P1D", &many).is_err());
    }

    proptest! {
        #[test]
        fn the_order_of_the_rules_does_not_matter(
            turn in any::<Index>(),
            line in select(&[None, Some("201"), Some("202")][..]),
            agent in select(&[None, Some("willem"), Some("els")][..]),
            queue in select(&[None, Some("sales"), Some("help")][..]),
            direction in select(&[None, Some(Direction::Inbound), Some(Direction::Internal)][..]),
        ) {
            let call = Call { line, agent, queue, direction };
            let mut rules = policy().rules.clone();
            rules.rotate_left(turn.index(4));
            let turned = Policy::new(Term::days(50), rules).unwrap();
            prop_assert_eq!(turned.term_for(&call), policy().term_for(&call));
        }

        #[test]
        fn a_rule_counts_only_for_what_it_covers(
            line in "[a-c]", agent in "[a-c]", queue in "[a-c]",
            scopes in prop::collection::hash_set("(line|agent|queue):[a-c]", 0..6),
        ) {
            let rules = scopes.iter().zip(1_u16..).map(|(scope, days)| Rule {
                scope: scope.parse().unwrap(), term: Term::days(days),
            });
            let policy = Policy::new(Term::days(999), rules.collect()).unwrap();
            let call = Call {
                line: Some(&line), agent: Some(&agent), queue: Some(&queue), direction: None,
            };
            match policy.place(&call) {
                None => prop_assert!(policy.rules.iter().all(|rule| !rule.scope.covers(&call))),
                Some(at) => {
                    let won = &policy.rules[at].scope;
                    prop_assert!(won.covers(&call));
                    let better = policy.rules.iter().filter(|rule| rule.scope.rank() < won.rank());
                    for rule in better {
                        prop_assert!(!rule.scope.covers(&call));
                    }
                }
            }
        }
    }
}
