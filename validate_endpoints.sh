#!/usr/bin/env bash
# Calls every endpoint through the gateway, once in JSON and once in XML, and checks status, format and body.
#
#   ./validate_endpoints.sh            against GATEWAY_HOST (default localhost; host, host:port or URL)
#   ./validate_endpoints.sh --list     what it would call: method, path, format, expected status
#
# Each format founds an organization of its own and deletes it at the end. With VALIDATE_EMAIL and
# VALIDATE_PASSWORD an existing admin's account is used instead, and left as it was found.
# OPERATOR_TOKEN, where given, opens the operator's endpoints. Needs curl and python3. Exit status 0: all passed.
set -u

LIST_ONLY=0
[ "${1:-}" = "--list" ] && LIST_ONLY=1
case "${GATEWAY_HOST:-localhost}" in
    http://* | https://*) BASE=${GATEWAY_HOST%/} ;;
    *:[0-9]*) BASE="http://$GATEWAY_HOST" ;;
    *) BASE="http://${GATEWAY_HOST:-localhost}:${GATEWAY_PORT:-5000}" ;;
esac
ACCOUNT=${VALIDATE_EMAIL:-}
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/heartguard.XXXXXX") || exit 1
PASSED=0 FAILED=0 FORMAT="" TOKEN="" ORG_NAME="" ORG_ID=0 USER_ID=0 ITEM_ID="" EVENT_ID="" BUCKET="" SIGNED="" FILE=""

# Reads one answer: `check FORMAT ROOT FIELDS` judges it, `value PATH` prints a member, `raw NAME` a whole part.
ANSWER=$(cat <<'PYTHON'
import json, sys, xml.etree.ElementTree as ET
body, how, args = open(sys.argv[1], "rb").read(), sys.argv[2], sys.argv[3:]
def parse():
    return ET.fromstring(body) if body.lstrip().startswith(b"<") else json.loads(body)
def find(document, path):
    if isinstance(document, ET.Element):
        return document.find(path.replace(".", "/"))
    for name in path.split("."):
        document = document[0] if isinstance(document, list) else document
        document = document.get(name) if isinstance(document, dict) else None
    return document
def check(wanted, content_type, root, fields):
    if wanted == "none":
        return "" if not body else "has a body"
    if wanted == "text":
        return "" if fields.encode() in body else "does not hold " + fields
    kind = content_type.split(";")[0].strip()
    if kind != {"json": "application/json", "xml": "application/xml"}[wanted]:
        return "came as " + (kind or "nothing")
    try:
        document = ET.fromstring(body) if wanted == "xml" else json.loads(body)
    except Exception:
        return "is not well-formed " + wanted
    if wanted == "xml" and document.tag != root:
        return "has the root " + document.tag
    if wanted == "json" and root == "Error":
        document = document.get("error") if isinstance(document, dict) else None
    if wanted == "json" and not isinstance(document, dict):
        return "is not the object it should be"
    missing = [field for field in fields.split(",") if field and find(document, field) is None]
    return "lacks " + ", ".join(missing) if missing else ""
if how == "check":
    print(check(*args))
elif how == "value":
    found = find(parse(), args[0])
    print(found.text if isinstance(found, ET.Element) else "" if found is None else found)
elif how == "raw":
    found = find(parse(), args[0])
    print(ET.tostring(found).decode() if isinstance(found, ET.Element) else json.dumps(found))
PYTHON
)

answer() { python3 -c "$ANSWER" "$SCRATCH/body" "$@"; }
value() { [ "$LIST_ONLY" = 1 ] || answer value "$1"; }
# Two spellings of one document; the format of this pass decides.
doc() { if [ "$FORMAT" = json ]; then printf '%s' "$1"; else printf '%s' "$2"; fi; }

# send METHOD URL [curl arguments]: one request; sets STATUS, SECONDS_TAKEN, TYPE; waits out 429 as told.
send() {
    local method=$1 url=$2 tries=0 wait
    shift 2
    while :; do
        read -r STATUS SECONDS_TAKEN TYPE <<<"$(curl -s -o "$SCRATCH/body" -D "$SCRATCH/headers" --max-time 30 \
            -w '%{http_code} %{time_total} %{content_type}' -X "$method" "$@" "$url")"
        [ "$STATUS" = 429 ] && [ "$tries" -lt 5 ] || break
        wait=$(tr -d '\r' <"$SCRATCH/headers" | awk 'tolower($1) == "retry-after:" { print $2 }')
        printf '        (rate limit reached: waiting %s s as Retry-After says)\n' "${wait:=1}"
        sleep "$wait"
        tries=$((tries + 1))
    done
}

