# Completions of runtime-shim for bash. Written from the program's own tables: see src/args/manual in its sources.

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

_runtime_shim_verbs() {
    echo checkpoint create delete events exec features kill list pause ps restore resume run spec start state update help
}

_runtime_shim_takes_id() {
    case $1 in
    checkpoint | delete | events | exec | kill | pause | ps | resume | start | state | update) return 0 ;;
    *) return 1 ;;
    esac
}

_runtime_shim_payload() {
    case $1 in
    exec | ps) return 0 ;;
    *) return 1 ;;
    esac
}

_runtime_shim_flags() {
    case $1 in
    '') echo '--root --log --log-format --log-level --debug --systemd-cgroup --cgroup-manager --rootless --help -h --version -v' ;;
    'checkpoint') echo '--image-path --work-path --parent-path --leave-running --tcp-established --tcp-skip-in-flight --link-remap --ext-unix-sk --shell-job --lazy-pages --status-fd --page-server --file-locks --pre-dump --manage-cgroups-mode --empty-ns --auto-dedup --help -h' ;;
    'create') echo '--bundle -b --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring --preserve-fds --dry-run --help -h' ;;
    'delete') echo '--force -f --help -h' ;;
    'events') echo '--interval --stats --help -h' ;;
    'exec') echo '--console-socket --pidfd-socket --cwd --env -e --tty -t --user -u --additional-gids -g --process -p --detach -d --pid-file --process-label --apparmor --no-new-privs --cap -c --preserve-fds --cgroup --ignore-paused --help -h' ;;
    'features') echo '--help -h' ;;
    'kill') echo '--all -a --help -h' ;;
    'list') echo '--format -f --quiet -q --help -h' ;;
    'pause') echo '--help -h' ;;
    'ps') echo '--format -f --help -h' ;;
    'restore') echo '--console-socket --image-path --work-path --tcp-established --tcp-close --tcp-skip-in-flight --link-remap --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode --bundle -b --detach -d --pid-file --no-subreaper --no-pivot --empty-ns --auto-dedup --lazy-pages --lsm-profile --lsm-mount-context --help -h' ;;
    'resume') echo '--help -h' ;;
    'run') echo '--bundle -b --console-socket --pidfd-socket --detach -d --keep --pid-file --no-subreaper --no-pivot --no-new-keyring --preserve-fds --dry-run --help -h' ;;
    'spec') echo '--bundle -b --rootless --help -h' ;;
    'start') echo '--help -h' ;;
    'state') echo '--help -h' ;;
    'update') echo '--resources -r --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --cpu-idle --memory --memory-reservation --memory-swap --pids-limit --l3-cache-schema --mem-bw-schema --help -h' ;;
    esac
}

_runtime_shim_offer() {
    case $1 in
    'checkpoint -status-fd' | \
        'checkpoint -page-server' | \
        'create -preserve-fds' | \
        'events -interval' | \
        'exec -cwd' | \
        'exec -env' | \
        'exec -e' | \
        'exec -user' | \
        'exec -u' | \
        'exec -additional-gids' | \
        'exec -g' | \
        'exec -process-label' | \
        'exec -apparmor' | \
        'exec -cap' | \
        'exec -c' | \
        'exec -preserve-fds' | \
        'exec -cgroup' | \
        'restore -lsm-profile' | \
        'restore -lsm-mount-context' | \
        'run -preserve-fds' | \
        'update -blkio-weight' | \
        'update -cpu-period' | \
        'update -cpu-quota' | \
        'update -cpu-burst' | \
        'update -cpu-share' | \
        'update -cpu-rt-period' | \
        'update -cpu-rt-runtime' | \
        'update -cpuset-cpus' | \
        'update -cpuset-mems' | \
        'update -memory' | \
        'update -memory-reservation' | \
        'update -memory-swap' | \
        'update -pids-limit' | \
        'update -l3-cache-schema' | \
        'update -mem-bw-schema')
        echo 'anything' ;;
    ' -root' | \
        'checkpoint -image-path' | \
        'checkpoint -work-path' | \
        'checkpoint -parent-path' | \
        'create -bundle' | \
        'create -b' | \
        'restore -image-path' | \
        'restore -work-path' | \
        'restore -bundle' | \
        'restore -b' | \
        'run -bundle' | \
        'run -b' | \
        'spec -bundle' | \
        'spec -b')
        echo 'directories' ;;
    ' -log' | \
        'create -console-socket' | \
        'create -pidfd-socket' | \
        'create -pid-file' | \
        'exec -console-socket' | \
        'exec -pidfd-socket' | \
        'exec -process' | \
        'exec -p' | \
        'exec -pid-file' | \
        'restore -console-socket' | \
        'restore -pid-file' | \
        'run -console-socket' | \
        'run -pidfd-socket' | \
        'run -pid-file' | \
        'update -resources' | \
        'update -r')
        echo 'files' ;;
    'update -cpu-idle')
        echo 'words 0 1' ;;
    ' -cgroup-manager')
        echo 'words cgroupfs systemd disabled' ;;
    ' -log-level')
        echo 'words error warning debug' ;;
    'checkpoint -empty-ns' | \
        'restore -empty-ns')
        echo 'words network' ;;
    'checkpoint -manage-cgroups-mode' | \
        'restore -manage-cgroups-mode')
        echo 'words soft full strict ignore' ;;
    'list -format' | \
        'list -f' | \
        'ps -format' | \
        'ps -f')
        echo 'words table json' ;;
    ' -log-format')
        echo 'words text json' ;;
    ' -rootless')
        echo 'words true false auto' ;;
    esac
}

complete -F _runtime_shim runtime-shim
