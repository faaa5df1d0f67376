//! D-Bus messages as bytes: as much of the format as a few calls to systemd take.
//!
//! Invariant: pure. What comes in is read with bounds, and a message that does not hold what it says is none.

use std::borrow::Cow;

/// A value of a unit's property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// An object's path.
    Path(String),
    Signature(String),
    Number(u64),
    Switch(bool),
    Byte(u8),
    Int16(i16),
    Uint16(u16),
    Int32(i32),
    Uint32(u32),
    Int64(i64),
    /// A double's bits.
    Real(u64),
    Bytes(Vec<u8>),
    Numbers(Vec<u32>),
    Texts(Vec<String>),
    Pairs(Vec<(String, String)>),
    /// The signature of the elements, and they.
    Array(String, Vec<Self>),
}

/// A property of a unit.
pub(super) type Property = (Cow<'static, str>, Value);

/// A property whose name is ours.
pub(super) fn named(name: &'static str, value: Value) -> Property {
    (Cow::Borrowed(name), value)
}

/// Who is called, and what with.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) signature: &'a str,
    pub(super) body: Body,
}

/// A body, or a header, in the making: little-endian, every value at a multiple of its own size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Body(Vec<u8>);

impl Body {
    pub(super) fn text(mut self, text: &str) -> Self {
        self.put_text(text);
        self
    }

    pub(super) fn switch(mut self, on: bool) -> Self {
        self.put_number(u32::from(on));
        self
    }

    /// `a(sv)`
    pub(super) fn properties(mut self, properties: &[Property]) -> Self {
        self.put_array(8, properties, |body, (name, value)| {
            body.pad(8);
            body.put_text(name);
            body.put_variant(value);
        });
        self
    }

    /// `au`
    pub(super) fn numbers(mut self, numbers: &[u32]) -> Self {
        self.put_array(4, numbers, |body, number| body.put_number(*number));
        self
    }

    /// `a(sa(sv))`, with nothing in it: the units that a transient one brings along.
    pub(super) fn no_other_units(mut self) -> Self {
        self.put_array::<()>(8, &[], |_, ()| {});
        self
    }

    fn pad(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn put_number(&mut self, number: u32) {
        self.pad(4);
        self.0.extend(number.to_le_bytes());
    }

    fn put_text(&mut self, text: &str) {
        self.put_number(length(text.len()));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn put_signature(&mut self, signature: &str) {
        self.0.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.0.extend(signature.as_bytes());
        self.0.push(0);
    }

    /// The length is that of the elements, without the gap before the first.
    fn put_array<T>(&mut self, align: usize, items: &[T], put: impl Fn(&mut Self, &T)) {
        self.put_number(0);
        let end = self.0.len();
        self.pad(align);
        let start = self.0.len();
        items.iter().for_each(|item| put(self, item));
        let bytes = length(self.0.len() - start);
        self.0[end - 4..end].copy_from_slice(&bytes.to_le_bytes());
    }

    fn put_long(&mut self, number: u64) {
        self.pad(8);
        self.0.extend(number.to_le_bytes());
    }

    fn put_variant(&mut self, value: &Value) {
        self.put_signature(&value.signature());
        self.put_value(value);
    }

    fn put_value(&mut self, value: &Value) {
        match value {
            Value::Text(text) | Value::Path(text) => self.put_text(text),
            Value::Signature(text) => self.put_signature(text),
            Value::Number(number) | Value::Real(number) => self.put_long(*number),
            Value::Int64(number) => self.put_long(number.cast_unsigned()),
            Value::Switch(on) => self.put_number(u32::from(*on)),
            Value::Byte(byte) => self.0.push(*byte),
            Value::Int16(number) => self.put_short(number.cast_unsigned()),
            Value::Uint16(number) => self.put_short(*number),
            Value::Int32(number) => self.put_number(number.cast_unsigned()),
            Value::Uint32(number) => self.put_number(*number),
            Value::Bytes(bytes) => self.put_array(1, bytes, |body, byte| body.0.push(*byte)),
            Value::Numbers(numbers) => self.put_array(4, numbers, |body, number| body.put_number(*number)),
            Value::Texts(texts) => self.put_array(4, texts, |body, text| body.put_text(text)),
            Value::Pairs(pairs) => self.put_array(8, pairs, |body, (first, second)| {
                body.pad(8);
                body.put_text(first);
                body.put_text(second);
            }),
            Value::Array(of, values) => self.put_array(alignment(of), values, Self::put_value),
        }
    }

    fn put_short(&mut self, number: u16) {
        self.pad(2);
        self.0.extend(number.to_le_bytes());
    }

    /// One field of a header: `(yv)`.
    fn put_field(&mut self, (code, signature, text): &(u8, &str, &str)) {
        self.pad(8);
        self.0.push(*code);
        self.put_signature(signature);
        if *signature == "g" { self.put_signature(text) } else { self.put_text(text) }
    }
}

impl Value {
    pub(super) fn signature(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Text(_) => "s",
            Self::Path(_) => "o",
            Self::Signature(_) => "g",
            Self::Number(_) => "t",
            Self::Switch(_) => "b",
            Self::Byte(_) => "y",
            Self::Int16(_) => "n",
            Self::Uint16(_) => "q",
            Self::Int32(_) => "i",
            Self::Uint32(_) => "u",
            Self::Int64(_) => "x",
            Self::Real(_) => "d",
            Self::Bytes(_) => "ay",
            Self::Numbers(_) => "au",
            Self::Texts(_) => "as",
            Self::Pairs(_) => "a(ss)",
            Self::Array(of, _) => return Cow::Owned(format!("a{of}")),
        })
    }
}

