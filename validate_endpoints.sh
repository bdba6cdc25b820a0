#!/usr/bin/env bash
# Calls every endpoint with curl, in JSON and in XML, checks each answer, and prints a table and a global status.
#
#   ./validate_endpoints.sh            against the HeartGuard of this directory
#   ./validate_endpoints.sh --list     print "method path format expected" of every row, call nothing
#   ./validate_endpoints.sh --help     print this, call nothing
#
#   GATEWAY_HOST       a host, host:port or URL; GATEWAY_PORT (5000) completes a bare host. Without a host the gateway of
#                      this directory on this machine, at the port with which it was started
#   VALIDATE_EMAIL, VALIDATE_PASSWORD   an admin's account to use; otherwise two throw-away organizations are created,
#                      one for each format. Of an existing account nothing changes, but that the audit trail grows.
#   OPERATOR_TOKEN, GATEWAY_SERVICE_SECRET   for the rows of the operator and of services; read from .env when the
#                      gateway is on this machine. Rows that need what is not there are shown as not run.
#
# Needs curl and python3 (standard library only), works in bash 3.2. Ends with 0 when every row that ran has passed,
# 1 when one has failed, 2 when it could not begin. Whatever it made is removed at the end, also after Ctrl-C.
# shellcheck disable=SC2034  # v_* are read by name
set -ufo pipefail # without file names: [] and ? stand in checks
export LC_ALL=C
shopt -u patsub_replacement 2>/dev/null # else bash 5.2 reads & in a replacement

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECK_RESPONSE=$HERE/services/cli/validate/check_response.py
STAMP=$(date +%s)$$
TABLE='%-7s %-34s %-5s %-24s %-5s %9s  %s\n'
LISTING=no
passed=0 failed=0 skipped=0

say() { printf '%s\n' "$*"; }
give_up() {
    printf 'validate_endpoints.sh: %s\n' "$*" >&2
    exit 2
}

usage() {
    printf 'Usage: %s [--list | --help]\n\n' "$0"
    sed -n '2,/^$/ { /shellcheck/d; s/^# \{0,1\}//p; }' "$0"
}

for word; do
    case $word in
    --list) LISTING=yes ;;
    -h | --help) usage && exit 0 ;;
    *)
        printf 'validate_endpoints.sh: %s takes no %s\n' "$0" "$word" >&2
        usage >&2
        exit 2
        ;;
    esac
done

# --- Values of the run: {name} in a path or body is v_<name>_<format>, or v_<name> where both formats share it ------
keep_value() { eval "v_$1=\$2"; }

value() { # NAME FORMAT: sets found
    eval "found=\${v_$1_$2:-\${v_$1:-}}"
    [ "$1" != format ] || found=$2
}

