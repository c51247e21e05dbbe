# SPDX-License-Identifier: MIT
# chime-completion.bash - completion for chime; the word lists behind it come from chime's own tables.

_chime_common="--url --json --timeout --help --version"

# Names of a list that the daemon keeps, one a line; nothing when there is no daemon.
_chime_names()
{
    case $1 in
    sounds) chime --timeout 0.3 list sounds 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
    voices) chime --timeout 0.3 list voices 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
    buses) chime --timeout 0.3 bus 2>/dev/null | awk 'NR > 1 { print $1 }' ;;
    esac
}

_chime_words()
{
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$1" -- "$2")
}

_chime_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$1")
}

_chime()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" path="" i skip=0
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if ((skip)); then
            skip=0
        elif [[ ${COMP_WORDS[i]} == --url || ${COMP_WORDS[i]} == --timeout ]]; then
            skip=1
        elif [[ -z $command && ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
        elif [[ $command == send && -z $path && ${COMP_WORDS[i]} == /* ]]; then
            path=${COMP_WORDS[i]}
        fi
    done
    case $before in
    --url) _chime_words "osc.unix:/// osc.udp://127.0.0.1:57300/" "$word"; return ;;
    --bus) _chime_words "$(_chime_names buses)" "$word"; return ;;
    --sound) _chime_words "$(_chime_names sounds)" "$word"; return ;;
    --mute | --solo) _chime_words "on off" "$word"; return ;;
    --sounds | --root | --output | -o) _chime_files "$word"; return ;;
    --timeout | --gain | --pan | --rate | --fade | --fade-out | --start | --end | --id | --to | --ramp) return ;;
    esac
    if [[ -z $command ]]; then
        _chime_words "$_chime_commands $_chime_common" "$word"
    elif [[ $command == send && -n $path ]]; then
        _chime_words "$(_chime_keys "$path")" "$word"
    elif [[ $word == -* ]]; then
        _chime_words "$(_chime_options "$command") $_chime_common" "$word"
    else
        case $command in
        play) _chime_words "$(_chime_names sounds)" "$word"; _chime_files "$word" ;;
        load) _chime_files "$word" ;;
        unload) _chime_words "$(_chime_names sounds)" "$word" ;;
        stop | pause | resume) _chime_words "all $(_chime_names voices)" "$word" ;;
        fade | seek | set) _chime_words "$(_chime_names voices)" "$word" ;;
        list) _chime_words "sounds voices" "$word" ;;
        bench) _chime_words "latency" "$word" ;;
        bus)
            if [[ $before == bus ]]; then _chime_words "new set" "$word"
            else _chime_words "$(_chime_names buses)" "$word"
            fi
            ;;
        send) _chime_words "$_chime_paths" "$word" ;;
        esac
    fi
}

complete -F _chime chime