/// What a value's place is a multiple of, by its signature.
fn alignment(signature: &str) -> usize {
    match signature.as_bytes().first() {
        Some(b'x' | b't' | b'd' | b'(' | b'{') => 8,
        Some(b'n' | b'q') => 2,
        Some(b'y' | b'g' | b'v') => 1,
        _ => 4,
    }
}

/// No message of ours comes near 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

const METHOD_CALL: u8 = 1;

impl Call<'_> {
    /// The whole message.
    pub(super) fn to_bytes(&self, serial: u32) -> Vec<u8> {
        let mut message = Body(vec![b'l', METHOD_CALL, 0, 1]);
        message.put_number(length(self.body.0.len()));
        message.put_number(serial);
        let fields = [
            (PATH, "o", self.path),
            (INTERFACE, "s", self.interface),
            (MEMBER, "s", self.member),
            (DESTINATION, "s", self.destination),
            (SIGNATURE, "g", self.signature),
        ];
        let count = if self.signature.is_empty() { 4 } else { 5 };
        message.put_array(8, &fields[..count], Body::put_field);
        message.pad(8);
        message.0.extend(&self.body.0);
        message.0
    }
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Return,
    Error,
    Signal,
    /// A call of ours, or something the protocol has not had so far.
    Unknown,
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) member: String,
    pub(super) error: String,
    pub(super) reply_to: u32,
    body: Vec<u8>,
}

/// What every message begins with.
pub(super) const PREFIX: usize = 16;

/// No answer of systemd's to us is longer.
const LONGEST: usize = 1 << 20;

/// How many bytes follow the first [`PREFIX`].
pub(super) fn rest(prefix: &[u8; PREFIX]) -> Option<usize> {
    let mut reader = Reader::new(&prefix[4..]);
    let body = reader.number()? as usize;
    reader.number()?;
    let fields = reader.number()? as usize;
    let rest = fields.checked_next_multiple_of(8)?.checked_add(body)?;
    (prefix[0] == b'l' && rest <= LONGEST).then_some(rest)
}

impl Message {
    /// From a message's prefix, and what [`rest`] says comes after it.
    pub(super) fn from_bytes(prefix: &[u8; PREFIX], rest: &[u8]) -> Option<Self> {
        let fields = Reader::new(&prefix[12..]).number()? as usize;
        let mut message = Self { kind: kind(prefix[1]), member: String::new(), error: String::new(), reply_to: 0, body: Vec::new() };
        let mut reader = Reader::new(rest.get(..fields)?);
        while reader.at < fields {
            message.field(&mut reader)?;
        }
        message.body = rest.get(fields.next_multiple_of(8)..)?.to_vec();
        Some(message)
    }

    fn field(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        reader.pad(8);
        let code = reader.byte()?;
        let signature = reader.signature()?;
        match (code, signature.as_str()) {
            (REPLY_SERIAL, "u") => self.reply_to = reader.number()?,
            (MEMBER, "s") => self.member = reader.text()?,
            (ERROR_NAME, "s") => self.error = reader.text()?,
            (_, "s" | "o") => drop(reader.text()?),
            (_, "g") => drop(reader.signature()?),
            (_, "u") => drop(reader.number()?),
            _ => return None,
        }
        Some(())
    }