escape() { # TEXT HOW: sets escaped
    escaped=$1
    case $2 in
    json)
        escaped=${escaped//\\/\\\\}
        escaped=${escaped//\"/\\\"}
        ;;
    xml)
        escaped=${escaped//&/&amp;}
        escaped=${escaped//</&lt;}
        escaped=${escaped//>/&gt;}
        ;;
    esac
}

fill() { # TEMPLATE FORMAT HOW: sets filled; a name without a value goes into lacking
    local rest=$1 name slot='\{([a-z_]+)\}'
    filled=
    while [[ $rest =~ $slot ]]; do
        name=${BASH_REMATCH[1]}
        value "$name" "$2"
        [ -n "$found" ] || lacking=$name
        escape "$found" "$3"
        filled=$filled${rest%%"{$name}"*}$escaped
        rest=${rest#*"{$name}"}
    done
    filled=$filled$rest
}

# --- The words of the table in services/cli/validate/checks.sh --------------------------------------------------------
row() { # METHOD PATH: begins a row; the words that follow belong to it until gives or refuses
    method=$1 path=$2 who=admin formats='json xml' needs='' keeping='' forgetting='' headers=()
    json_body='' xml_body='' body_type='' accept='application/{format}'
}
as() { who=$1; }                                        # nobody, admin, member, device, operator, service; else a bad token
only() { formats=$1; }                                  # one format
when() { needs=$1; }                                    # founding, existing, operator, service, inner, own_files
sends() { json_body=$1 xml_body=$2; }                   # the body, in both formats
sends_text() { json_body=$1 xml_body=$1 body_type=$2; } # a body of another type, the same for both formats
accepts() { accept=$1; }                                # an Accept header other than the format's own
with() { headers[${#headers[@]}]=$1; }                  # one more header
keeps() { keeping=$*; }                                 # name=path: values of the answer for later rows
forgets() { forgetting=$*; }                            # names of values that are gone once the row has passed
refuses() { # STATUS CODE CHECK...: as gives, with our error body
    local status=$1 code=$2
    shift 2
    gives "$status" Error "code=$code" message:text "request_id={request_id}" "$@"
}

explains() { # STATUS CODE CHECK...: as gives, with problem details (RFC 9457)
    local status=$1 code=$2
    shift 2
    accept='application/problem+{format}, application/{format}'
    gives "$status" Problem "code=$code" "type=/docs/errors#$code" "status=$status" title:text "request_id={request_id}" "$@"
}

gives() { # STATUS ROOT CHECK...: performs the row in its formats; check_response.py explains roots and checks
    local form
    for form in $formats; do
        if [ "$LISTING" = yes ]; then
            printf '%s %s %s %s\n' "$method" "${path%%\?*}" "$form" "$1"
        elif [ -z "$needs" ] || { value "$needs" "$form" && [ -n "$found" ]; }; then
            perform "$form" "$@"
        else
            case $needs in
            service) skip "$form" "$1" "$2" "needs GATEWAY_SERVICE_SECRET" ;;
            operator | inner) skip "$form" "$1" "$2" "needs OPERATOR_TOKEN" ;;
            own_files) skip "$form" "$1" "$2" "the files are kept elsewhere" ;;
            esac
        fi
    done
}

# shellcheck disable=SC2059
line() { printf "$TABLE" "$@"; }

skip() { # FORMAT STATUS ROOT REASON
    skipped=$((skipped + 1))
    line "$method" "${path%%\?*}" "$1" "$2 $3" - - "not run: $4"
}

authorization() { # FORMAT: sets found to the value of the Authorization header, empty for nobody
    case $who in
    nobody) found='' && return ;;
    admin) value token "$1" ;;
    member) value member_token "$1" ;;
    device) value device_key "$1" ;;
    operator) value operator "$1" ;;
    service) found=$(printf 'gateway:%s' "$v_service" | base64 | tr -d '\n') ;;
    *) found=$who ;;
    esac
    [ -n "$found" ] || lacking="the token"
    if [ "$who" = service ]; then found="Basic $found"; else found="Bearer $found"; fi
}

