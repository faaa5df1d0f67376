//! Reading the command line against the tables.
//!
//! The syntax is the one of Go's flag package, because engines were written against it: one dash or two, `--flag value` or
//! `--flag=value`, switches also `--flag=false`, `--` ends the flags. In one thing it is freer: most verbs take flags after arguments too.

use super::global::{GLOBALS, HELP, VERSION};
use super::{Args, Arity, Flag, Order, Takes, Value, Verb, help};
use crate::compat::exit::Code;
use crate::compat::messages;
use crate::failure::Failure;
use crate::verbs;

/// What the user asked for.
pub(crate) enum Asked {
    /// A text on stdout, nothing else.
    Tell(String),
    /// A verb's work.
    Work(&'static Verb, Args),
}

/// The flags before the verb, and with them everything that follows. `program` is what we were called by.
pub(crate) fn globals(program: &str, argv: &[String]) -> Result<Args, Failure> {
    flags(argv, GLOBALS, Order::First).map_err(|error| blame(error, &help::global(name(program))))
}

/// The last part of what we were called by.
fn name(program: &str) -> &str {
    program.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("runtime-shim")
}

/// The verb and what follows it.
pub(crate) fn command(program: &str, globals: &Args) -> Result<Asked, Failure> {
    if globals.on(&VERSION) {
        return Ok(Asked::Tell(crate::compat::version::text(name(program))));
    }
    match globals.words.split_first() {
        Some((topic, _)) if globals.on(&HELP) => page(program, Some(topic)).or_else(|_| page(program, None)),
        Some((word, rest)) if word == "help" || word == "h" => page(program, rest.first()),
        Some((word, rest)) => verb(program, find(word)?, rest),
        None => page(program, None),
    }
}

fn page(program: &str, topic: Option<&String>) -> Result<Asked, Failure> {
    Ok(Asked::Tell(match topic {
        Some(topic) => help::verb(name(program), find(topic)?),
        None => help::global(name(program)),
    }))
}

fn find(name: &str) -> Result<&'static Verb, Failure> {
    let unknown = || Failure::new(messages::no_such_verb(name)).with_code(Code::NO_SUCH_VERB);
    verbs::ALL.iter().copied().find(|verb| verb.name == name).ok_or_else(unknown)
}

fn blame(error: String, page: &str) -> Failure {
    let page = help::blame(&error, page);
    Failure::usage(error, page)
}

fn verb(program: &str, verb: &'static Verb, words: &[String]) -> Result<Asked, Failure> {
    let page = || help::verb(name(program), verb);
    let args = flags(words, verb.flags, verb.order).map_err(|error| blame(error, &page()))?;
    if args.on(&HELP) {
        return Ok(Asked::Tell(page()));
    }
    match verb.arity.complaint(args.words.len()) {
        Some(wants) => Err(Failure::usage(messages::wrong_arity(program, verb.name, &wants), help::refuse(&page()))),
        None => Ok(Asked::Work(verb, args)),
    }
}

impl Arity {
    /// What is wrong with this many arguments, if anything.
    fn complaint(self, count: usize) -> Option<String> {
        match self {
            Self::Exactly(n) if count != n => Some(format!("exactly {n} argument(s)")),
            Self::AtLeast(n) | Self::Between(n, _) if count < n => Some(format!("a minimum of {n} argument(s)")),
            Self::Between(_, n) if count > n => Some(format!("a maximum of {n} argument(s)")),
            _ => None,
        }
    }
}

/// Sorts words into flags and arguments.
fn flags(words: &[String], known: &[&'static Flag], order: Order) -> Result<Args, String> {
    let mut args = Args::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match Word::of(word) {
            Word::End => break,
            Word::Argument => {
                args.words.push(word.clone());
                if order == Order::First {
                    break;
                }
            }
            Word::Odd => return Err(messages::bad_flag(word)),
            Word::Flag { name, value } => {
                let flag = lookup(known, name)?;
                args.given.push((flag, value_of(flag, name, value, &mut words)?));
            }
        }
    }
    args.words.extend(words.cloned());
    Ok(args)
}

/// One word of the command line, by its looks.
enum Word<'a> {
    Argument,
    End,
    /// Dashes, but no name after them.
    Odd,
    Flag {
        name: &'a str,
        value: Option<&'a str>,
    },
}

impl<'a> Word<'a> {
    fn of(word: &'a str) -> Self {
        let Some(one) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else { return Self::Argument };
        if one == "-" {
            return Self::End;
        }
        let name = one.strip_prefix('-').unwrap_or(one);
        if name.starts_with(['-', '=']) {
            return Self::Odd;
        }
        match name.split_once('=') {
            Some((name, value)) => Self::Flag { name, value: Some(value) },
            None => Self::Flag { name, value: None },
        }
    }
}

