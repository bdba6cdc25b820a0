# Sourced by validate_endpoints.sh: what is called, and what each answer must hold.
# Lists of checks are split on purpose, {names} are filled in later, and v_* are the values of the run.
# shellcheck shell=bash disable=SC1083,SC2034,SC2086,SC2154

# --- The table: every row of services/gateway/policy.toml, then the main refusals ------------------------------------
PERSON='id:int email={email} full_name role:text org_id:int active:bool preferences:map created_at:time'
ORGANIZATION='id:int name:text policies created_at:time updated_at:time header:ETag'
POLICIES='policies retention_days time_zone:text unknown_measurements:text header:ETag'
LOGIN='access_token:text refresh_token:text expires_in:int token_type=Bearer header:Cache-Control=no-store'
ITEM='id:uuid file_name=note.{format} content_type=text/plain size:int sha256:text status:text owner_id:int created_at:time'
BUCKET='bucket={bucket} retention_days created_at:time'
DETAILS='details[]/path details[]/message:text'
EVENT='id:uuid payload status=recorded time:time kind:text request_id:text gateway_request_id:uuid actor:text action:text service:text outcome:text'

open_rows() {
    local place
    for place in gateway auth organization users media timeseries audit; do
        row GET "/$place/health"; as nobody; gives 200 Health status=ok service:text
        row GET "/$place/ready"; as "$v_insider"; when inner
        gives 200 Readiness status=ready 'dependencies[]/name:text' 'dependencies[]/status=ok' 'dependencies[]/latency_ms'
        row GET "/$place/metrics"; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    done
    for place in '' /api/v1; do
        row GET "$place/health"; as nobody
        gives 200 SystemHealth name=heartguard status=pass version:text time:time 'checks[]/name:text' 'checks[]/status=pass'
        row GET "$place/users/me"; as nobody; refuses 401 GEN_401 header:WWW-Authenticate=Bearer
        row GET "$place/users/me"; as nobody; explains 401 GEN_401 header:WWW-Authenticate=Bearer
    done
    row GET /health; as nobody; accepts application/health+json; only json; gives 200 application/health+json '"auth:ready"'
    row GET /gateway/services; as operator; when operator
    gives 200 ServiceList 'items[]/name:text' 'items[]/status=ok' 'items[]/latency_ms:number'
    for place in auth organization users media timeseries audit; do # a system in order has no dead letter
        row GET "/$place/background"; as operator; when operator
        gives 200 BackgroundWork service:text complete=true 'tasks[]/name:text' 'tasks[]/process:text' 'tasks[]/status:text' queues:list
        row GET "/$place/dead-letters"; as operator; when operator; gives 200 DeadLetterList items:list next_cursor
        row GET "/$place/dead-letters/{letter_id}"; as operator; when operator; refuses 404 GEN_404
        row POST "/$place/dead-letters/{letter_id}/retry"; as operator; when operator; refuses 404 GEN_404
        row DELETE "/$place/dead-letters/{letter_id}"; as operator; when operator; refuses 404 GEN_404
    done
    row GET /openapi.json; as nobody; only json; gives 200 OpenAPI openapi:text info/title:text paths:map components:map x-error-codes
    row GET /openapi.json; as nobody; only xml; refuses 406 GEN_406
    row GET /docs; as nobody; accepts text/html; only json; gives 200 text/html '<title>HeartGuard API</title>' 'POST'
    row GET /docs; as nobody; only xml; refuses 406 GEN_406
    row GET /docs/errors; as nobody; accepts text/html; only json; gives 200 text/html '<tr id="GEN_401">'
    row GET /docs/errors; as nobody; only xml; refuses 406 GEN_406
    row GET /.well-known/jwks.json; as nobody; only json; gives 200 JwkSet keys:list
    row GET /.well-known/jwks.json; as nobody; only xml; refuses 406 GEN_406
    row GET '/schemas/{file}'; as nobody; only json; gives 200 application/json '"$defs"' '"LoginRequest"'
    row GET '/schemas/{file}'; as nobody; only xml; gives 200 application/xml 'schema' 'LoginRequest'
    row OPTIONS /auth/login; as nobody; with 'Access-Control-Request-Method: POST'; gives 204 -
}