    /// The text a body begins with: an error's words, a job's path.
    pub(super) fn text(&self) -> Option<String> {
        Reader::new(&self.body).text()
    }

    /// The text in the variant that a body is.
    pub(super) fn variant_text(&self) -> Option<String> {
        let mut reader = Reader::new(&self.body);
        (reader.signature()? == "s").then_some(())?;
        reader.text()
    }

    /// `JobRemoved(uoss)`: the job, and how it ended.
    pub(super) fn removed_job(&self) -> Option<(String, String)> {
        if self.kind != Kind::Signal || self.member != "JobRemoved" {
            return None;
        }
        let mut reader = Reader::new(&self.body);
        reader.number()?;
        let job = reader.text()?;
        reader.text()?;
        Some((job, reader.text()?))
    }
}

/// What the other side says, for those who play it.
#[cfg(test)]
impl Message {
    pub(super) fn into_body(self) -> Body {
        Body(self.body)
    }

    /// A return, with a body of one value; or an error, if there is a name for it.
    pub(super) fn answer(to: u32, error: &str, (signature, body): (&str, Body)) -> Vec<u8> {
        let mut message = Body(vec![b'l', if error.is_empty() { 2 } else { 3 }, 1, 1]);
        message.put_number(length(body.0.len()));
        message.put_number(1);
        // Where fields stand in a message, 8 divides as well.
        let mut fields = Body(vec![0; 8]);
        fields.0.extend([REPLY_SERIAL, 1, b'u', 0]);
        fields.put_number(to);
        for field in [(ERROR_NAME, "s", error), (SIGNATURE, "g", signature)].iter().filter(|field| !field.2.is_empty()) {
            fields.put_field(field);
        }
        message.put_number(length(fields.0.len() - 8));
        message.0.extend(&fields.0[8..]);
        message.pad(8);
        message.0.extend(&body.0);
        message.0
    }

    /// The signal that a job has ended.
    pub(super) fn job_removed(job: &str, result: &str) -> Vec<u8> {
        let mut body = Body::default();
        body.put_number(9);
        let call = Call { destination: "d.d", path: "/p", interface: "i.i", member: "JobRemoved", signature: "uoss", body: body.text(job) };
        let mut bytes = Call { body: call.body.clone().text("x.scope").text(result), ..call }.to_bytes(3);
        bytes[1] = 4;
        bytes
    }
}

#[cfg(test)]
impl Body {
    pub(super) fn variant(mut self, value: &Value) -> Self {
        self.put_variant(value);
        self
    }
}

fn kind(code: u8) -> Kind {
    match code {
        2 => Kind::Return,
        3 => Kind::Error,
        4 => Kind::Signal,
        _ => Kind::Unknown,
    }
}

