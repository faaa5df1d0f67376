//! A page of the manual, for `man(1)`.

use super::{listed, texts};
use crate::args::{Flag, GLOBALS, Verb, global};
use crate::verbs;

/// `runtime-shim(8)`.
pub(super) fn program() -> String {
    let mut page = Page::new("runtime-shim", "runs OCI containers");
    page.section("SYNOPSIS");
    page.line(r"\fBruntime\-shim\fR [\fIglobal options\fR] \fIcommand\fR [\fIoptions\fR] [\fIarguments\fR]");
    page.section("DESCRIPTION");
    page.paragraphs(texts::PROGRAM);
    page.section("COMMANDS");
    for verb in verbs::ALL {
        page.entry(&reference(verb.name), verb.summary);
    }
    page.section("GLOBAL OPTIONS");
    page.text("They stand before the command. One dash is as good as two, and --option=value the same as --option value.");
    page.flags(GLOBALS);
    for (title, entries) in texts::SECTIONS {
        page.section(title);
        for (name, text) in *entries {
            page.entry(&bold(name), text);
        }
    }
    page.examples(texts::EXAMPLES);
    page.see_also(verbs::ALL.iter().map(|verb| verb.name));
    page.0
}

/// `runtime-shim-VERB(8)`.
pub(super) fn verb(verb: &Verb) -> String {
    let text = texts::of(verb.name);
    let mut page = Page::new(&format!("runtime-shim-{}", verb.name), verb.summary);
    page.section("SYNOPSIS");
    let name = bold(&format!("runtime-shim {}", verb.name));
    let options = if verb.flags.is_empty() { "" } else { r" [\fIoptions\fR]" };
    let ways = verb.arguments.split(" | ").map(|arguments| format!("{name}{options} {}", plain(arguments)).trim_end().to_owned());
    page.line(&ways.collect::<Vec<_>>().join("\n.br\n"));
    page.section("DESCRIPTION");
    let about = verb.about.replace('\n', " ");
    page.paragraphs(&std::iter::once(about.as_str()).chain(text.more.iter().copied()).collect::<Vec<_>>());
    page.section("OPTIONS");
    page.flags(&verb.flags.iter().copied().chain([&global::HELP]).collect::<Vec<_>>());
    page.examples(text.examples);
    page.see_also(text.related.iter().copied());
    page.0
}

struct Page(String);

impl Page {
    fn new(name: &str, summary: &str) -> Self {
        let title = plain(&name.to_uppercase());
        let version = concat!("runtime-shim ", env!("CARGO_PKG_VERSION"));
        let mut page = Self(format!(".TH {title} 8 \"\" \"{version}\" \"System Administration\"\n"));
        page.section("NAME");
        page.line(&format!("{} \\- {}", plain(name), plain(summary)));
        page
    }

    /// A line of roff.
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, title: &str) {
        self.line(&format!(".SH {title}"));
    }

    fn text(&mut self, text: &str) {
        self.line(&plain(text));
    }

    fn paragraphs(&mut self, paragraphs: &[&str]) {
        let texts: Vec<String> = paragraphs.iter().filter(|text| !text.is_empty()).map(|text| plain(text)).collect();
        self.line(&texts.join("\n.PP\n"));
    }

    /// A term that is roff already, and what it means.
    fn entry(&mut self, term: &str, text: &str) {
        self.line(".TP");
        self.line(term);
        self.text(text);
    }

    fn flags(&mut self, flags: &[&'static Flag]) {
        for flag in listed(flags) {
            let often = if flag.repeats() { " It may be repeated." } else { "" };
            self.entry(&term(flag), format!("{}.{often} {}", capital(flag.about), flag.told.more).trim_end());
        }
    }

    fn examples(&mut self, examples: &[(&str, &str)]) {
        self.section("EXAMPLES");
        let one = |(what, command): &(&str, &str)| format!("{}\n.PP\n.RS 4\n.nf\n{}\n.fi\n.RE", plain(what), plain(command));
        self.line(&examples.iter().map(one).collect::<Vec<_>>().join("\n.PP\n"));
    }

    fn see_also<'a>(&mut self, verbs: impl Iterator<Item = &'a str>) {
        self.section("SEE ALSO");
        let program = (self.0.starts_with(".TH RUNTIME\\-SHIM 8")).then_some(String::new());
        let own = program.unwrap_or_else(|| r"\fBruntime\-shim\fR(8)".to_owned());
        let all: Vec<String> = std::iter::once(own).filter(|own| !own.is_empty()).chain(verbs.map(reference)).collect();
        self.line(&all.join(",\n"));
    }
}

fn reference(verb: &str) -> String {
    format!("{}(8)", bold(&format!("runtime-shim-{verb}")))
}

fn term(flag: &Flag) -> String {
    let value = flag.value_name().map_or_else(String::new, |value| format!(" \\fI{}\\fR", plain(value)));
    super::names(flag).map(|name| bold(&name) + &value).collect::<Vec<_>>().join(", ")
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", plain(text))
}

/// A text in which nothing is roff: no escape, no dash that becomes a hyphen, no line that is a request.
fn plain(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('~', "\\(ti").replace('^', "\\(ha");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