account_rows() {
    row POST /auth/register; as nobody; when founding
    sends '{"email": "{email}", "password": "{password}", "full_name": "{full_name}", "organization_name": "{organization}"}' \
        '<RegisterRequest><email>{email}</email><password>{password}</password><full_name>{full_name}</full_name>
         <organization_name>{organization}</organization_name></RegisterRequest>'
    keeps org_id=org_id founded_org=org_id
    gives 201 RegisterResponse user_id:int email={email} role=admin org_id:int

    row POST /auth/login; as nobody
    sends '{"email": "{email}", "password": "{password}"}' \
        '<LoginRequest><email>{email}</email><password>{password}</password></LoginRequest>'
    keeps token=access_token refresh=refresh_token
    gives 200 LoginResponse $LOGIN

    row POST /auth/register; when founding
    sends '{"email": "{member}", "password": "{password}", "role": "user"}' \
        '<RegisterRequest><email>{member}</email><password>{password}</password><role>user</role></RegisterRequest>'
    keeps member_id=user_id
    gives 201 RegisterResponse user_id:int email={member} role=user org_id={org_id}

    row POST /auth/login; as nobody; when founding
    sends '{"email": "{member}", "password": "{password}"}' \
        '<LoginRequest><email>{member}</email><password>{password}</password></LoginRequest>'
    keeps member_token=access_token
    gives 200 LoginResponse $LOGIN

    row POST /auth/refresh; as nobody
    sends '{"refresh_token": "{refresh}"}' '<RefreshRequest><refresh_token>{refresh}</refresh_token></RefreshRequest>'
    gives 200 LoginResponse $LOGIN
    row GET /auth/profile; keeps user_id=id org_id=org_id; gives 200 User $PERSON
    row GET /auth/sessions; gives 200 SessionList 'items[]/id:uuid' 'items[]/created_at:time' 'items[]/last_used_at:time' 'items[]/address' 'items[]/user_agent' 'items[]/current:bool'
    row DELETE '/auth/sessions/{session_id}'; refuses 404 GEN_404
    password_rows
    row GET /auth/roles; gives 200 RoleList 'items[]/name:text' 'items[]/permissions:list'
    row POST /auth/invitations; when founding
    sends '{"email": "invited.{member}", "role": "user"}' \
        '<InvitationRequest><email>invited.{member}</email><role>user</role></InvitationRequest>'
    keeps invitation_id=id invitation=code
    gives 201 Invitation id:uuid code:text email=invited.{member} role=user expires_at:time header:Cache-Control=no-store
    row GET /auth/invitations; gives 200 InvitationList items:list next_cursor
    row POST /auth/register; as nobody; when founding # the code is another's: it is of no use for this address
    sends '{"email": "other.{member}", "password": "{password}", "invitation": "{invitation}"}' \
        '<RegisterRequest><email>other.{member}</email><password>{password}</password>
         <invitation>{invitation}</invitation></RegisterRequest>'
    refuses 403 AUTH_007
    row DELETE '/auth/invitations/{invitation_id}'; when founding; gives 204 -
    row DELETE '/auth/invitations/{invitation_id}'; when founding; refuses 404 GEN_404
    row POST /auth/token/introspect; as service; when service
    sends '{"token": "{token}"}' '<IntrospectRequest><token>{token}</token></IntrospectRequest>'
    refuses 401 GW_020 # services call each other directly, never through the gateway
}

password_rows() {
    row POST /auth/password; when founding
    sends '{"current_password": "{password}", "new_password": "{password}"}' \
        '<PasswordChange><current_password>{password}</current_password><new_password>{password}</new_password></PasswordChange>'
    gives 204 -
    row POST /auth/password/forgot; as nobody
    sends '{"email": "nobody@validate.invalid.example"}' '<ForgotRequest><email>nobody@validate.invalid.example</email></ForgotRequest>'
    gives 202 -
    row POST /auth/password/code; when founding; sends '{"user_id": {user_id}}' '<ResetCodeRequest><user_id>{user_id}</user_id></ResetCodeRequest>'
    gives 200 ResetCode code:text expires_at:time header:Cache-Control=no-store
    row POST /auth/password/reset; as nobody
    sends '{"code": "no such code", "new_password": "{password}"}' \
        '<ResetRequest><code>no such code</code><new_password>{password}</new_password></ResetRequest>'
    refuses 403 AUTH_011
    row DELETE '/auth/locks/{user_id}'; gives 204 -
}