/// Walks over bytes whose first is at a multiple of 8.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn pad(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        self.pad(4);
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let count = self.number()? as usize;
        self.chars(count)
    }

    fn signature(&mut self) -> Option<String> {
        let count = self.byte()?.into();
        self.chars(count)
    }

    fn chars(&mut self, count: usize) -> Option<String> {
        let text = self.take(count)?.to_vec();
        (self.byte()? == 0).then_some(())?;
        String::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(member: &'a str, signature: &'a str, body: Body) -> Call<'a> {
        Call { destination: "d.d", path: "/p", interface: "i.i", member, signature, body }
    }

    #[test]
    fn a_call_is_these_bytes() {
        let bytes = call("Stop", "sb", Body::default().text("ab").switch(true)).to_bytes(7);
        let mut expected = b"l\x01\x00\x01\x0c\0\0\0\x07\0\0\0\x48\0\0\0".to_vec();
        expected.extend(b"\x01\x01o\0\x02\0\0\0/p\0\0\0\0\0\0");
        expected.extend(b"\x02\x01s\0\x03\0\0\0i.i\0\0\0\0\0");
        expected.extend(b"\x03\x01s\0\x04\0\0\0Stop\0\0\0\0");
        expected.extend(b"\x06\x01s\0\x03\0\0\0d.d\0\0\0\0\0");
        expected.extend(b"\x08\x01g\0\x02sb\0");
        expected.extend(b"\x02\0\0\0ab\0\0\x01\0\0\0");
        assert_eq!(bytes, expected);
    }

    #[test]
    fn every_kind_of_property_is_these_bytes() {
        let check = |value: Value, expected: &[u8]| {
            let mut body = Body::default();
            body.put_variant(&value);
            assert_eq!(body.0, expected, "{value:?}");
        };
        check(Value::Text("no".into()), b"\x01s\0\0\x02\0\0\0no\0");
        check(Value::Number(258), b"\x01t\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0");
        check(Value::Switch(true), b"\x01b\0\0\x01\0\0\0");
        check(Value::Bytes(vec![3, 1]), b"\x02ay\0\x02\0\0\0\x03\x01");
        check(Value::Numbers(vec![5]), b"\x02au\0\x04\0\0\0\x05\0\0\0");
        check(Value::Texts(vec!["a".into()]), b"\x02as\0\x06\0\0\0\x01\0\0\0a\0");
        check(Value::Byte(7), b"\x01y\0\x07");
        check(Value::Uint16(258), b"\x01q\0\0\x02\x01");
        check(Value::Int32(-2), b"\x01i\0\0\xfe\xff\xff\xff");
        check(Value::Real(1_f64.to_bits()), b"\x01d\0\0\0\0\0\0\0\0\0\0\0\0\xf0\x3f");
        check(Value::Pairs(vec![("a".into(), "b".into())]), b"\x05a(ss)\0\0\x0e\0\0\0\0\0\0\0\x01\0\0\0a\0\0\0\x01\0\0\0b\0");
        check(Value::Array("n".into(), vec![Value::Int16(1)]), b"\x02an\0\x02\0\0\0\x01\0");
    }

    #[test]
    fn properties_are_structures_at_multiples_of_eight() {
        let body = Body::default().properties(&[named("A", Value::Switch(false)), named("B", Value::Switch(true))]).no_other_units();
        let first = b"\x01\0\0\0A\0\x01b\0\0\0\0\0\0\0\0";
        let second = b"\x01\0\0\0B\0\x01b\0\0\0\0\x01\0\0\0";
        let nothing = b"\0\0\0\0\0\0\0\0";
        assert_eq!(body.0, [b"\x20\0\0\0\0\0\0\0".as_slice(), first, second, nothing].concat());
    }

    fn prefix(bytes: &[u8]) -> [u8; PREFIX] {
        bytes[..PREFIX].try_into().unwrap()
    }

    fn parse(bytes: &[u8]) -> Option<Message> {
        let rest = rest(&prefix(bytes))?;
        Message::from_bytes(&prefix(bytes), bytes.get(PREFIX..PREFIX + rest)?)
    }

    #[test]
    fn a_removed_job_is_read_from_its_signal() {
        let message = parse(&Message::job_removed("/job/9", "done")).unwrap();
        assert_eq!(message.removed_job(), Some(("/job/9".into(), "done".into())));
    }

    #[test]
    fn an_answer_is_heard_as_it_is_said() {
        let message = parse(&Message::answer(7, "", ("v", Body::default().variant(&Value::Text("257".into()))))).unwrap();
        assert_eq!((message.kind, message.reply_to, message.variant_text().as_deref()), (Kind::Return, 7, Some("257")));
        let message = parse(&Message::answer(8, "a.b", ("s", Body::default().text("no")))).unwrap();
        assert_eq!((message.kind, message.reply_to, message.error.as_str()), (Kind::Error, 8, "a.b"));
    }

    #[test]
    fn an_error_has_a_name_and_words() {
        let mut bytes = b"l\x03\x01\x01\x07\0\0\0\x02\0\0\0\x1b\0\0\0".to_vec();
        bytes.extend(b"\x05\x01u\0\x07\0\0\0\x04\x01s\0\x03\0\0\0a.b\0\0\0\0\0");
        bytes[12] = 0x14;
        bytes.extend(b"\x02\0\0\0no\0");
        let message = parse(&bytes).unwrap();
        assert_eq!((message.kind, message.reply_to, message.error.as_str()), (Kind::Error, 7, "a.b"));
        assert_eq!(message.text().as_deref(), Some("no"));
    }

    #[test]
    fn no_cut_or_twisted_message_is_read_beyond_its_end() {
        let bytes = call("Stop", "s", Body::default().text("abc")).to_bytes(1);
        for end in PREFIX..bytes.len() {
            assert_eq!(Message::from_bytes(&prefix(&bytes), &bytes[PREFIX..end]).and_then(|message| message.text()), None, "{end}");
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut twisted = bytes.clone();
                twisted[at] ^= flip;
                let _ = parse(&twisted).map(|message| (message.text(), message.removed_job(), message.variant_text()));
            }
        }
    }
}
