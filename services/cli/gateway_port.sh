# Sourced by scripts at the root: the port of this directory's gateway. Works in bash 3.2.

# gateway_port DIRECTORY: prints the port with which the system there was started, else that of its .env, else 5000.
gateway_port() {
    local file found=
    for file in "$1/var/run/started.env" "$1/.env"; do
        [ -z "$found" ] && [ -r "$file" ] || continue
        found=$(sed -n "s/^GATEWAY_PORT=['\"]\{0,1\}\([0-9]\{1,5\}\)['\"]\{0,1\}[[:space:]]*$/\1/p" "$file" | tail -n 1)
    done
    printf '%s\n' "${found:-5000}"
}