organization_rows() {
    row GET /organization; keeps name=name; gives 200 Organization $ORGANIZATION id={org_id}
    row PUT /organization; when founding
    sends '{"policies": "ISO27001"}' '<OrganizationUpdate><policies>ISO27001</policies></OrganizationUpdate>'
    gives 200 Organization $ORGANIZATION policies=ISO27001
    row PUT /organization; when existing; sends '{}' '<OrganizationUpdate/>'; gives 200 Organization $ORGANIZATION
    row GET /organization; when founding; gives 200 Organization $ORGANIZATION policies=ISO27001
    row GET /organization/policies; gives 200 OrganizationPolicies $POLICIES
    row PUT /organization/policies; when founding
    sends '{"time_zone": "Europe/Madrid"}' \
        '<OrganizationPoliciesUpdate><time_zone>Europe/Madrid</time_zone></OrganizationPoliciesUpdate>'
    gives 200 OrganizationPolicies $POLICIES time_zone=Europe/Madrid
    row PUT /organization/policies; when existing; sends '{}' '<OrganizationPoliciesUpdate/>'
    gives 200 OrganizationPolicies $POLICIES
    row GET /organization/limits; gives 200 LimitList 'items[]/name:text' 'items[]/value:int' 'items[]/freed:text'
    row GET '/organization/{org_id}/limits'; as operator; when operator
    gives 200 LimitList 'items[]/name:text' 'items[]/value:int'
    row PUT '/organization/{org_id}/limits'; as operator; when operator
    sends '{"limits": [{"name": "buckets", "value": null}]}' \
        '<LimitsUpdate xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><limits><limit><name>buckets</name>
         <value xsi:nil="true"/></limit></limits></LimitsUpdate>'
    gives 200 LimitList 'items[]/name:text' 'items[]/value:int'

    row GET /users/me; gives 200 User $PERSON id={user_id} header:ETag
    row PUT /users/me; when founding
    sends '{"preferences": {"lang": "es"}}' '<UserUpdate><preferences><lang>es</lang></preferences></UserUpdate>'
    gives 200 User $PERSON preferences/lang=es
    row PUT /users/me; when existing; sends '{}' '<UserUpdate/>'; gives 200 User $PERSON
    row GET '/users?limit=500'; gives 200 UserList 'items[]/id:int' 'items[]/email:text' 'items[]/org_id={org_id}' next_cursor
    row GET '/users/{user_id}'; gives 200 User $PERSON id={user_id}
    row POST /users/me/export; keeps job_id=id; gives 202 Job id:uuid status:text progress:int header:Location
    row GET '/users/me/exports/{job_id}'; gives 200 Job id={job_id} status:text progress:int
    row PATCH '/users/{user_id}'; sends '{"active": true}' '<UserAdminUpdate><active>true</active></UserAdminUpdate>'
    gives 200 User $PERSON id={user_id} role=admin
}