perform() { # FORMAT STATUS ROOT CHECK...
    local form=$1 expected=$2 root=$3 check verdict name target checks paths
    shift 3
    lacking='' checks=() paths=()
    v_request_id=validate-$STAMP-$((passed + failed + skipped))
    fill "$path" "$form" plain
    target=$filled
    for check in "$@"; do
        fill "$check" "$form" plain
        checks[${#checks[@]}]=$filled
    done
    write_request "$form"
    if [ -n "$lacking" ]; then
        skip "$form" "$expected" "$root" "needs $lacking of a row that has failed"
        return
    fi
    send "$method" "$target"
    for name in $keeping; do paths[${#paths[@]}]=${name#*=}; done
    "$PYTHON" -I -S "$CHECK_RESPONSE" "$form" "$root" "$WORK/body" "$WORK/head" "$v_request_id" \
        ${checks[@]+"${checks[@]}"} -- ${paths[@]+"${paths[@]}"} >"$WORK/verdict" 2>&1
    {
        IFS= read -r verdict
        for name in $keeping; do
            IFS= read -r found
            keep_value "${name%%=*}_$form" "$found"
        done
    } <"$WORK/verdict"
    [ "$got" = "$expected" ] || verdict="$got instead of $expected"
    if [ -z "$verdict" ]; then
        passed=$((passed + 1)) verdict=ok
        for name in $forgetting; do keep_value "${name}_$form" ''; done
    else
        failed=$((failed + 1)) verdict="FAILED: $verdict"
    fi
    line "$method" "${path%%\?*}" "$form" "$expected $root" "$got" "$seconds" "$verdict"
}

write_request() { # FORMAT: writes body and headers into files, so that no secret stands in a list of processes
    local form=$1 body=$json_body header wanted
    [ "$form" = json ] || body=$xml_body
    fill "$body" "$form" "${body_type:-$form}"
    printf '%s' "$filled" >"$WORK/sent"
    fill "$accept" "$form" plain
    wanted=$filled
    {
        printf 'Accept: %s\nX-Request-ID: %s\n' "$wanted" "$v_request_id"
        [ -z "$body" ] || printf 'Content-Type: %s\n' "${body_type:-application/$form}"
        authorization "$form"
        [ -z "$found" ] || printf 'Authorization: %s\n' "$found"
        for header in ${headers[@]+"${headers[@]}"}; do
            fill "$header" "$form" plain
            printf '%s\n' "$filled"
        done
    } >"$WORK/headers"
}

send() { # METHOD TARGET: sets got and seconds; waits where the rate limit asks for it
    local result wait tries=0 options
    options=(-q -sS -g --path-as-is --max-time 60 -X "$1" -H "@$WORK/headers" -D "$WORK/head" -o "$WORK/body")
    [ ! -s "$WORK/sent" ] || options+=(--data-binary "@$WORK/sent")
    while :; do
        : >"$WORK/head"
        : >"$WORK/body"
        result=$(curl "${options[@]}" -w '%{http_code} %{time_total}' "$BASE$2" 2>/dev/null) || true
        got=${result%% *} seconds=${result#* }
        [ "$got" = 429 ] && [ "$tries" -lt 20 ] || return 0
        tries=$((tries + 1))
        wait=$(tr -d '\r' <"$WORK/head" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,5\}\)$/\1/p' | tail -n 1)
        say "        429 for $1 ${2%%\?*}: waiting ${wait:-1} s, as Retry-After says"
        sleep "${wait:-1}"
    done
}

# --- What some rows of that table call first -------------------------------------------------------------------------
derive_buckets() { # one for each format, of the caller's organization
    local form
    for form in json xml; do
        value org_id "$form"
        [ -z "$found" ] || keep_value "bucket_$form" "org_${found}_validate_${v_stamp}_$form"
    done
}

derive_signatures() { # KEPT NAME: what follows the question mark of a signed URL, when the media service keeps the files
    local form
    v_own_files=yes
    for form in json xml; do
        value "$1" "$form"
        case $found in
        */media/content/*\?*) keep_value "$2_$form" "${found#*\?}" ;;
        ?*) v_own_files='' ;;
        esac
    done
}

# shellcheck source=services/cli/gateway_port.sh
. "$HERE/services/cli/gateway_port.sh"
# shellcheck source=services/cli/validate/checks.sh disable=SC2034
. "$HERE/services/cli/validate/checks.sh"
if [ "$LISTING" = yes ]; then
    v_insider=operator
    every_row
    exit 0
fi

# --- The beginning --------------------------------------------------------------------------------------------------
find_tools() {
    command -v curl >/dev/null || give_up "curl is needed and was not found"
    for PYTHON in python3 "$HERE/.venv/bin/python" ''; do
        [ -n "$PYTHON" ] || give_up "python3 is needed to check the answers and was not found"
        # Each row starts it once; the program itself is faster than a shim of pyenv or asdf that looks for it.
        found=$("$PYTHON" -I -c 'import sys; print(sys.executable)' 2>/dev/null) || continue
        [ -z "$found" ] || PYTHON=$found
        return
    done
}

find_gateway() { # sets BASE, and LOCAL to yes when that is this machine
    local host=${GATEWAY_HOST:-localhost} port=${GATEWAY_PORT:-}
    [ -n "$port" ] || if [ -n "${GATEWAY_HOST:-}" ]; then port=5000; else port=$(gateway_port "$HERE"); fi
    case $host in
    http://* | https://*) BASE=${host%/} ;;
    \[*\]:*) BASE=http://$host ;;
    \[*\]) BASE=http://$host:$port ;;
    *:*:*) BASE="http://[$host]:$port" ;;
    *:*) BASE=http://$host ;;
    *) BASE=http://$host:$port ;;
    esac
    LOCAL=
    case ${BASE#*://} in localhost | localhost[:/]* | 127.* | \[::1\]*) LOCAL=yes ;; esac
    curl -q -sS -g -o /dev/null --max-time 10 "$BASE/gateway/health" 2>/dev/null ||
        give_up "nothing answers at $BASE: start HeartGuard with ./start_services.sh, or name its gateway in GATEWAY_HOST"
}

# A variable of the environment; of .env only for a gateway of this machine, so that no secret goes astray.
find_secret() { # NAME: sets found
    eval "found=\${$1:-}"
    if [ -z "$found" ] && [ -n "$LOCAL" ] && [ -r "$HERE/.env" ]; then
        found=$(sed -n "s/^$1=//p" "$HERE/.env" | tail -n 1)
    fi
}

begin() {
    local form
    v_founding='' v_existing=''
    find_secret OPERATOR_TOKEN
    v_operator=$found
    find_secret GATEWAY_SERVICE_SECRET
    v_service=$found
    v_stamp=$STAMP v_file_json=auth_token.schema.json v_file_xml=auth_token.xsd v_asset=site.css v_folder=core v_version=none
    # on this machine the inner routes are open to anyone; elsewhere the operator's token opens them
    v_insider=nobody v_inner=$LOCAL
    [ -z "$v_operator" ] || v_insider=operator v_inner=yes
    if [ -n "${VALIDATE_EMAIL:-}" ]; then
        [ -n "${VALIDATE_PASSWORD:-}" ] || give_up "VALIDATE_EMAIL needs VALIDATE_PASSWORD"
        v_existing=yes v_email=$VALIDATE_EMAIL v_password=$VALIDATE_PASSWORD
        return
    fi
    v_founding=yes v_full_name="O'Brien & <Sons>" v_password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    for form in json xml; do
        keep_value "email_$form" "founder.$STAMP.$form@validate.example"
        keep_value "member_$form" "member.$STAMP.$form@validate.example"
        keep_value "organization_$form" "Validation $STAMP ($form)"
    done
}

# --- The end: nothing that was made stays ---------------------------------------------------------------------------
quietly() { # FORMAT METHOD PATH: a request that is no row; sets got
    lacking='' v_request_id=validate-$STAMP-end got=000
    write_request "$1"
    fill "$3" "$1" plain
    [ -n "$lacking" ] || send "$2" "$filled"
}

log_in_again() { # FORMAT
    row POST /auth/login
    as nobody
    sends '{"email": "{email}", "password": "{password}"}' \
        '<LoginRequest><email>{email}</email><password>{password}</password></LoginRequest>'
    quietly "$1" POST /auth/login
    found=$("$PYTHON" -I -S "$CHECK_RESPONSE" "$1" - "$WORK/body" "$WORK/head" - -- access_token | tail -n 1)
    keep_value "token_$1" "$found"
}

remove() { # FORMAT NAME PATH WHAT: a thing that the rows have left
    value "$2" "$1"
    [ -n "$found" ] || return 0
    quietly "$1" DELETE "$3"
    case $got in
    20? | 404) say "Removed $4." ;;
    *) say "Could not remove $4: $got." && tidy=no ;;
    esac
}

tidy_up() {
    local status=$? form left name tidy=yes
    trap '' INT TERM
    for form in json xml; do
        left=
        for name in founded_org made_bucket made_item made_second made_third; do
            value "$name" "$form"
            left=$left$found
        done
        [ -n "$left" ] || continue
        log_in_again "$form"
        # whoever created an organization and can't log in any more has seen it deleted
        [ "$got$v_founding" != 401yes ] || continue
        row DELETE -
        remove "$form" made_item '/media/items/{made_item}' "a file"
        remove "$form" made_second '/media/items/{made_second}' "a file"
        remove "$form" made_third '/media/items/{made_third}' "a file"
        remove "$form" made_bucket '/timeseries/buckets/{made_bucket}' "a bucket"
        sends '{"name": "{organization}"}' '<OrganizationDelete><name>{organization}</name></OrganizationDelete>'
        remove "$form" founded_org /organization "the organization that the $form rows have created"
    done
    rm -rf "$WORK"
    [ "$tidy" = yes ] || status=1
    exit "$status"
}

find_tools
find_gateway
begin
WORK=$(mktemp -d) || give_up "no temporary directory can be made"
trap tidy_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "HeartGuard at $BASE"
line method path form expected got time_total result
every_row
say
if [ "$failed" = 0 ]; then
    say "PASSED: $passed rows passed, $skipped not run, $SECONDS s."
else
    say "FAILED: $failed of $((passed + failed)) rows failed, $skipped not run, $SECONDS s."
    exit 1
fi
