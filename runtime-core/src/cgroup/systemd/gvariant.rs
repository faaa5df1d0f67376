//! Values of properties as people write them: GVariant's text format, as far as units have such values.
//!
//! ```text
//! 'text'   true   -5   1.5   uint32 7   ['a', 'b']   @as []   b'bytes'   byte 0x2f   objectpath '/a'
//! ```
//!
//! Dictionaries, tuples and variants are values of no unit's property, and are refused.
//!
//! Invariant: pure, and bounded by the length of the text: an array is in an array at most [`DEPTH`] times.

use super::message::Value;

/// The value that a text means, or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text };
    let node = reader.node(DEPTH)?;
    reader.blank();
    match reader.rest {
        "" => node.infer().and_then(|signature| node.value(&signature)),
        rest => Err(format!("{rest:?} comes after the value")),
    }
}

const DEPTH: usize = 8;

/// What is written; of which type is known only from what stands around it.
enum Node {
    Number(String),
    Switch(bool),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Self>),
    Typed(String, Box<Self>),
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes what begins here and holds.
    fn take(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !holds(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, text: &str) -> bool {
        self.blank();
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn node(&mut self, depth: usize) -> Result<Node, String> {
        self.blank();
        match self.rest.chars().next() {
            None => Err("a value is missing".into()),
            Some('[') => self.array(depth.checked_sub(1).ok_or("too many arrays in each other")?),
            Some('\'' | '"') => self.quoted().and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string())).map(Node::Text),
            Some('+' | '-' | '.' | '0'..='9') => {
                Ok(Node::Number(self.take(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter)).into()))
            }
            Some('{' | '(' | '<') => Err("dictionaries, tuples and variants are no values of a unit's property".into()),
            Some('b') if self.rest[1..].starts_with(['\'', '"']) => {
                self.rest = &self.rest[1..];
                self.quoted().map(Node::Bytes)
            }
            Some('@') => {
                let signature = self.take(|letter| !letter.is_whitespace())[1..].to_owned();
                self.node(depth).map(|node| Node::Typed(signature, node.into()))
            }
            Some(_) => self.word(depth),
        }
    }

    fn word(&mut self, depth: usize) -> Result<Node, String> {
        let word = self.take(|letter| letter.is_ascii_alphanumeric());
        let signature = match word {
            "true" | "false" => return Ok(Node::Switch(word == "true")),
            "boolean" => "b",
            "byte" => "y",
            "int16" => "n",
            "uint16" => "q",
            "int32" => "i",
            "uint32" => "u",
            "int64" => "x",
            "uint64" => "t",
            "double" => "d",
            "string" => "s",
            "objectpath" => "o",
            "signature" => "g",
            "" => return Err(format!("{:?} is no value", self.rest)),
            other => return Err(format!("unrecognized type {other:?}")),
        };
        self.node(depth).map(|node| Node::Typed(signature.into(), node.into()))
    }

    fn array(&mut self, depth: usize) -> Result<Node, String> {
        self.skip("[");
        let mut nodes = Vec::new();
        if self.skip("]") {
            return Ok(Node::Array(nodes));
        }
        loop {
            nodes.push(self.node(depth)?);
            if self.skip("]") {
                return Ok(Node::Array(nodes));
            }
            if !self.skip(",") {
                return Err("an array has no end".into());
            }
        }
    }

    /// From one quotation mark to the next of its kind.
    fn quoted(&mut self) -> Result<Vec<u8>, String> {
        let mut letters = self.rest.chars();
        let mark = letters.next();
        let mut bytes = Vec::new();
        let put = |bytes: &mut Vec<u8>, letter: char| bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
        loop {
            match letters.next() {
                None => return Err("a text has no end".into()),
                letter if letter == mark => break,
                Some('\\') => put(&mut bytes, escaped(&mut letters).ok_or("a backslash is followed by nothing it can be")?),
                Some(letter) => put(&mut bytes, letter),
            }
        }
        self.rest = letters.as_str();
        Ok(bytes)
    }
}

fn escaped(letters: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return code(letters, 4),
        'U' => return code(letters, 8),
        other => other,
    })
}

fn code(letters: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text: String = letters.by_ref().take(digits).collect();
    u32::from_str_radix(&text, 16).ok().filter(|_| text.len() == digits).and_then(char::from_u32)
}

impl Node {
    /// The type that a value has if nobody says another.
    fn infer(&self) -> Result<String, String> {
        Ok(match self {
            Self::Number(text) => if is_real(text) { "d" } else { "i" }.to_owned(),
            Self::Switch(_) => "b".into(),
            Self::Text(_) => "s".into(),
            Self::Bytes(_) => "ay".into(),
            Self::Typed(signature, _) => signature.clone(),
            Self::Array(nodes) => {
                let typed = nodes.iter().find(|node| matches!(node, Self::Typed(..)));
                let real = nodes.iter().find(|node| matches!(node, Self::Number(text) if is_real(text)));
                let one = typed.or(real).or_else(|| nodes.first());
                format!("a{}", one.ok_or("an empty array does not tell its type: write @as []")?.infer()?)
            }
        })
    }