media_rows() {
    row POST /media/uploads
    sends '{"file_name": "note.{format}", "content_type": "text/plain", "size": 10}' \
        '<UploadRequest><file_name>note.{format}</file_name><content_type>text/plain</content_type><size>10</size></UploadRequest>'
    keeps item_id=id upload_url=url
    gives 201 UploadTicket id:uuid url:url method=PUT headers/Content-Type=text/plain expires_at:time
    row POST '/media/uploads/{item_id}/complete'; refuses 409 MEDIA_013
    [ "$LISTING" = yes ] || derive_signatures upload_url upload
    row PUT '/media/content/{item_id}?{upload}'; as nobody; sends_text HeartGuard text/plain; when own_files; gives 201 -
    row POST '/media/uploads/{item_id}/complete'; when own_files; keeps made_third=id; gives 200 MediaItem $ITEM size=10 owner_id={user_id}
    row POST /media/uploads
    sends '{"file_name": "none.{format}", "content_type": "text/plain", "size": 1}' \
        '<UploadRequest><file_name>none.{format}</file_name><content_type>text/plain</content_type><size>1</size></UploadRequest>'
    keeps item_id=id
    gives 201 UploadTicket id:uuid url:url method=PUT headers/Content-Type=text/plain expires_at:time
    row GET '/media/uploads?limit=500'; gives 200 UploadList 'items[]/id:uuid' 'items[]/expires_at:time' next_cursor
    row DELETE '/media/uploads/{item_id}'; gives 204 -
    row POST /media/upload
    sends '{"file_name": "note.{format}", "content_type": "text/plain", "data_base64": "SGVhcnRHdWFyZA=="}' \
        '<MediaUpload><file_name>note.{format}</file_name><content_type>text/plain</content_type>
         <data_base64>SGVhcnRHdWFyZA==</data_base64></MediaUpload>'
    keeps item_id=id made_item=id
    gives 201 MediaItem $ITEM size=10 owner_id={user_id}
    row PUT '/media/upload?file_name=note.{format}'; sends_text HeartGuard text/plain
    keeps second_item=id made_second=id
    gives 201 MediaItem $ITEM size=10 owner_id={user_id}
    row GET /media/usage; gives 200 MediaUsage items:int bytes:int quota_bytes:int
    row GET '/media/items?limit=500'; gives 200 MediaItemList 'items[]/id:uuid' 'items[]/owner_id:int' next_cursor
    row GET '/media/items/{item_id}'; gives 200 MediaItem $ITEM id={item_id}
    row GET '/media/items/{item_id}/download'; keeps url=url; gives 200 MediaDownload url:url expires_at:time
    [ "$LISTING" = yes ] || derive_signatures url signed
    row GET '/media/content/{item_id}?{signed}'; as nobody; accepts '*/*'; when own_files; gives 200 text/plain HeartGuard
}

telemetry_rows() {
    row POST /timeseries/buckets
    sends '{"bucket": "{bucket}"}' '<BucketRequest><bucket>{bucket}</bucket></BucketRequest>'
    keeps made_bucket=bucket
    gives 201 Bucket $BUCKET
    row GET /timeseries/buckets; gives 200 BucketList 'items[]/bucket:text' 'items[]/created_at:time' next_cursor
    row POST /timeseries/latest
    sends '{"bucket": "{bucket}"}' '<LatestRequest><bucket>{bucket}</bucket></LatestRequest>'
    gives 200 LatestResult items next_cursor
    row POST /timeseries/summary
    sends '{"bucket": "{bucket}", "day": "2026-01-01"}' \
        '<SummaryRequest><bucket>{bucket}</bucket><day>2026-01-01</day></SummaryRequest>'
    gives 200 HeartRateSummary bucket={bucket} samples:int coverage:number zones:list gaps:list user_id={user_id}
    row POST /timeseries/delete
    sends '{"bucket": "{bucket}", "measurement": "none", "range_start": "2026-01-01T00:00:00Z", "range_stop": "2026-01-02T00:00:00Z"}' \
        '<PointsDelete><bucket>{bucket}</bucket><measurement>none</measurement><range_start>2026-01-01T00:00:00Z</range_start>
         <range_stop>2026-01-02T00:00:00Z</range_stop></PointsDelete>'
    gives 204 -
    row GET /timeseries/measurements; gives 200 MeasurementList 'items[]/name:text' 'items[]/unit' 'items[]/description'

    row POST /timeseries/write
    sends '{"bucket": "{bucket}", "points": [
         {"measurement": "heart_rate", "tags": {"user_id": "{user_id}"}, "fields": {"bpm": 72}, "timestamp": "2024-06-01T10:00:00Z"},
         {"measurement": "heart_rate", "tags": {"user_id": "{user_id}"}, "fields": {"bpm": 74}, "timestamp": "2024-06-01T10:00:30Z"}]}' \
        '<WriteRequest><bucket>{bucket}</bucket><points>
         <point><measurement>heart_rate</measurement><tags><entry key="user_id">{user_id}</entry></tags>
          <fields><entry key="bpm" type="number">72</entry></fields><timestamp>2024-06-01T10:00:00Z</timestamp></point>
         <point><measurement>heart_rate</measurement><tags><entry key="user_id">{user_id}</entry></tags>
          <fields><entry key="bpm" type="number">74</entry></fields><timestamp>2024-06-01T10:00:30Z</timestamp></point>
         </points></WriteRequest>'
    gives 200 WriteResult success=true inserted=2 'results[]/status:text'

    row GET '/timeseries/fields?bucket={bucket}&measurement=heart_rate'
    gives 200 FieldList 'items[]/measurement=heart_rate' 'items[]/type:text' 'items[]/fixed=true' next_cursor
    row DELETE '/timeseries/fields?bucket={bucket}&measurement=heart_rate&field=none'; refuses 404 TS_010

    row POST /timeseries/query
    sends '{"bucket": "{bucket}", "measurement": "heart_rate", "range_start": "2024-06-01T00:00:00Z",
            "range_stop": "2024-06-02T00:00:00Z", "aggregate": "mean", "every": "1m"}' \
        '<QueryRequest><bucket>{bucket}</bucket><measurement>heart_rate</measurement>
         <range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop>
         <aggregate>mean</aggregate><every>1m</every></QueryRequest>'
    gives 200 QueryResult measurement=heart_rate aggregate=mean every=1m 'series[]/tags' \
        'series[]/points[]/time=2024-06-01T10:00:00Z' 'series[]/points[]/fields/bpm=73' 'series[]/points[]/count=2' next_cursor
    file_of_points text/csv time,tags.user_id,fields.bpm,out_of_range '2024-06-01T10:00:00Z,{user_id},72.0,'
    file_of_points application/x-ndjson '"tags":{"user_id":"{user_id}"}' '"time":"2024-06-01T10:00:00Z"' '"fields":{"bpm":72.0}'
}

