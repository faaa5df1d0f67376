//! Completions for bash. They need no package of completions beside them.

use super::{Offer, listed, names, takes_id};
use crate::args::{GLOBALS, Order, global};
use crate::verbs;
use std::collections::BTreeMap;

/// What does not depend on the tables.
const HEAD: &str = r##"# Completions of runtime-shim for bash. Written from the program's own tables: see src/args/manual in its sources.

_runtime_shim() {
    local verb='' flag='' word i
    local -a args=() root=() offer=()
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $flag ]]; then
            # bash makes three words of --flag=value.
            [[ $word == '=' ]] && continue
            [[ -z $verb && $flag == -root ]] && root=(--root "$word")
            flag=''
        elif [[ $word == -* ]] && { ((!${#args[@]})) || ! _runtime_shim_payload "$verb"; }; then
            # One dash is as good as two.
            flag=${word/#--/-}
            [[ -n $(_runtime_shim_offer "$verb $flag") ]] || flag=''
        elif [[ -z $verb ]]; then
            verb=$word
        elif [[ $word != '=' ]]; then
            args+=("$word")
        fi
    done
    word=${COMP_WORDS[COMP_CWORD]}
    [[ $word == '=' ]] && word=''
    if [[ -n $flag ]]; then
        read -ra offer <<<"$(_runtime_shim_offer "$verb $flag")"
        case ${offer[0]} in
        words) mapfile -t COMPREPLY < <(compgen -W "${offer[*]:1}" -- "$word") ;;
        directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        esac
    elif ((${#args[@]})) && _runtime_shim_payload "$verb"; then
        return
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_runtime_shim_flags "$verb")" -- "$word")
    elif [[ -z $verb || $verb == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_runtime_shim_verbs)" -- "$word")
    elif ((!${#args[@]})) && _runtime_shim_takes_id "$verb"; then
        mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${root[@]}" list -q 2>/dev/null)" -- "$word")
    elif [[ $verb == kill ]] && ((${#args[@]} == 1)); then
        mapfile -t COMPREPLY < <(compgen -A signal -- "$word")
    fi
}
"##;

/// The whole script.
pub(super) fn script() -> String {
    let names: Vec<&str> = verbs::ALL.iter().map(|verb| verb.name).collect();
    let with = |is: fn(&crate::args::Verb) -> bool| verbs::ALL.iter().filter(|verb| is(verb)).map(|verb| verb.name).collect::<Vec<_>>();
    let parts = [
        HEAD.to_owned(),
        function("verbs", &format!("    echo {} help", names.join(" "))),
        function("takes_id", &is_one_of(&with(takes_id))),
        function("payload", &is_one_of(&with(|verb| verb.order == Order::First))),
        function("flags", &flags()),
        function("offer", &offers()),
        "complete -F _runtime_shim runtime-shim\n".to_owned(),
    ];
    parts.join("\n")
}

fn function(name: &str, body: &str) -> String {
    format!("_runtime_shim_{name}() {{\n{body}\n}}\n")
}

fn is_one_of(words: &[&str]) -> String {
    format!("    case $1 in\n    {}) return 0 ;;\n    *) return 1 ;;\n    esac", words.join(" | "))
}

/// Every verb, and none, with its flags.
fn tables() -> impl Iterator<Item = (&'static str, Vec<&'static crate::args::Flag>)> {
    let own = |verb: &'static crate::args::Verb| (verb.name, listed(verb.flags).chain([&global::HELP]).collect());
    std::iter::once(("", listed(GLOBALS).collect())).chain(verbs::ALL.iter().copied().map(own))
}

fn flags() -> String {
    let case = |(verb, flags): (&str, Vec<&'static crate::args::Flag>)| {
        let all: Vec<String> = flags.into_iter().flat_map(names).collect();
        format!("    '{verb}') echo '{}' ;;\n", all.join(" "))
    };
    format!("    case $1 in\n{}    esac", tables().map(case).collect::<String>())
}

fn offers() -> String {
    let mut cases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (verb, flag) in tables().flat_map(|(verb, flags)| flags.into_iter().map(move |flag| (verb, flag))) {
        let Some(offer) = echoed(Offer::of(flag)) else { continue };
        let patterns = names(flag).map(|name| format!("'{verb} {}'", name.replace("--", "-")));
        cases.entry(offer).or_default().extend(patterns);
    }
    let lines = cases.iter().map(|(offer, patterns)| format!("    {})\n        echo '{offer}' ;;\n", patterns.join(" | \\\n        ")));
    format!("    case $1 in\n{}    esac", lines.collect::<String>())
}

fn echoed(offer: Offer) -> Option<String> {
    match offer {
        Offer::Nothing => None,
        Offer::Words(words) => Some(format!("words {}", words.join(" "))),
        Offer::Directories => Some("directories".into()),
        Offer::Files => Some("files".into()),
        Offer::Anything => Some("anything".into()),
    }
}