# judge METHOD PATH EXPECTED WHAT ROOT FIELDS: print the row of the answer that `send` has just had.
judge() {
    local method=$1 path=$2 expected=$3 what=$4 root=$5 fields=$6 verdict=""
    if [ "$STATUS" != "$expected" ]; then
        verdict="expected $expected"
    else
        verdict=$(answer check "$what" "$TYPE" "$root" "$fields") || verdict="could not be read"
        [ -n "$verdict" ] && verdict="the body $verdict"
    fi
    if [ -z "$verdict" ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
    printf '%-6s %-36s %-5s %-8s %-4s %8s  %s\n' \
        "$method" "$path" "$FORMAT" "$expected" "$STATUS" "$SECONDS_TAKEN" "${verdict:-ok}"
}

# call METHOD PATH EXPECTED ROOT FIELDS [BODY] [curl arguments]: one row of the table. ROOT `-`: no body; `text`:
# FIELDS stands in the text. PATH is written as in the policy; its variables are filled in here.
call() {
    local method=$1 path=$2 expected=$3 root=$4 fields=$5 body=${6:-} what=$FORMAT url=$2
    if [ $# -gt 6 ]; then shift 6; else shift $#; fi
    if [ "$LIST_ONLY" = 1 ]; then
        printf '%s %s %s %s\n' "$method" "$path" "$FORMAT" "$expected"
        return
    fi
    url=${url//\{user_id\}/$USER_ID} url=${url//\{item_id\}/$ITEM_ID} url=${url//\{event_id\}/$EVENT_ID}
    url=${url//\{bucket\}/$BUCKET} url=${url//\{file\}/$FILE}
    case $root in -) what=none ;; text) what=text ;; esac
    [ -n "$TOKEN" ] && set -- -H "Authorization: Bearer $TOKEN" "$@"
    [ -n "$body" ] && set -- -H "Content-Type: application/$FORMAT" --data-binary "$body" "$@"
    send "$method" "$BASE$url" -H "Accept: application/$FORMAT" "$@"
    judge "$method" "$path" "$expected" "$what" "$root" "$fields"
}

refused() { call "$1" "$2" "$3" Error code,message,request_id "${4:-}" "${@:5}"; }

open_endpoints() {
    TOKEN="" FILE=$(doc auth_token.schema.json auth_token.xsd)
    local prefix operator=${OPERATOR_TOKEN:-} inner=401
    case $BASE in *//localhost* | *//127.* | *//\[::1\]*) inner=200 ;; esac
    [ -n "$operator" ] && inner=200
    if [ "$FORMAT" = json ]; then
        call GET /openapi.json 200 OpenAPI openapi,paths
        call GET /.well-known/jwks.json 200 JwkSet keys
    else
        refused GET /openapi.json 406
        refused GET /.well-known/jwks.json 406
    fi
    call GET "/schemas/{file}" 200 text "$(doc LoginRequest '<xs:schema')"
    for prefix in gateway auth organization users media timeseries audit; do
        TOKEN=""
        call GET "/$prefix/health" 200 Health status,service
        TOKEN=$operator
        if [ "$inner" = 200 ]; then
            call GET "/$prefix/ready" 200 Readiness status,dependencies
            call GET "/$prefix/metrics" 200 text heartguard_requests_total "" -H 'Accept: text/plain'
        else
            refused GET "/$prefix/ready" 401
            refused GET "/$prefix/metrics" 401
        fi
    done
    if [ -n "$operator" ]; then
        call GET /gateway/services 200 ServiceList items
    else
        refused GET /gateway/services 401
    fi
    TOKEN=""
    call OPTIONS /users/me 204 - ""  "" -H 'Origin: https://validate.example' -H 'Access-Control-Request-Method: GET'
}

credentials() { doc "{\"email\": \"$1\", \"password\": \"$2\"}" \
    "<$3><email>$1</email><password>$2</password></$3>"; }

sessions() {
    local email=$ACCOUNT password=${VALIDATE_PASSWORD:-}
    TOKEN=""
    if [ -n "$ACCOUNT" ]; then
        refused POST /auth/register 409 "$(credentials "$email" "a long password 7" RegisterRequest)"
    else
        email="validate-$(date +%s)-$$-$FORMAT@validate.example" password="a long password 7"
        call POST /auth/register 201 RegisterResponse user_id,email,role,org_id \
            "$(credentials "$email" "$password" RegisterRequest)"
        ORG_NAME=${email%%@*}
    fi
    refused POST /auth/login 401 "$(credentials "$email" "not the password" LoginRequest)"
    call POST /auth/login 200 LoginResponse access_token,refresh_token,expires_in,token_type \
        "$(credentials "$email" "$password" LoginRequest)"
    TOKEN=$(value access_token)
    call POST /auth/logout 204 - ""
    refused GET /auth/profile 401
    TOKEN=""
    call POST /auth/login 200 LoginResponse access_token,refresh_token "$(credentials "$email" "$password" LoginRequest)"
    local refresh
    refresh=$(value refresh_token)
    call POST /auth/refresh 200 LoginResponse access_token,refresh_token,expires_in "$(doc \
        "{\"refresh_token\": \"$refresh\"}" "<RefreshRequest><refresh_token>$refresh</refresh_token></RefreshRequest>")"
    TOKEN=$(value access_token)
    call GET /auth/profile 200 User id,email,role,org_id,active
    USER_ID=$(value id) ORG_ID=$(value org_id)
    call GET /auth/roles 200 RoleList items
}

people() {
    local preferences
    call GET /users/me 200 User id,email,role
    preferences=$(doc '{"preferences": {"lang": "es"}}' \
        '<UserUpdate><preferences><lang>es</lang></preferences></UserUpdate>')
    if [ -n "$ACCOUNT" ] && [ "$LIST_ONLY" = 0 ]; then
        preferences=$(doc "{\"preferences\": $(answer raw preferences)}" "<UserUpdate>$(answer raw preferences)</UserUpdate>")
    fi
    call PUT /users/me 200 User "id,preferences$([ -n "$ACCOUNT" ] || echo .lang)" "$preferences"
    call GET /users 200 UserList items
    call GET "/users/{user_id}" 200 User id,email
    call GET /organization 200 Organization id,name,policies
    [ -n "$ORG_NAME" ] || ORG_NAME=$(value name)
    local update
    update=$(doc '{"policies": "ISO27001"}' '<OrganizationUpdate><policies>ISO27001</policies></OrganizationUpdate>')
    if [ -n "$ACCOUNT" ] && [ "$LIST_ONLY" = 0 ]; then
        update=$(doc "{\"policies\": $(answer raw policies)}" "<OrganizationUpdate>$(answer raw policies)</OrganizationUpdate>")
    fi
    call PUT /organization 200 Organization id,name,policies "$update"
    call GET /organization/policies 200 OrganizationPolicies policies,time_zone,unknown_measurements
    local zone
    zone=$(value time_zone)
    call PUT /organization/policies 200 OrganizationPolicies time_zone,unknown_measurements "$(doc \
        "{\"time_zone\": \"$zone\"}" "<OrganizationPoliciesUpdate><time_zone>$zone</time_zone></OrganizationPoliciesUpdate>")"
}

media() {
    local signed
    call POST /media/upload 201 MediaItem id,file_name,content_type,size,sha256 "$(doc \
        '{"file_name": "beat.txt", "content_type": "text/plain", "data_base64": "NzI="}' \
        '<MediaUpload><file_name>beat.txt</file_name><content_type>text/plain</content_type><data_base64>NzI=</data_base64></MediaUpload>')"
    ITEM_ID=$(value id)
    call GET /media/items 200 MediaItemList items
    call GET "/media/items/{item_id}" 200 MediaItem id,file_name,size
    call GET "/media/items/{item_id}/download" 200 MediaDownload url,expires_at
    signed=$(value url)
    if [ "$LIST_ONLY" = 1 ]; then
        call GET "/media/content/{item_id}" 200 text 72
    else
        send GET "$BASE/media/${signed#*/media/}"
        judge GET "/media/content/{item_id}" 200 text "" 72
    fi
    call DELETE "/media/items/{item_id}" 204 - ""
    refused GET "/media/items/{item_id}" 404
    call PUT /media/upload 201 MediaItem id,file_name "" \
        --get --data-urlencode file_name=beat.txt -X PUT -H 'Content-Type: text/plain' -T "$SCRATCH/upload"
    ITEM_ID=$(value id)
    call DELETE "/media/items/{item_id}" 204 - ""
}

timeseries() {
    BUCKET="org_${ORG_ID}_validate_$$"
    call POST /timeseries/buckets 201 Bucket bucket,created_at "$(doc "{\"bucket\": \"$BUCKET\"}" \
        "<BucketRequest><bucket>$BUCKET</bucket></BucketRequest>")"
    call GET /timeseries/buckets 200 BucketList items
    call POST /timeseries/write 200 WriteResult success,inserted "$(doc \
        "{\"bucket\": \"$BUCKET\", \"points\": [{\"measurement\": \"heart_rate\", \"fields\": {\"bpm\": 72}, \"timestamp\": \"2024-06-01T10:00:00Z\"}]}" \
        "<WriteRequest><bucket>$BUCKET</bucket><points><point><measurement>heart_rate</measurement><fields><entry key=\"bpm\" type=\"number\">72</entry></fields><timestamp>2024-06-01T10:00:00Z</timestamp></point></points></WriteRequest>")"
    call POST /timeseries/query 200 QueryResult "measurement,series$(doc .points /serie/points/point)" "$(doc \
        "{\"bucket\": \"$BUCKET\", \"measurement\": \"heart_rate\", \"range_start\": \"2024-06-01T00:00:00Z\", \"range_stop\": \"2024-06-02T00:00:00Z\"}" \
        "<QueryRequest><bucket>$BUCKET</bucket><measurement>heart_rate</measurement><range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop></QueryRequest>")"
    call DELETE "/timeseries/buckets/{bucket}" 204 - ""
    call GET /timeseries/measurements 200 MeasurementList items
}

audit() {
    call POST /audit/events 201 AuditEvent id,status "$(doc \
        '{"actor": "user@hg.io", "action": "LOGIN", "service": "auth"}' \
        '<AuditEventRequest><actor>user@hg.io</actor><action>LOGIN</action><service>auth</service></AuditEventRequest>')"
    EVENT_ID=$(value id)
    local tries=0
    while [ "$LIST_ONLY" = 0 ] && [ "$tries" -lt 20 ]; do # the consumer stores events a moment after the answer
        send GET "$BASE/audit/events/$EVENT_ID" -H "Authorization: Bearer $TOKEN"
        [ "$STATUS" = 200 ] && break
        sleep 0.25
        tries=$((tries + 1))
    done
    call GET "/audit/events/{event_id}" 200 AuditEvent id,status,time,action
    call GET /audit/events 200 AuditEventList items
}

refusals() {
    local prefix
    refused POST /auth/token/introspect 403 "$(doc '{"jti": "x"}' '<IntrospectRequest><jti>x</jti></IntrospectRequest>')"
    for prefix in auth users media timeseries; do
        refused POST "/$prefix/erasures" 403 "$(doc '{"org_id": 1}' '<ErasureRequest><org_id>1</org_id></ErasureRequest>')"
    done
    refused GET /nothing 404
    refused DELETE /users/me 405
    refused PUT /users/me 400 "$(doc '{' '<UserUpdate>')"
    refused PUT /users/me 415 "" -H 'Content-Type: text/csv' --data-binary 'a,b'
    refused PUT /users/me 422 "$(doc '{"unknown": 1}' '<UserUpdate><unknown>1</unknown></UserUpdate>')"
    local token=$TOKEN
    TOKEN=""
    refused GET /users/me 401
    TOKEN=$token
}

delete_organization() {
    call DELETE /organization "$1" "$2" "$3" "$(doc "{\"name\": \"$4\"}" \
        "<OrganizationDelete><name>$4</name></OrganizationDelete>")"
}

# What was founded goes: the organization, and with it its members, files and points.
clean_up() {
    if [ -n "$ACCOUNT" ]; then
        delete_organization 422 Error code,message "not $ORG_NAME"
    else
        delete_organization 202 Job id,status "$ORG_NAME"
    fi
    TOKEN=""
}

finish() {
    if [ -n "$TOKEN" ] && [ -z "$ACCOUNT" ] && [ -n "$ORG_NAME" ] && [ "$LIST_ONLY" = 0 ]; then
        send DELETE "$BASE/organization" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
            --data-binary "{\"name\": \"$ORG_NAME\"}"
    fi
    rm -rf "$SCRATCH"
}
trap finish EXIT
trap 'exit 130' INT TERM

printf 72 >"$SCRATCH/upload"
if [ "$LIST_ONLY" = 0 ]; then
    if ! curl -s -o /dev/null --max-time 10 "$BASE/gateway/health"; then
        echo "Nothing answers at $BASE: start HeartGuard, or set GATEWAY_HOST and GATEWAY_PORT." >&2
        exit 2
    fi
    printf 'HeartGuard at %s\n\n%-6s %-36s %-5s %-8s %-4s %8s  %s\n' \
        "$BASE" method path format expected got seconds verdict
fi
for FORMAT in json xml; do
    ORG_NAME=""
    open_endpoints
    sessions
    people
    media
    timeseries
    audit
    refusals
    clean_up
done
[ "$LIST_ONLY" = 1 ] && exit 0
printf '\n%s passed, %s failed: %s\n' "$PASSED" "$FAILED" "$([ "$FAILED" = 0 ] && echo OK || echo FAILED)"
[ "$FAILED" = 0 ]