file_of_points() { # MEDIA_TYPE PART...: the first of the two points that were written above, and where the next begins
    row POST /timeseries/query; accepts "$1"
    sends '{"bucket": "{bucket}", "measurement": "heart_rate", "range_start": "2024-06-01T00:00:00Z",
            "range_stop": "2024-06-02T00:00:00Z", "limit": 1}' \
        '<QueryRequest><bucket>{bucket}</bucket><measurement>heart_rate</measurement>
         <range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop>
         <limit>1</limit></QueryRequest>'
    gives 200 "$@" header:X-Next-Cursor header:Content-Disposition=attachment
}

audit_rows() {
    row POST /audit/events
    sends '{"actor": "validation", "action": "VALIDATE", "service": "auth", "payload": {"run": "{stamp}"}}' \
        '<AuditEventRequest><actor>validation</actor><action>VALIDATE</action><service>auth</service>
         <payload><entry key="run">{stamp}</entry></payload></AuditEventRequest>'
    keeps event_id=id
    gives 201 AuditEvent $EVENT action=VALIDATE
    row GET /audit/events; gives 200 AuditEventList 'items[]/id:uuid' 'items[]/time:time' 'items[]/action:text' next_cursor
    row GET '/audit/events/{event_id}'; gives 200 AuditEvent $EVENT id={event_id} action=VALIDATE
    row GET /users/me/access-log; gives 200 AuditEventList items next_cursor
    row GET /audit/verify; gives 200 AuditVerification valid=true checked
}