fn lookup(known: &[&'static Flag], name: &str) -> Result<&'static Flag, String> {
    let all = known.iter().copied().chain([&HELP]);
    all.into_iter().find(|flag| flag.answers_to(name)).ok_or_else(|| messages::unknown_flag(name))
}

fn value_of<'a>(flag: &Flag, name: &str, inline: Option<&str>, next: &mut impl Iterator<Item = &'a String>) -> Result<Value, String> {
    let text = match (inline, flag.takes) {
        (Some(text), _) => text,
        (None, Takes::Switch) => return Ok(Value::Switch(true)),
        (None, _) => next.next().ok_or_else(|| messages::missing_value(name))?,
    };
    flag.value(text).ok_or_else(|| match flag.takes {
        Takes::Switch => messages::bad_switch(name, text),
        Takes::Number(_) | Takes::Numbers(_) => messages::bad_number(name, text),
        _ => messages::bad_value(name, text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static NAME: Flag = Flag::text("name", "N", "").short("n");
    static EACH: Flag = Flag::texts("each", "E", "").short("e");
    static LOUD: Flag = Flag::switch("loud", "").short("l");
    static COUNT: Flag = Flag::number("count", "N", "");
    static SPAN: Flag = Flag::duration("span", "D", "");
    static GROUP: Flag = Flag::numbers("group", "G", "").short("g");
    static KNOWN: &[&Flag] = &[&NAME, &EACH, &LOUD, &COUNT, &SPAN, &GROUP];

    /// Reads a line split at blanks and writes down what was understood.
    fn check(line: &str, order: Order, understood: &str) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let said = match flags(&words, KNOWN, order) {
            Ok(args) => {
                let given: Vec<String> = args.given.iter().map(|(flag, value)| format!("{}={value:?}", flag.long)).collect();
                format!("{} | {}", given.join(" "), args.words.join(" "))
            }
            Err(error) => error,
        };
        assert_eq!(said, understood, "{line}");
    }

    #[test]
    fn one_dash_and_two_are_the_same() {
        for line in ["--name v id", "-name v id", "--name=v id", "-name=v id", "-n v id", "-n=v id", "--n v id"] {
            check(line, Order::Anywhere, r#"name=Text("v") | id"#);
        }
    }

    #[test]
    fn a_switch_takes_no_word_but_may_be_assigned() {
        check("--loud id", Order::Anywhere, "loud=Switch(true) | id");
        check("--loud=false id", Order::Anywhere, "loud=Switch(false) | id");
        check("-l=T id", Order::Anywhere, "loud=Switch(true) | id");
        check("--loud=maybe id", Order::Anywhere, r#"invalid boolean value "maybe" for -loud: parse error"#);
    }

    #[test]
    fn flags_may_follow_arguments_unless_the_rest_is_payload() {
        check("id --loud --name v", Order::Anywhere, r#"loud=Switch(true) name=Text("v") | id"#);
        check("id --loud --name v", Order::First, " | id --loud --name v");
        check("--loud id sh -c --name", Order::First, "loud=Switch(true) | id sh -c --name");
        check("id -- x", Order::First, " | id -- x");
    }

    #[test]
    fn two_dashes_end_the_flags() {
        check("--loud -- --name v", Order::Anywhere, "loud=Switch(true) | --name v");
        check("-- id --loud", Order::First, " | id --loud");
    }

    #[test]
    fn a_value_may_look_like_a_flag() {
        check("--name --loud id", Order::Anywhere, r#"name=Text("--loud") | id"#);
        check("--count -1 id", Order::Anywhere, "count=Number(-1) | id");
        check("--name - id", Order::Anywhere, r#"name=Text("-") | id"#);
        check("- id", Order::Anywhere, " | - id");
        check("--name= id", Order::Anywhere, r#"name=Text("") | id"#);
        check("--name=a=b", Order::Anywhere, r#"name=Text("a=b") | "#);
    }

    #[test]
    fn repeated_flags_accumulate_and_commas_do_not_split() {
        check("-e A=1,2 --each B", Order::Anywhere, r#"each=Text("A=1,2") each=Text("B") | "#);
    }

    #[test]
    fn what_is_wrong_is_named_with_one_dash() {
        check("--nosuch", Order::Anywhere, "flag provided but not defined: -nosuch");
        check("---name v", Order::Anywhere, "bad flag syntax: ---name");
        check("--=v", Order::Anywhere, "bad flag syntax: --=v");
        check("id --name", Order::Anywhere, "flag needs an argument: -name");
        check("--count many", Order::Anywhere, r#"invalid value "many" for flag -count: parse error"#);
        check("--count 9223372036854775808", Order::Anywhere, r#"invalid value "9223372036854775808" for flag -count: value out of range"#);
        check("--group 7,8", Order::Anywhere, r#"invalid value "7,8" for flag -group: parse error"#);
        check("--span 5", Order::Anywhere, r#"invalid value "5" for flag -span: parse error"#);
        check("--span 1m30s", Order::Anywhere, "span=Duration(90s) | ");
    }

    #[test]
    fn the_last_of_a_flag_wins_and_all_can_be_read() {
        let words: Vec<String> =
            ["-n", "a", "-n", "b", "-e", "x", "-e", "y", "-l", "-l=false", "-g", "1", "--group=2"].map(str::to_owned).to_vec();
        let args = flags(&words, KNOWN, Order::Anywhere).unwrap_or_default();
        assert_eq!(args.text(&NAME), Some("b"));
        assert_eq!(args.texts(&EACH).collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(args.numbers(&GROUP).collect::<Vec<_>>(), [1, 2]);
        assert!(!args.on(&LOUD));
        assert_eq!(args.switch(&LOUD), Some(false));
        assert_eq!(args.number(&COUNT), None);
    }

    #[test]
    fn arity_says_what_it_wants() {
        assert_eq!(Arity::Exactly(1).complaint(1), None);
        assert_eq!(Arity::Exactly(1).complaint(0).as_deref(), Some("exactly 1 argument(s)"));
        assert_eq!(Arity::AtLeast(1).complaint(0).as_deref(), Some("a minimum of 1 argument(s)"));
        assert_eq!(Arity::Between(1, 2).complaint(3).as_deref(), Some("a maximum of 2 argument(s)"));
        assert_eq!(Arity::Between(1, 2).complaint(2), None);
    }
}
