//! Completions for fish.

use super::{Offer, listed, takes_id};
use crate::args::{Flag, GLOBALS, global};
use crate::verbs;

/// What does not depend on the tables.
const HEAD: &str = r#"# Completions of runtime-shim for fish. Written from the program's own tables: see src/args/manual in its sources.

function __runtime_shim_ids
    set -l words (commandline -opc)
    set -l root
    for i in (seq (count $words))
        switch $words[$i]
            case '--root=*' '-root=*'
                set root $words[$i]
            case --root -root
                set -l next (math $i + 1)
                test $next -le (count $words); and set root --root $words[$next]
        end
    end
    command runtime-shim $root list -q 2>/dev/null
end

complete -c runtime-shim -f
"#;

/// The whole script.
pub(super) fn script() -> String {
    let mut lines = vec![HEAD.to_owned()];
    lines.extend(listed(GLOBALS).map(|flag| line("__fish_use_subcommand", flag)));
    lines.extend(
        verbs::ALL
            .iter()
            .map(|verb| format!("complete -c runtime-shim -n __fish_use_subcommand -a {} -d {}\n", verb.name, quoted(verb.summary))),
    );
    for verb in verbs::ALL {
        let condition = format!("'__fish_seen_subcommand_from {}'", verb.name);
        lines.extend(listed(verb.flags).chain([&global::HELP]).map(|flag| line(&condition, flag)));
    }
    let with_id: Vec<&str> = verbs::ALL.iter().filter(|verb| takes_id(verb)).map(|verb| verb.name).collect();
    lines.push(format!(
        "complete -c runtime-shim -n '__fish_seen_subcommand_from {}' -a '(__runtime_shim_ids)' -d container\n",
        with_id.join(" ")
    ));
    lines.concat()
}

fn line(condition: &str, flag: &Flag) -> String {
    let short = flag.short.map_or_else(String::new, |short| format!(" -s {short}"));
    let value = match Offer::of(flag) {
        Offer::Nothing => String::new(),
        Offer::Anything => " -x".to_owned(),
        Offer::Files => " -r -F".to_owned(),
        Offer::Directories => " -x -a '(__fish_complete_directories)'".to_owned(),
        Offer::Words(words) => format!(" -x -a '{}'", words.join(" ")),
    };
    format!("complete -c runtime-shim -n {condition} -l {}{short}{value} -d {}\n", flag.long, quoted(flag.about))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