refusal_rows() {
    local internal
    for internal in auth users media timeseries; do # between services only: not even an admin may
        row POST "/$internal/erasures"
        sends '{"org_id": {org_id}}' '<ErasureRequest><org_id>{org_id}</org_id></ErasureRequest>'
        refuses 403 GEN_403
    done
    for internal in auth organization media timeseries audit; do
        row GET "/$internal/exports?org_id={org_id}&user_id={user_id}"; refuses 403 GEN_403
    done
    row GET '/media/exports/{item_id}?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row GET '/media/archives/{item_id}?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row PUT '/media/archives?org_id={org_id}&user_id={user_id}'; sends_text x application/zip; refuses 403 GEN_403
    row POST /auth/memberships
    sends '{"org_id": {org_id}, "user_id": {user_id}, "actor_id": {user_id}, "actor_role": "admin", "seen_role": "admin", "seen_active": true, "role": "user", "active": true}' \
        '<MembershipChange><org_id>{org_id}</org_id><user_id>{user_id}</user_id><actor_id>{user_id}</actor_id>
         <actor_role>admin</actor_role><seen_role>admin</seen_role>
         <seen_active>true</seen_active><role>user</role><active>true</active></MembershipChange>'
    refuses 403 GEN_403
    row POST /auth/token/introspect; sends '{"token": "x"}' '<IntrospectRequest><token>x</token></IntrospectRequest>'
    refuses 403 GEN_403
    row GET /gateway/services; refuses 403 GEN_403
    row GET /users/me; as nobody; refuses 401 GEN_401 header:WWW-Authenticate=Bearer
    row GET /users/me; as not-a-token; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
    row GET /audit/events; as member; when founding; refuses 403 GEN_403
    row PUT /organization; as member; when founding; sends '{"policies": "none"}' \
        '<OrganizationUpdate><policies>none</policies></OrganizationUpdate>'
    refuses 403 GEN_403
    row GET /nothing/here; refuses 404 GEN_404
    row GET /users/999999999; refuses 404 USER_001
    row DELETE /users/me; refuses 405 GEN_405 header:Allow=PUT
    row GET /users/me; accepts image/png; only json; refuses 406 GEN_406
    row POST /auth/refresh; as nobody; sends_text 'refresh_token: x' application/yaml; refuses 415 GEN_415
    row POST /auth/refresh; as nobody; sends '{' '<RefreshRequest>'; refuses 400 GEN_400
    row POST /auth/refresh; as nobody; sends '{"unknown": 1}' '<RefreshRequest><unknown>1</unknown></RefreshRequest>'
    refuses 422 GEN_422 $DETAILS
    row POST /auth/refresh; as nobody; sends '{"refresh_token": "x"}' '<RefreshRequest><refresh_token>x</refresh_token></RefreshRequest>'
    refuses 401 AUTH_003
    row PATCH '/users/{user_id}'; when founding; sends '{"role": "user"}' '<UserAdminUpdate><role>user</role></UserAdminUpdate>'
    refuses 409 USER_002
    row DELETE '/users/{user_id}'; when founding; refuses 409 USER_002
    row GET '/users?color=red'; refuses 422 GEN_422 $DETAILS
    row PUT /users/me; with 'If-Match: "stale"'; sends '{}' '<UserUpdate/>'; refuses 412 GEN_412
    row POST /auth/login; as nobody
    sends '{"email": "nobody.{stamp}.{format}@validate.example", "password": "not-the-password"}' \
        '<LoginRequest><email>nobody.{stamp}.{format}@validate.example</email><password>not-the-password</password></LoginRequest>'
    refuses 401 AUTH_001
    row GET '/media/content/{item_id}'; as nobody; accepts 'application/{format}, */*;q=0.1'; refuses 422 GEN_422 $DETAILS
    row DELETE /organization; sends '{"name": "another name"}' '<OrganizationDelete><name>another name</name></OrganizationDelete>'
    refuses 422 ORG_002 $DETAILS
}

closing_rows() { # these remove what the rows above have made
    row DELETE '/timeseries/buckets/{bucket}'; forgets made_bucket; gives 204 -
    row DELETE '/media/items/{item_id}'; forgets made_item; gives 204 -
    row GET '/media/items/{item_id}'; refuses 404 MEDIA_001
    row DELETE '/media/items/{second_item}'; forgets made_second; gives 204 -
    row DELETE '/media/items/{made_third}'; when own_files; forgets made_third; gives 204 -
    row POST /auth/logout; as member; when founding; sends '{"scope": "this"}' '<LogoutRequest><scope>this</scope></LogoutRequest>'
    gives 204 -
    row GET /auth/profile; as member; when founding; refuses 401 GEN_401_TOKEN
    row DELETE '/users/{member_id}'; when founding; keeps job_id=id; gives 202 Job id:uuid status:text progress:int
    row GET '/users/deletions/{job_id}'; when founding; gives 200 Job id={job_id} status:text progress:int
    row GET '/users/{member_id}'; when founding; refuses 404 USER_001
    row GET '/organization/deletions/{job_id}'; when founding; refuses 404 ORG_004
    row DELETE /organization; when founding; sends '{"name": "{name}"}' '<OrganizationDelete><name>{name}</name></OrganizationDelete>'
    forgets founded_org made_bucket made_item made_second made_third
    gives 202 Job id:uuid status:text progress:int
    row POST /auth/logout; when existing; gives 204 -
    row GET /auth/profile; when existing; refuses 401 GEN_401_TOKEN
}

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

every_row() {
    open_rows
    account_rows
    [ "$LISTING" = yes ] || derive_buckets
    organization_rows
    media_rows
    telemetry_rows
    audit_rows
    refusal_rows
    closing_rows
}