    fn value(&self, signature: &str) -> Result<Value, String> {
        match (self, signature) {
            (Self::Typed(own, node), _) if own == signature => node.value(signature),
            (Self::Number(text), _) => number(text, signature).ok_or_else(|| format!("{text} is no value of type {signature:?}")),
            (Self::Switch(on), "b") => Ok(Value::Switch(*on)),
            (Self::Text(text), "s") => Ok(Value::Text(text.clone())),
            (Self::Text(text), "o") => Ok(Value::Path(text.clone())),
            (Self::Text(text), "g") => Ok(Value::Signature(text.clone())),
            // C's strings end with a zero.
            (Self::Bytes(bytes), "ay") => Ok(Value::Bytes(bytes.iter().copied().chain([0]).collect())),
            (Self::Array(nodes), _) => {
                let of = signature.strip_prefix('a').ok_or_else(|| format!("an array is no value of type {signature:?}"))?;
                let values = nodes.iter().map(|node| node.value(of)).collect::<Result<_, _>>()?;
                element(of).then_some(Value::Array(of.into(), values)).ok_or_else(|| format!("{of:?} is no type of elements"))
            }
            _ => Err(format!("the values are of different types, or none is of type {signature:?}")),
        }
    }
}

/// Arrays of arrays, of what is written above.
fn element(signature: &str) -> bool {
    matches!(signature.trim_start_matches('a'), "b" | "y" | "n" | "q" | "i" | "u" | "x" | "t" | "d" | "s" | "o" | "g")
}

fn is_real(text: &str) -> bool {
    !text.contains("0x") && text.contains(['.', 'e', 'E'])
}

fn number(text: &str, signature: &str) -> Option<Value> {
    if signature == "d" {
        return text.parse::<f64>().ok().map(|number| Value::Real(number.to_bits()));
    }
    let whole = whole(text)?;
    Some(match signature {
        "y" => Value::Byte(whole.try_into().ok()?),
        "n" => Value::Int16(whole.try_into().ok()?),
        "q" => Value::Uint16(whole.try_into().ok()?),
        "i" => Value::Int32(whole.try_into().ok()?),
        "u" => Value::Uint32(whole.try_into().ok()?),
        "x" => Value::Int64(whole.try_into().ok()?),
        "t" => Value::Number(whole.try_into().ok()?),
        _ => return None,
    })
}

/// As in C: `0x` is hexadecimal, a zero before others octal.
fn whole(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(digits), _) => u64::from_str_radix(digits, 16),
        (None, Some(digits)) if !digits.is_empty() => u64::from_str_radix(digits, 8),
        _ => digits.parse(),
    };
    number.ok().filter(|_| digits.starts_with(|letter: char| letter.is_ascii_digit())).map(|number| sign * i128::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: &str, texts: &[&str]) -> Value {
        Value::Array(of.into(), texts.iter().map(|text| Value::Text((*text).into())).collect())
    }

    #[test]
    fn a_text_is_the_value_it_is_to_other_runtimes() {
        let table = [
            ("true", Value::Switch(true)),
            (" 'a b' ", Value::Text("a b".into())),
            (r#""it\'s\n\u00e9""#, Value::Text("it's\n\u{e9}".into())),
            ("5", Value::Int32(5)),
            ("-0x10", Value::Int32(-16)),
            ("010", Value::Int32(8)),
            ("1.5", Value::Real(1.5_f64.to_bits())),
            ("double 2", Value::Real(2_f64.to_bits())),
            ("uint32 7", Value::Uint32(7)),
            ("uint64 18446744073709551615", Value::Number(u64::MAX)),
            ("int64 -1", Value::Int64(-1)),
            ("byte 255", Value::Byte(255)),
            ("int16 -3", Value::Int16(-3)),
            ("@q 9", Value::Uint16(9)),
            ("objectpath '/a'", Value::Path("/a".into())),
            ("signature 'as'", Value::Signature("as".into())),
            ("b'ab'", Value::Bytes(vec![97, 98, 0])),
            ("['a', \"b\"]", texts("s", &["a", "b"])),
            ("@as []", texts("s", &[])),
            ("[uint32 1, 2]", Value::Array("u".into(), vec![Value::Uint32(1), Value::Uint32(2)])),
            ("[1, 2.5]", Value::Array("d".into(), vec![Value::Real(1_f64.to_bits()), Value::Real(2.5_f64.to_bits())])),
            ("[['a'], ['b']]", Value::Array("as".into(), vec![texts("s", &["a"]), texts("s", &["b"])])),
        ];
        for (text, value) in table {
            assert_eq!(parse(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_value_is_said_to_be_none() {
        let deep = "[".repeat(9);
        let bad = ["", "[", "'a", "yes", "5 6", "uint32 -1", "byte 256", "99999999999", "[1, 'a']", "[]", "{'a': 1}", "(1, 2)", "<1>"];
        let worse =
            ["uint32 true", "@as ['a', 5]", "@a{sv} []", "@ 5", "b'", "'\\u12", "'\\", "0x", "0xg", "--1", "+", "é", "b", "[1 2]", &deep];
        for text in bad.iter().chain(&worse) {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn no_text_however_broken_brings_it_down() {
        let whole = "[@as ['a\\u00e9', \"b\"], b'x', uint32 0x7f, -1.5e3, <{(true)}>]";
        for from in 0..whole.len() {
            for to in from..=whole.len() {
                let _ = parse(&whole[from..to]);
            }
        }
    }
}
