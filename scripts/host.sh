# Shared by ./nestor, ./mvnw and .ci/run: finds JDK 25 and installs missing Debian packages.

die() {
    printf 'nestor: %s\n' "$1" >&2
    exit "${2:-1}"
}

# Prints the home of a JDK 25: JAVA_HOME if it is one, else the first found in the usual places.
find_jdk() {
    local home
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* /opt/*jdk*; do
        [ -x "$home/bin/javac" ] && grep -qs '^JAVA_VERSION="25[."]' "$home/release" && {
            printf '%s\n' "$home"
            return
        }
    done
    if [ "$(id -u)" = 0 ] && apt-cache policy openjdk-25-jdk-headless 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        install_package openjdk-25-jdk-headless
        find_jdk
        return
    fi
    die "no JDK 25 found; install one (for example Debian's openjdk-25-jdk or Temurin 25) under /usr/lib/jvm"
}

install_package() {
    [ "$(id -u)" = 0 ] || die "package '$1' is missing; run: sudo apt-get install $1"
    printf 'nestor: installing Debian package %s\n' "$1" >&2
    local said
    said=$(export DEBIAN_FRONTEND=noninteractive
        { apt-get install -y -qq --no-install-recommends "$1" \
            || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; }; } 2>&1) || {
        printf '%s\n' "$said" >&2
        die "could not install '$1'; run: apt-get update && apt-get install $1"
    }
}

# ensure_command COMMAND PACKAGE
ensure_command() {
    command -v "$1" >/dev/null 2>&1 || install_package "$2"
}
