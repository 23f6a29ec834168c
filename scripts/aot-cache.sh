# Sourced by ./nestor: Java's ahead-of-time cache (JEP 483, 514, 515) in the user's cache folder. It holds the classes,
# linked, and the profiles of the methods that were hot, so that the interpreter of guest code is compiled at once.
#
# Without a cache, a command that boots a guest records what it does. Once it has ended, and if its guest ran for long
# enough to be worth learning from (Java says so by a file), a process in the background assembles the cache. Nothing here
# may fail a run or print: whatever goes wrong, there is no cache.

aot_kept=4

# choose_aot JAVA_HOME CLASS_PATH JAVA_OPTIONS_NAME ARGUMENTS...: sets aot_options
choose_aot() {
    local home=$1 class_path=$2 folder cache
    local -n options=$3
    shift 3
    aot_options=()
    # Options of the user's own may not agree with a cache made without them.
    [ "${NESTOR_AOT:-on}" != off ] && [ -z "${NESTOR_JAVA_OPTS:-}" ] || return 0
    folder=$(aot_folder) || return 0
    cache=$folder/$(aot_key "$home" "$class_path" "${options[@]}").aot || return 0
    if [ -f "$cache" ] && [ -r "$cache" ]; then
        aot_options=(-XX:AOTCache="$cache" "-Xlog:aot*=off" "-Xlog:cds*=off")
    elif boots_guest "$@" && mkdir -p "$folder" && [ -w "$folder" ]; then
        local record=${cache%.aot}.$$
        # The Java machine would say on standard output that it has recorded.
        aot_options=(-XX:+UnlockDiagnosticVMOptions -XX:-DisplayVMOutput
            -XX:AOTMode=record -XX:AOTConfiguration="$record.conf" "-Xlog:aot*=off" "-Xlog:cds*=off"
            -Dnestor.aot.learned="$record.learned")
        setsid -f bash -c 'source "$1"; shift; assemble_aot "$@"' - "$root/scripts/aot-cache.sh" \
            $$ "$record" "$cache" "$home/bin/java" "${options[@]}" -cp "$class_path" </dev/null || aot_options=()
    fi
} >/dev/null 2>&1

aot_folder() {
    case ${XDG_CACHE_HOME:-} in
        /*) printf '%s/nestor/aot' "$XDG_CACHE_HOME" ;;
        *) [ -n "${HOME:-}" ] && printf '%s/.cache/nestor/aot' "$HOME" ;;
    esac
}

# Of the JDK, the options and the jars: the Java machine would refuse a cache of others, after a look at it.
aot_key() {
    local home=$1 class_path=$2 jars sum
    shift 2
    IFS=: read -ra jars <<<"$class_path"
    sum=$({ cat "$home/release" && printf '%s\n' "$home" "$@" && stat -c '%n %s %Y' "${jars[@]}"; } | sha256sum) || return 1
    printf '%s' "${sum:0:24}"
}

boots_guest() {
    case ${1:-} in
        -h | --help | -V | --version) return 1 ;;
        run | test | -*) return 0 ;;
        *) return 1 ;;
    esac
}

# assemble_aot PID RECORD CACHE JAVA OPTIONS...: waits for the end of the recording process
assemble_aot() {
    local pid=$1 record=$2 cache=$3
    shift 3
    tail --pid="$pid" -s 0.5 -f /dev/null
    if [ -f "$record.learned" ] && [ -f "$record.conf" ] && [ ! -e "$cache" ]; then
        nice -n 19 "$@" -XX:AOTMode=create -XX:AOTConfiguration="$record.conf" -XX:AOTCache="$record.new" &&
            mv "$record.new" "$cache"
        # Those of builds long gone; ls sorts by time.
        ls -t "${cache%/*}"/*.aot | tail -n +$((aot_kept + 1)) | xargs -r -d '\n' rm -f
    fi
    rm -f "$record.conf" "$record.learned" "$record.new"
    # What killed processes left.
    find "${cache%/*}" -maxdepth 1 -type f ! -name '*.aot' -mmin +1440 -delete
} >/dev/null 2>&1
