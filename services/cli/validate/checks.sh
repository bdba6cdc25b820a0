# Made by schemas/build.py from scenario.toml, policy.toml, the services' routes and the schemas: change those.
# Sourced by validate_endpoints.sh, which explains the words. {names} are filled in there; lists of checks are split.
# shellcheck shell=bash disable=SC1083,SC2016,SC2034,SC2086,SC2154

# What every answer of a message must hold.
AccountList_checks='items:list items[]?/id:int items[]?/email:text items[]?/full_name:text? items[]?/role:text items[]?/org_id:int items[]?/active:bool items[]?/created_at:time items[]?/open_sessions:int next_cursor:text?'
AccountState_checks='id:int email:text full_name:text? role:text org_id:int active:bool created_at:time open_sessions:int'
AlarmChannel_checks='id:uuid name:text kind:text service:text shown:string language:text verified:bool created_at:time created_by:string'
AlarmChannelList_checks='items:list items[]?/id:uuid items[]?/name:text items[]?/kind:text items[]?/service:text items[]?/shown:string items[]?/language:text items[]?/verified:bool items[]?/created_at:time items[]?/created_by:string next_cursor:text?'
AlarmList_checks='items:list items[]?/id:uuid items[]?/rule_id:uuid items[]?/rule_version:int items[]?/rule_name:text items[]?/user_id:int items[]?/measurement:text items[]?/field:text items[]?/condition:text items[]?/severity:text items[]?/start:time items[]?/raised_at:time items[]?/active:bool items[]?/acknowledged:bool items[]?/closed:bool items[]?/retrospective:bool items[]?/withdrawn:bool items[]?/found_at:time next_cursor:text?'
AlarmPolicy_checks='id:uuid name:text steps:list steps[]?/after_seconds:int steps[]?/channels:list group_wait_seconds:int repeat_seconds:int details:bool default:bool created_at:time changed_at:time'
AlarmPolicyList_checks='items:list items[]?/id:uuid items[]?/name:text items[]?/steps:list items[]?/steps[]?/after_seconds:int items[]?/steps[]?/channels:list items[]?/group_wait_seconds:int items[]?/repeat_seconds:int items[]?/details:bool items[]?/default:bool items[]?/created_at:time items[]?/changed_at:time next_cursor:text?'
AlarmRehearsal_checks='samples:int alarms:int items:list items[]?/start:time'
AlarmRule_checks='id:uuid version:int name:text measurement:text field:text condition:text severity:text people:list overrides:list overrides[]?/user_id:int enabled:bool created_at:time changed_at:time'
AlarmRuleList_checks='items:list items[]?/id:uuid items[]?/version:int items[]?/name:text items[]?/measurement:text items[]?/field:text items[]?/condition:text items[]?/severity:text items[]?/people:list items[]?/overrides:list items[]?/overrides[]?/user_id:int items[]?/enabled:bool items[]?/created_at:time items[]?/changed_at:time next_cursor:text?'
AlarmSilence_checks='id:uuid reason:text starts_at:time ends_at:time created_by:string created_at:time'
AlarmSilenceList_checks='items:list items[]?/id:uuid items[]?/reason:text items[]?/starts_at:time items[]?/ends_at:time items[]?/created_by:string items[]?/created_at:time next_cursor:text?'
ApiKey_checks='id:uuid kind:text name:text hint:text created_by:int scopes:list buckets:list networks:list created_at:time expires_at:time header:Cache-Control=no-store'
ApiKeyList_checks='items:list items[]?/id:uuid items[]?/kind:text items[]?/name:text items[]?/hint:text items[]?/created_by:int items[]?/scopes:list items[]?/buckets:list items[]?/networks:list items[]?/created_at:time items[]?/expires_at:time next_cursor:text?'
AuditEvent_checks='id:uuid status=recorded sequence:int? time:time kind:text org_id:int? actor:text action:text service:text resource:text? outcome:text reason:text? payload:map'
AuditEventList_checks='items:list items[]?/id:uuid items[]?/status=recorded items[]?/sequence:int? items[]?/time:time items[]?/kind:text items[]?/org_id:int? items[]?/actor:text items[]?/action:text items[]?/service:text items[]?/resource:text? items[]?/outcome:text items[]?/reason:text? items[]?/payload:map next_cursor:text?'
AuditVerification_checks='valid:bool checked:int'
BackgroundWork_checks='service:text complete:bool tasks:list tasks[]?/name:text tasks[]?/kind:text tasks[]?/process:text tasks[]?/status:text tasks[]?/threads:int tasks[]?/running:int tasks[]?/failures:int queues:list queues[]?/name:text queues[]?/retrying:int queues[]?/dead:int complete=true tasks[]'
BackupState_checks='status:text encrypted:bool'
Bucket_checks='bucket:text retention_days:int? created_at:time'
BucketList_checks='items:list items[]?/bucket:text items[]?/retention_days:int? items[]?/created_at:time next_cursor:text?'
DeadLetterList_checks='items:list items[]?/id:uuid items[]?/service:text items[]?/queue:text items[]?/item:text items[]?/status:text items[]?/attempts:int items[]?/reason:text items[]?/failed_at:time items[]?/last_failed_at:time next_cursor:text?'
FieldList_checks='items:list items[]?/measurement:text items[]?/field:text items[]?/type:text items[]?/fixed:bool next_cursor:text?'
Health_checks='status:text service:text status=ok'
HeartRateSummary_checks='bucket:text user_id:int day:text time_zone:text samples:int minimum:number? maximum:number? mean:number? resting_heart_rate:number? interval_seconds:number? coverage:number zones:list zones[]?/minimum:number zones[]?/maximum:number? zones[]?/seconds:number gaps:list gaps[]?/start:time gaps[]?/stop:time'
Import_checks='id:uuid status:text progress:int file_name:text size:int user_id:int bucket:text requested_by:text created_at:time updated_at:time seen:int stored:int duplicates:int rejected:int rejections:list rejections[]?/reason:text rejections[]?/count:int'
ImportList_checks='items:list items[]?/id:uuid items[]?/status:text items[]?/progress:int items[]?/file_name:text items[]?/size:int items[]?/user_id:int items[]?/bucket:text items[]?/requested_by:text items[]?/created_at:time items[]?/updated_at:time items[]?/seen:int items[]?/stored:int items[]?/duplicates:int items[]?/rejected:int items[]?/rejections:list items[]?/rejections[]?/reason:text items[]?/rejections[]?/count:int next_cursor:text?'
ImportTicket_checks='id:uuid url:url method=PUT headers:map expires_at:time'
InfluxBucketList_checks='buckets:list buckets[]?/id:text buckets[]?/orgID:text buckets[]?/type=user buckets[]?/name:text buckets[]?/retentionRules:list buckets[]?/retentionRules[]?/type=expire buckets[]?/retentionRules[]?/everySeconds:int buckets[]?/createdAt:time'
InfluxOrganizationList_checks='orgs:list orgs[]?/id:text orgs[]?/name:string orgs[]?/status=active orgs[]?/createdAt:time'
Invitation_checks='id:uuid email:text role:text expires_at:time header:Cache-Control=no-store'
InvitationList_checks='items:list items[]?/id:uuid items[]?/email:text items[]?/role:text items[]?/expires_at:time next_cursor:text?'
Job_checks='id:uuid status:text progress:int'
JobList_checks='items:list items[]?/id:uuid items[]?/kind:text items[]?/org_id:int items[]?/status:text items[]?/progress:int items[]?/attempts:int items[]?/requested_by:text items[]?/created_at:time items[]?/updated_at:time next_cursor:text?'
JwkSet_checks='keys:list keys[]?/kty=EC keys[]?/crv=P-256 keys[]?/x:text keys[]?/y:text keys[]?/kid:text keys[]?/use=sig keys[]?/alg=ES256'
LatestResult_checks='items:list items[]?/measurement:text items[]?/tags:map items[]?/fields:map items[]?/time:time items[]?/age_seconds:number next_cursor:text?'
LimitList_checks='items:list items[]?/name:text items[]?/scope:text items[]?/unit:string items[]?/value:int items[]?/default:int items[]?/daily:bool items[]?/about:string items[]?/freed:string items[] items[]/freed:text'
LoginResponse_checks='access_token:text refresh_token:text expires_in:int token_type=Bearer header:Cache-Control=no-store'
MeasurementList_checks='items:list items[]?/name:text items[]?/unit:string items[]?/minimum:number? items[]?/maximum:number? items[]?/description:string items[]?/fields:list items[]?/tags:list items[]?/sources:list items[]'
MediaDownload_checks='url:url expires_at:time'
MediaItem_checks='id:uuid file_name:text content_type:text size:int sha256:text status:text owner_id:int created_at:time'
MediaItemList_checks='items:list items[]?/id:uuid items[]?/file_name:text items[]?/content_type:text items[]?/size:int items[]?/sha256:text items[]?/status:text items[]?/owner_id:int items[]?/created_at:time next_cursor:text?'
MediaUsage_checks='items:int bytes:int quota_bytes:int'
MembershipList_checks='email:text email_confirmed:bool items:list items[]?/user_id:int items[]?/org_id:int items[]?/organization:text items[]?/role:text items[]?/active:bool items[]?/current:bool'
MembershipResult_checks=sessions_ended:int
Organization_checks='id:int name:text policies:string created_at:time updated_at:time'
OrganizationList_checks='items:list items[]?/id:int items[]?/name:text items[]?/policies:string items[]?/created_at:time items[]?/updated_at:time next_cursor:text?'
OrganizationPolicies_checks='policies:string retention_days:int? time_zone:text unknown_measurements:text'
OrganizationUsage_checks='mode:text items:list items[]?/name:text items[]?/scope:text items[]?/unit:string items[]?/daily:bool items[]?/used:int items[]?/value:int items[]?/percent:int items[]?/source:text items[]?/freed:string'
QueryResult_checks='measurement:text series:list series[]?/tags:map series[]?/points:list series[]?/points[]?/time:time series[]?/points[]?/fields:map next_cursor:text?'
Readiness_checks='status:text dependencies:list dependencies[]?/name:text dependencies[]?/status:text dependencies[]?/latency_ms:number? status=ready dependencies[]/status=ok'
RegisterResponse_checks='user_id:int email:text role:text org_id:int'
ResetCode_checks='code:text expires_at:time header:Cache-Control=no-store'
RoleList_checks='items:list items[]?/name:text items[]?/permissions:list items[] items[]/permissions[]'
ScopeList_checks='items:list items[]?/name:text items[]?/permissions:list device:list'
ServiceList_checks='items:list items[]?/name:text items[]?/status:text items[]?/latency_ms:number? items[]/status=ok items[]/latency_ms:number'
SessionList_checks='items:list items[]?/id:uuid items[]?/created_at:time items[]?/last_used_at:time items[]?/address:string items[]?/user_agent:string items[]?/current:bool items[]'
StreamTicket_checks='ticket:text expires_in:int'
SystemHealth_checks='name:text status:text message:text version:text time:time checks:list checks[]?/name:text checks[]?/status:text name=heartguard status=pass checks[]/status=pass'
UploadList_checks='items:list items[]?/id:uuid items[]?/file_name:text items[]?/content_type:text items[]?/size:int items[]?/owner_id:int items[]?/created_at:time items[]?/expires_at:time next_cursor:text?'
UploadTicket_checks='id:uuid url:url method=PUT headers:map expires_at:time'
User_checks='id:int email:text full_name:text? role:text org_id:int active:bool preferences:map created_at:time'
UserList_checks='items:list items[]?/id:int items[]?/email:text items[]?/full_name:text? items[]?/role:text items[]?/org_id:int items[]?/active:bool items[]?/preferences:map items[]?/created_at:time next_cursor:text?'
WriteResult_checks='success:bool inserted:int results:list results[]?/status:text'

# Parts of paths of which there is nothing.
v_alarm_id=00000000-0000-7000-8000-000000000000
v_letter_id=00000000-0000-7000-8000-000000000000
v_session_id=00000000-0000-7000-8000-000000000000

every_row() {
    row POST /auth/register; as nobody; when founding
    sends '{"email":"{email}","password":"{password}","full_name":"{full_name}","organization_name":"{organization}"}' '<RegisterRequest><email>{email}</email><password>{password}</password><full_name>{full_name}</full_name><organization_name>{organization}</organization_name></RegisterRequest>'
    keeps org_id=org_id founded_org=org_id
    gives 201 RegisterResponse $RegisterResponse_checks role=admin 'email={email}'
    row POST /auth/login; as nobody
    sends '{"email":"{email}","password":"{password}"}' '<LoginRequest><email>{email}</email><password>{password}</password></LoginRequest>'
    keeps token=access_token refresh=refresh_token; gives 200 LoginResponse $LoginResponse_checks
    row POST /auth/register; when founding
    sends '{"email":"{member}","password":"{password}","role":"user"}' '<RegisterRequest><email>{member}</email><password>{password}</password><role>user</role></RegisterRequest>'
    keeps member_id=user_id
    gives 201 RegisterResponse $RegisterResponse_checks 'org_id={org_id}' 'email={member}' role=user
    row POST /auth/login; as nobody; when founding
    sends '{"email":"{member}","password":"{password}"}' '<LoginRequest><email>{member}</email><password>{password}</password></LoginRequest>'
    keeps member_token=access_token; gives 200 LoginResponse $LoginResponse_checks
    row POST /auth/refresh; as nobody
    sends '{"refresh_token":"{refresh}"}' '<RefreshRequest><refresh_token>{refresh}</refresh_token></RefreshRequest>'
    gives 200 LoginResponse $LoginResponse_checks refresh_token:text
    row GET /auth/profile; keeps user_id=id org_id=org_id; gives 200 User $User_checks 'email={email}'
    row GET /auth/memberships/mine
    gives 200 MembershipList $MembershipList_checks 'email={email}' 'items[]/user_id={user_id}' 'items[]/org_id={org_id}'
    row POST /auth/switch; when founding
    sends '{"org_id":{org_id}}' '<SwitchRequest><org_id>{org_id}</org_id></SwitchRequest>'
    gives 200 LoginResponse $LoginResponse_checks
    row POST /auth/switch; sends '{"org_id":999999999}' '<SwitchRequest><org_id>999999999</org_id></SwitchRequest>'
    refuses 404 GEN_404
    row DELETE /auth/identity; when founding; refuses 409 AUTH_030 'details[]/path' 'details[]/message:text'
    row DELETE '/auth/members/{member_id}/sessions'; when founding
    gives 200 MembershipResult $MembershipResult_checks sessions_ended:number
    row GET /auth/profile; as member; when founding; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
    row POST /auth/login; as nobody; when founding
    sends '{"email":"{member}","password":"{password}"}' '<LoginRequest><email>{member}</email><password>{password}</password></LoginRequest>'
    keeps member_token=access_token; gives 200 LoginResponse $LoginResponse_checks
    row DELETE /auth/sessions; as member; when founding; gives 200 MembershipResult $MembershipResult_checks
    row GET /auth/profile; as member; when founding; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
    row POST /auth/login; as nobody; when founding
    sends '{"email":"{member}","password":"{password}"}' '<LoginRequest><email>{member}</email><password>{password}</password></LoginRequest>'
    keeps member_token=access_token; gives 200 LoginResponse $LoginResponse_checks
    row POST /auth/password; when founding
    sends '{"current_password":"{password}","new_password":"{password}"}' '<PasswordChange><current_password>{password}</current_password><new_password>{password}</new_password></PasswordChange>'
    gives 204 -
    row POST /auth/password/forgot; as nobody
    sends '{"email":"nobody@validate.invalid.example"}' '<ForgotRequest><email>nobody@validate.invalid.example</email></ForgotRequest>'
    gives 202 -
    row POST /auth/password/code; when founding
    sends '{"user_id":{user_id}}' '<ResetCodeRequest><user_id>{user_id}</user_id></ResetCodeRequest>'
    gives 200 ResetCode $ResetCode_checks
    row POST /auth/password/reset; as nobody
    sends '{"code":"no such code","new_password":"{password}"}' '<ResetRequest><code>no such code</code><new_password>{password}</new_password></ResetRequest>'
    refuses 403 AUTH_011
    row POST /auth/email/code; as nobody
    sends '{"email":"nobody@validate.invalid.example"}' '<EmailCodeRequest><email>nobody@validate.invalid.example</email></EmailCodeRequest>'
    gives 202 -
    row POST /auth/email/confirm; as nobody
    sends '{"code":"no such code"}' '<EmailConfirmation><code>no such code</code></EmailConfirmation>'
    refuses 403 AUTH_074
    row DELETE '/auth/locks/{user_id}'; gives 204 -
    row GET '/auth/members/{user_id}/sessions'
    gives 200 SessionList $SessionList_checks 'items[]' 'items[]/current=true'
    row DELETE '/auth/members/{user_id}/sessions'; as member; when founding; refuses 403 GEN_403
    row DELETE /auth/members/999999999/sessions; refuses 404 GEN_404
    row POST /auth/invitations; when founding
    sends '{"email":"invited.{member}","role":"user"}' '<InvitationRequest><email>invited.{member}</email><role>user</role></InvitationRequest>'
    keeps invitation_id=id invitation=code
    gives 201 Invitation $Invitation_checks code:text 'email=invited.{member}' role=user
    row POST /auth/register; as nobody; when founding
    sends '{"email":"other.{member}","password":"{password}","invitation":"{invitation}"}' '<RegisterRequest><email>other.{member}</email><password>{password}</password><invitation>{invitation}</invitation></RegisterRequest>'
    refuses 403 AUTH_007
    row POST /auth/invitations/accept; as nobody; when founding
    sends '{"code":"{invitation}","email":"{email}","password":"{password}"}' '<InvitationAcceptance><code>{invitation}</code><email>{email}</email><password>{password}</password></InvitationAcceptance>'
    refuses 403 AUTH_007
    row DELETE '/auth/invitations/{invitation_id}'; when founding; gives 204 -
    row DELETE '/auth/invitations/{invitation_id}'; when founding; refuses 404 GEN_404
    row GET '/auth/accounts?email={email}'; as operator; when operator
    gives 200 AccountList $AccountList_checks 'items[]/id={user_id}' 'items[]/org_id={org_id}'
    row GET '/auth/accounts/{user_id}'; as operator; when operator
    gives 200 AccountState $AccountState_checks 'id={user_id}' 'email={email}' active=true last_used_at:time
    row DELETE '/auth/accounts/{user_id}/sessions'; refuses 403 GEN_403
    row POST '/auth/accounts/{user_id}/lock'; refuses 403 GEN_403
    row POST '/auth/accounts/{user_id}/unlock'; refuses 403 GEN_403
    row POST '/auth/organizations/{org_id}/invitations'
    sends '{"email":"invited@validate.invalid.example","role":"user"}' '<InvitationRequest><email>invited@validate.invalid.example</email><role>user</role></InvitationRequest>'
    refuses 403 GEN_403
    row DELETE /auth/accounts/999999999/sessions; as operator; when operator; refuses 404 GEN_404
    row POST /auth/accounts/999999999/lock; as operator; when operator; refuses 404 GEN_404
    row POST /auth/accounts/999999999/unlock; as operator; when operator; refuses 404 GEN_404
    row POST /auth/organizations/999999999/invitations; as operator; when operator
    sends '{"email":"ana@hg.io","role":"manager"}' '<InvitationRequest><email>ana@hg.io</email><role>manager</role></InvitationRequest>'
    refuses 404 GEN_404
    row POST /organization/jobs/01900000-0000-7000-8000-000000000000/retry; as operator; when operator
    refuses 404 GEN_404
    row POST /timeseries/jobs/01900000-0000-7000-8000-000000000000/retry; as operator; when operator
    refuses 404 GEN_404
    row POST /users/jobs/01900000-0000-7000-8000-000000000000/retry; as operator; when operator; refuses 404 GEN_404
    row POST /auth/api-keys
    sends '{"kind":"device","name":"validation"}' '<ApiKeyRequest><kind>device</kind><name>validation</name></ApiKeyRequest>'
    keeps key_id=id device_key=key
    gives 201 ApiKey $ApiKey_checks key:text 'created_by={user_id}' kind=device name=validation
    row GET '/auth/api-keys/{key_id}'; gives 200 ApiKey $ApiKey_checks 'id={key_id}'
    row GET /auth/api-keys; gives 200 ApiKeyList $ApiKeyList_checks 'items[]'
    row PATCH '/auth/api-keys/{key_id}'
    sends '{"name":"validated"}' '<ApiKeyUpdate><name>validated</name></ApiKeyUpdate>'
    gives 200 ApiKey $ApiKey_checks 'id={key_id}' name=validated
    row POST '/auth/api-keys/{key_id}/rotate'
    sends '{"overlap_seconds":60}' '<ApiKeyRotation><overlap_seconds>60</overlap_seconds></ApiKeyRotation>'
    keeps device_key=key; gives 200 ApiKey $ApiKey_checks 'id={key_id}' key:text former_valid_until:time
    row GET /timeseries/measurements; as device; gives 200 MeasurementList $MeasurementList_checks
    row GET /auth/scopes; gives 200 ScopeList $ScopeList_checks 'items[]' 'items[]/permissions[]' 'device[]'
    row GET /auth/scopes; as device; refuses 403 GEN_403
    row DELETE '/auth/api-keys/{key_id}'; gives 204 -
    row DELETE '/auth/api-keys/{key_id}'; refuses 404 GEN_404
    row GET /timeseries/measurements; as device; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
    row GET '/stream?topics=weather'; only json; accepts text/event-stream
    refuses 422 GEN_422 'details[]/path' 'details[]/message:text'
    row GET '/stream?topics=weather'; only xml; accepts application/xml
    refuses 422 GEN_422 'details[]/path' 'details[]/message:text'
    row POST /auth/demo; as nobody; refuses 404 AUTH_080
    [ "$LISTING" = yes ] || derive_buckets
    row GET /organization; keeps name=name; gives 200 Organization $Organization_checks 'id={org_id}' header:ETag
    row PUT /organization; when founding
    sends '{"policies":"ISO27001"}' '<OrganizationUpdate><policies>ISO27001</policies></OrganizationUpdate>'
    gives 200 Organization $Organization_checks policies=ISO27001 header:ETag
    row PUT /organization; when existing; sends '{}' '<OrganizationUpdate/>'
    gives 200 Organization $Organization_checks header:ETag
    row GET /organization; when founding; gives 200 Organization $Organization_checks policies=ISO27001 header:ETag
    row PUT /organization/policies; when founding
    sends '{"time_zone":"Europe/Madrid"}' '<OrganizationPoliciesUpdate><time_zone>Europe/Madrid</time_zone></OrganizationPoliciesUpdate>'
    gives 200 OrganizationPolicies $OrganizationPolicies_checks time_zone=Europe/Madrid header:ETag
    row PUT /organization/policies; when existing; sends '{}' '<OrganizationPoliciesUpdate/>'
    gives 200 OrganizationPolicies $OrganizationPolicies_checks header:ETag
    row PUT '/organization/{org_id}/plan'; as operator; when operator
    sends '{"plan":null}' '<OrganizationPlanUpdate xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><plan xsi:nil="true"/></OrganizationPlanUpdate>'
    gives 200 Organization $Organization_checks
    row PUT '/organization/{org_id}/mode'; as operator; when operator
    sends '{"mode":"active"}' '<OrganizationModeUpdate><mode>active</mode></OrganizationModeUpdate>'
    gives 200 Organization $Organization_checks mode=active
    row PUT '/organization/{org_id}/limits'; as operator; when operator
    sends '{"limits":[{"name":"buckets","value":null}]}' '<LimitsUpdate xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><limits><limit><name>buckets</name><value xsi:nil="true"/></limit></limits></LimitsUpdate>'
    gives 200 LimitList $LimitList_checks
    row GET /users/me; gives 200 User $User_checks 'id={user_id}' 'email={email}' header:ETag
    row PUT /users/me; when founding
    sends '{"preferences":{"lang":"es"}}' '<UserUpdate><preferences><lang>es</lang></preferences></UserUpdate>'
    gives 200 User $User_checks 'email={email}' preferences/lang=es header:ETag
    row PUT /users/me; when existing; sends '{}' '<UserUpdate/>'
    gives 200 User $User_checks 'email={email}' header:ETag
    row GET '/users?limit=500'; gives 200 UserList $UserList_checks 'items[]/org_id={org_id}'
    row GET '/users/{user_id}'; gives 200 User $User_checks 'id={user_id}' 'email={email}' header:ETag
    row POST /users/me/export; keeps job_id=id; gives 202 Job $Job_checks header:Location
    row GET '/users/me/exports/{job_id}'; gives 200 Job $Job_checks 'id={job_id}'
    row POST '/users/jobs/{job_id}/retry'; refuses 403 GEN_403
    row POST '/organization/jobs/{job_id}/retry'; refuses 403 GEN_403
    row POST '/timeseries/jobs/{job_id}/retry'; refuses 403 GEN_403
    row PATCH '/users/{user_id}'; sends '{"active":true}' '<UserAdminUpdate><active>true</active></UserAdminUpdate>'
    gives 200 User $User_checks 'id={user_id}' 'email={email}' role=admin active=true header:ETag
    row POST /media/uploads
    sends '{"file_name":"note.{format}","content_type":"text/plain","size":10}' '<UploadRequest><file_name>note.{format}</file_name><content_type>text/plain</content_type><size>10</size></UploadRequest>'
    keeps item_id=id upload_url=url
    gives 201 UploadTicket $UploadTicket_checks method=PUT headers/Content-Type=text/plain
    row POST '/media/uploads/{item_id}/complete'; refuses 409 MEDIA_013
    [ "$LISTING" = yes ] || derive_signatures upload_url upload
    row PUT '/media/content/{item_id}?{upload}'; as nobody; when own_files; sends_text HeartGuard text/plain
    gives 201 -
    row POST '/media/uploads/{item_id}/complete'; when own_files; keeps made_third=id
    gives 200 MediaItem $MediaItem_checks 'file_name=note.{format}' content_type=text/plain size=10 'owner_id={user_id}'
    row POST /media/uploads
    sends '{"file_name":"none.{format}","content_type":"text/plain","size":1}' '<UploadRequest><file_name>none.{format}</file_name><content_type>text/plain</content_type><size>1</size></UploadRequest>'
    keeps item_id=id; gives 201 UploadTicket $UploadTicket_checks method=PUT headers/Content-Type=text/plain
    row GET '/media/uploads?limit=500'; gives 200 UploadList $UploadList_checks 'items[]'
    row DELETE '/media/uploads/{item_id}'; gives 204 -
    row POST /media/upload
    sends '{"file_name":"note.{format}","content_type":"text/plain","data_base64":"SGVhcnRHdWFyZA=="}' '<MediaUpload><file_name>note.{format}</file_name><content_type>text/plain</content_type><data_base64>SGVhcnRHdWFyZA==</data_base64></MediaUpload>'
    keeps item_id=id made_item=id
    gives 201 MediaItem $MediaItem_checks size=10 'owner_id={user_id}' 'file_name=note.{format}' content_type=text/plain header:Location
    row PUT '/media/upload?file_name=note.{format}'; sends_text HeartGuard text/plain
    keeps second_item=id made_second=id
    gives 201 MediaItem $MediaItem_checks 'file_name=note.{format}' content_type=text/plain size=10 'owner_id={user_id}' header:Location
    row GET '/media/items?limit=500'; gives 200 MediaItemList $MediaItemList_checks 'items[]'
    row GET '/media/items/{item_id}'
    gives 200 MediaItem $MediaItem_checks 'id={item_id}' 'file_name=note.{format}' content_type=text/plain header:ETag
    row GET '/media/items/{item_id}/download'; keeps url=url; gives 200 MediaDownload $MediaDownload_checks
    [ "$LISTING" = yes ] || derive_signatures url signed
    row GET '/media/content/{item_id}?{signed}'; as nobody; when own_files; accepts '*/*'
    gives 200 text/plain HeartGuard header:ETag header:Content-Disposition header:Accept-Ranges
    row POST /imports
    sends '{"file_name":"watch.{format}","size":10,"kind":"fit"}' '<ImportRequest><file_name>watch.{format}</file_name><size>10</size><kind>fit</kind></ImportRequest>'
    keeps import_id=id; gives 201 ImportTicket $ImportTicket_checks method=PUT
    row GET '/imports/{import_id}'
    gives 200 Import $Import_checks 'id={import_id}' status=awaiting_upload kind=fit size=10 'user_id={user_id}'
    row GET '/imports?limit=500'; gives 200 ImportList $ImportList_checks 'items[]/id={import_id}'
    row DELETE '/imports/{import_id}'; gives 204 -
    row GET '/imports/{import_id}'; gives 200 Import $Import_checks status=cancelled kind=fit
    row POST /timeseries/buckets
    sends '{"bucket":"{bucket}"}' '<BucketRequest><bucket>{bucket}</bucket></BucketRequest>'; keeps made_bucket=bucket
    gives 201 Bucket $Bucket_checks 'bucket={bucket}'
    row GET /timeseries/buckets; gives 200 BucketList $BucketList_checks 'items[]'
    row GET /timeseries/measurements; gives 200 MeasurementList $MeasurementList_checks
    row POST /timeseries/latest
    sends '{"bucket":"{bucket}"}' '<LatestRequest><bucket>{bucket}</bucket></LatestRequest>'
    gives 200 LatestResult $LatestResult_checks
    row POST /timeseries/summary
    sends '{"bucket":"{bucket}","day":"2026-01-01"}' '<SummaryRequest><bucket>{bucket}</bucket><day>2026-01-01</day></SummaryRequest>'
    gives 200 HeartRateSummary $HeartRateSummary_checks 'user_id={user_id}' 'bucket={bucket}' day=2026-01-01
    row POST /timeseries/delete
    sends '{"bucket":"{bucket}","measurement":"none","range_start":"2026-01-01T00:00:00Z","range_stop":"2026-01-02T00:00:00Z"}' '<PointsDelete><bucket>{bucket}</bucket><measurement>none</measurement><range_start>2026-01-01T00:00:00Z</range_start><range_stop>2026-01-02T00:00:00Z</range_stop></PointsDelete>'
    gives 204 -
    row POST /timeseries/write
    sends '{"bucket":"{bucket}","points":[{"measurement":"heart_rate","tags":{"user_id":"{user_id}"},"fields":{"bpm":72},"timestamp":"2024-06-01T10:00:00Z"},{"measurement":"heart_rate","tags":{"user_id":"{user_id}"},"fields":{"bpm":74},"timestamp":"2024-06-01T10:00:30Z"}]}' '<WriteRequest><bucket>{bucket}</bucket><points><point><measurement>heart_rate</measurement><tags><entry key="user_id">{user_id}</entry></tags><fields><entry key="bpm" type="number">72</entry></fields><timestamp>2024-06-01T10:00:00Z</timestamp></point><point><measurement>heart_rate</measurement><tags><entry key="user_id">{user_id}</entry></tags><fields><entry key="bpm" type="number">74</entry></fields><timestamp>2024-06-01T10:00:30Z</timestamp></point></points></WriteRequest>'
    gives 200 WriteResult $WriteResult_checks success=true inserted=2 'results[]'
    row POST '/api/v2/write?bucket={bucket}&precision=s'
    sends_text 'heart_rate,user_id={user_id} bpm=75 1717408800' text/plain; gives 204 -
    row POST '/write?db={bucket}&precision=s'; sends_text 'heart_rate,user_id={user_id} bpm=76 1717408860' text/plain
    gives 204 -
    row GET '/api/v2/buckets?name={bucket}'
    gives 200 InfluxBucketList $InfluxBucketList_checks 'buckets[]/name={bucket}'
    row GET /api/v2/orgs; gives 200 InfluxOrganizationList $InfluxOrganizationList_checks 'orgs[]/status=active'
    row GET '/timeseries/fields?bucket={bucket}&measurement=heart_rate'
    gives 200 FieldList $FieldList_checks 'items[]/measurement=heart_rate' 'items[]/fixed=true'
    row DELETE '/timeseries/fields?bucket={bucket}&measurement=heart_rate&field=none'; refuses 404 TS_010
    row POST /timeseries/query
    sends '{"bucket":"{bucket}","measurement":"heart_rate","range_start":"2024-06-01T00:00:00Z","range_stop":"2024-06-02T00:00:00Z","aggregate":"mean","every":"1m"}' '<QueryRequest><bucket>{bucket}</bucket><measurement>heart_rate</measurement><range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop><aggregate>mean</aggregate><every>1m</every></QueryRequest>'
    gives 200 QueryResult $QueryResult_checks 'series[]/points[]/time=2024-06-01T10:00:00Z' 'series[]/points[]/fields/bpm=73' 'series[]/points[]/count=2' measurement=heart_rate aggregate=mean every=1m
    row POST /timeseries/exports
    sends '{"bucket":"{bucket}","range_start":"2024-06-01T00:00:00Z","range_stop":"2024-06-02T00:00:00Z"}' '<SeriesExportRequest><bucket>{bucket}</bucket><range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop></SeriesExportRequest>'
    keeps job_id=id; gives 202 Job $Job_checks header:Location
    row GET '/timeseries/exports/{job_id}'; gives 200 Job $Job_checks 'id={job_id}'
    row POST /timeseries/query; accepts text/csv
    sends '{"bucket":"{bucket}","measurement":"heart_rate","range_start":"2024-06-01T00:00:00Z","range_stop":"2024-06-02T00:00:00Z","limit":1}' '<QueryRequest><bucket>{bucket}</bucket><measurement>heart_rate</measurement><range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop><limit>1</limit></QueryRequest>'
    gives 200 text/csv time,tags.user_id,fields.bpm,out_of_range '2024-06-01T10:00:00Z,{user_id},72.0,' header:X-Next-Cursor header:Content-Disposition=attachment
    row POST /timeseries/query; accepts application/x-ndjson
    sends '{"bucket":"{bucket}","measurement":"heart_rate","range_start":"2024-06-01T00:00:00Z","range_stop":"2024-06-02T00:00:00Z","limit":1}' '<QueryRequest><bucket>{bucket}</bucket><measurement>heart_rate</measurement><range_start>2024-06-01T00:00:00Z</range_start><range_stop>2024-06-02T00:00:00Z</range_stop><limit>1</limit></QueryRequest>'
    gives 200 application/x-ndjson '"tags":{"user_id":"{user_id}"}' '"time":"2024-06-01T10:00:00Z"' '"fields":{"bpm":72.0}' header:X-Next-Cursor header:Content-Disposition=attachment
    row POST /alarms/rules
    sends '{"name":"High","measurement":"heart_rate","field":"bpm","condition":"above","threshold":120}' '<AlarmRuleRequest><name>High</name><measurement>heart_rate</measurement><field>bpm</field><condition>above</condition><threshold>120</threshold></AlarmRuleRequest>'
    keeps rule_id=id
    gives 201 AlarmRule $AlarmRule_checks version=1 enabled=false name=High measurement=heart_rate field=bpm condition=above threshold=120 header:Location
    row GET /alarms/rules; gives 200 AlarmRuleList $AlarmRuleList_checks 'items[]'
    row GET '/alarms/rules/{rule_id}'; gives 200 AlarmRule $AlarmRule_checks 'id={rule_id}' 'versions[]' header:ETag
    row PATCH '/alarms/rules/{rule_id}'
    sends '{"enabled":true}' '<AlarmRuleUpdate><enabled>true</enabled></AlarmRuleUpdate>'
    gives 200 AlarmRule $AlarmRule_checks version=2 enabled=true header:ETag
    row DELETE '/alarms/rules/{rule_id}'; gives 204 -
    row DELETE '/alarms/rules/{rule_id}'; refuses 404 ALARM_001
    row POST /alarms/channels
    sends '{"name":"Validation","kind":"apprise","url":"discord://validation/validation"}' '<AlarmChannelRequest><name>Validation</name><kind>apprise</kind><url>discord://validation/validation</url></AlarmChannelRequest>'
    keeps channel_id=id
    gives 201 AlarmChannel $AlarmChannel_checks kind=apprise service=discord verified=true name=Validation header:Location
    row GET /alarms/channels; gives 200 AlarmChannelList $AlarmChannelList_checks 'items[]'
    row GET '/alarms/channels/{channel_id}'; gives 200 AlarmChannel $AlarmChannel_checks 'id={channel_id}' header:ETag
    row PATCH '/alarms/channels/{channel_id}'
    sends '{"language":"es"}' '<AlarmChannelUpdate><language>es</language></AlarmChannelUpdate>'
    gives 200 AlarmChannel $AlarmChannel_checks language=es header:ETag
    row POST '/alarms/channels/{channel_id}/verify'
    sends '{"code":"AAAAA-AAAAA"}' '<AlarmChannelCode><code>AAAAA-AAAAA</code></AlarmChannelCode>'
    gives 200 AlarmChannel $AlarmChannel_checks verified=true
    row POST '/alarms/channels/{channel_id}/code'; gives 200 AlarmChannel $AlarmChannel_checks verified=true
    row POST /alarms/policies
    sends '{"name":"Validation","steps":[{"after_seconds":0,"channels":["{channel_id}"]}]}' '<AlarmPolicyRequest><name>Validation</name><steps><step><after_seconds>0</after_seconds><channels><channel_id>{channel_id}</channel_id></channels></step></steps></AlarmPolicyRequest>'
    keeps policy_id=id
    gives 201 AlarmPolicy $AlarmPolicy_checks repeat_seconds=14400 default=false name=Validation header:Location
    row GET /alarms/policies; gives 200 AlarmPolicyList $AlarmPolicyList_checks 'items[]'
    row GET '/alarms/policies/{policy_id}'; gives 200 AlarmPolicy $AlarmPolicy_checks 'id={policy_id}' header:ETag
    row PATCH '/alarms/policies/{policy_id}'
    sends '{"repeat_seconds":0}' '<AlarmPolicyUpdate><repeat_seconds>0</repeat_seconds></AlarmPolicyUpdate>'
    gives 200 AlarmPolicy $AlarmPolicy_checks repeat_seconds=0 header:ETag
    row DELETE '/alarms/channels/{channel_id}'; refuses 409 ALARM_013
    row DELETE '/alarms/policies/{policy_id}'; gives 204 -
    row DELETE '/alarms/channels/{channel_id}'; gives 204 -
    row DELETE '/alarms/channels/{channel_id}'; refuses 404 ALARM_010
    row POST '/alarms/channels/{channel_id}/test'; refuses 404 ALARM_010
    row POST /alarms/silences
    sends '{"reason":"validation","starts_at":"2099-01-01T00:00:00Z","ends_at":"2099-01-02T00:00:00Z"}' '<AlarmSilenceRequest><reason>validation</reason><starts_at>2099-01-01T00:00:00Z</starts_at><ends_at>2099-01-02T00:00:00Z</ends_at></AlarmSilenceRequest>'
    keeps silence_id=id
    gives 201 AlarmSilence $AlarmSilence_checks reason=validation starts_at=2099-01-01T00:00:00Z ends_at=2099-01-02T00:00:00Z
    row GET /alarms/silences; gives 200 AlarmSilenceList $AlarmSilenceList_checks 'items[]'
    row DELETE '/alarms/silences/{silence_id}'; gives 204 -
    row DELETE '/alarms/silences/{silence_id}'; refuses 404 ALARM_012
    row POST /audit/events
    sends '{"actor":"validation","action":"VALIDATE","service":"auth","payload":{"run":"{stamp}"}}' '<AuditEventRequest><actor>validation</actor><action>VALIDATE</action><service>auth</service><payload><entry key="run">{stamp}</entry></payload></AuditEventRequest>'
    keeps event_id=id
    gives 201 AuditEvent $AuditEvent_checks actor:text service:text request_id:text gateway_request_id:uuid action=VALIDATE 'payload/run={stamp}' header:Location
    row GET /audit/events; gives 200 AuditEventList $AuditEventList_checks 'items[]'
    row GET '/audit/events/{event_id}'
    gives 200 AuditEvent $AuditEvent_checks 'id={event_id}' action=VALIDATE request_id:text gateway_request_id:uuid
    row GET /audit/verify; gives 200 AuditVerification $AuditVerification_checks valid=true
    row GET /openapi.json; as nobody; only json
    gives 200 OpenAPI openapi:text info/title:text paths:map components:map x-error-codes header:ETag
    row GET /openapi-internal.json; as operator; when operator; only json
    gives 200 OpenAPI openapi:text info/title:text paths:map components:map x-error-codes
    row GET /docs; as nobody; only json; accepts text/html
    gives 200 text/html '<title>HeartGuard API</title>' /assets/scalar.js header:ETag
    row GET /docs; as nobody; only xml; refuses 406 GEN_406
    row GET '/assets/{asset}'; as nobody; gives 200 text/css :root header:ETag
    row GET /portal; as nobody; only json; accepts text/html
    gives 200 text/html '<title>HeartGuard</title>' /core/main.js header:ETag
    row GET /portal; as nobody; only xml; refuses 406 GEN_406
    row GET '/portal/{version}/{folder}/{asset}'; as nobody; refuses 404 GEN_404
    row GET /docs/errors; as nobody; only json; accepts text/html; gives 200 text/html '<tr id="GEN_401">' header:ETag
    row GET /docs/errors; as nobody; only xml; refuses 406 GEN_406
    row GET '/schemas/{file}'; as nobody; only json; gives 200 application/json '"$defs"' '"LoginRequest"' header:ETag
    row GET '/schemas/{file}'; as nobody; only xml; gives 200 application/xml schema LoginRequest header:ETag
    row GET /gateway/health; as nobody; gives 200 Health $Health_checks
    row GET /gateway/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row POST /stream/tickets; when founding; gives 201 StreamTicket $StreamTicket_checks
    row GET /gateway/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row GET /gateway/services; as operator; when operator; gives 200 ServiceList $ServiceList_checks
    row GET /health; as nobody; gives 200 SystemHealth $SystemHealth_checks
    row GET /ping; as nobody; gives 204 - header:X-Influxdb-Version
    row GET /; as nobody; only json; accepts text/html; gives 200 text/html header:ETag
    row GET /; as nobody; only xml; refuses 406 GEN_406
    row GET /schemas; as nobody; only json; accepts text/html; gives 200 text/html header:ETag
    row GET /schemas; as nobody; only xml; refuses 406 GEN_406
    row GET /auth/sessions; gives 200 SessionList $SessionList_checks
    row DELETE '/auth/sessions/{session_id}'; refuses 404 GEN_404
    row GET /auth/invitations; gives 200 InvitationList $InvitationList_checks
    row POST /auth/api-keys/uses
    sends '{"uses":[{"org_id":1,"id":"0192f3a1-7c4e-7d2b-9a61-5b1e0c9d3f10","minute":"2026-11-30T08:00:00Z","address":"192.0.2.7"}]}' '<ApiKeyUses><uses><use><org_id>1</org_id><id>0192f3a1-7c4e-7d2b-9a61-5b1e0c9d3f10</id><minute>2026-11-30T08:00:00Z</minute><address>192.0.2.7</address></use></uses></ApiKeyUses>'
    refuses 403 GEN_403
    row DELETE '/auth/members/{user_id}/sessions/{session_id}'; refuses 404 GEN_404
    row GET /auth/roles; gives 200 RoleList $RoleList_checks
    row POST /auth/token/introspect
    sends '{"token":"a.b.c","token_type_hint":"access_token"}' '<IntrospectRequest><token>a.b.c</token><token_type_hint>access_token</token_type_hint></IntrospectRequest>'
    refuses 403 GEN_403
    row GET /.well-known/jwks.json; as nobody; only json; gives 200 JwkSet $JwkSet_checks
    row GET /.well-known/jwks.json; as nobody; only xml; refuses 406 GEN_406
    row GET '/auth/exports?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row POST /auth/erasures
    sends '{"org_id":{org_id},"user_id":{user_id}}' '<ErasureRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id></ErasureRequest>'
    refuses 403 GEN_403
    row POST /auth/memberships
    sends '{"org_id":{org_id},"user_id":{user_id},"actor_id":7,"actor_role":"admin","actor_session":"s1","seen_role":"admin","seen_active":true,"role":"user","active":true}' '<MembershipChange><org_id>{org_id}</org_id><user_id>{user_id}</user_id><actor_id>7</actor_id><actor_role>admin</actor_role><actor_session>s1</actor_session><seen_role>admin</seen_role><seen_active>true</seen_active><role>user</role><active>true</active></MembershipChange>'
    refuses 403 GEN_403
    row POST /auth/alarm-emails
    sends '{"id":"0198c0de-0000-7000-8000-000000000006","org_id":{org_id},"user_id":{user_id},"subject":"HeartGuard: 1 alarm","text":"An alarm was raised."}' '<AlarmEmail><id>0198c0de-0000-7000-8000-000000000006</id><org_id>{org_id}</org_id><user_id>{user_id}</user_id><subject>HeartGuard: 1 alarm</subject><text>An alarm was raised.</text></AlarmEmail>'
    refuses 403 GEN_403
    row GET '/auth/accounts/{user_id}/sessions'; as operator; when operator; gives 200 SessionList $SessionList_checks
    row GET /auth/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /auth/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/auth/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/auth/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/auth/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /auth/health; as nobody; gives 200 Health $Health_checks
    row GET /auth/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /auth/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row GET '/organization/exports?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row GET /organization/policies; gives 200 OrganizationPolicies $OrganizationPolicies_checks header:ETag
    row GET /organization/limits; gives 200 LimitList $LimitList_checks
    row GET '/organization/{org_id}/limits'; as operator; when operator; gives 200 LimitList $LimitList_checks
    row GET /organization/usage; gives 200 OrganizationUsage $OrganizationUsage_checks
    row GET /organization/list; as operator; when operator; gives 200 OrganizationList $OrganizationList_checks
    row GET '/organization/{org_id}'; as operator; when operator; gives 200 Organization $Organization_checks
    row GET /organization/jobs; as operator; when operator; gives 200 JobList $JobList_checks
    row GET /organization/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /organization/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/organization/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/organization/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/organization/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /organization/health; as nobody; gives 200 Health $Health_checks
    row GET /organization/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /organization/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row POST /users/erasures
    sends '{"org_id":{org_id},"user_id":{user_id}}' '<ErasureRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id></ErasureRequest>'
    refuses 403 GEN_403
    row GET /users/jobs; as operator; when operator; gives 200 JobList $JobList_checks
    row GET /users/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /users/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/users/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/users/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/users/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /users/health; as nobody; gives 200 Health $Health_checks
    row GET /users/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /users/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row GET /media/usage; gives 200 MediaUsage $MediaUsage_checks
    row GET '/media/exports?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row GET '/media/exports/{item_id}?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row PUT '/media/archives?org_id={org_id}&user_id={user_id}'; sends_text x application/zip; refuses 403 GEN_403
    row GET '/media/archives/{item_id}?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row POST /media/imports
    sends '{"org_id":{org_id},"user_id":{user_id},"file_name":"export.zip","size":94371840}' '<ImportUpload><org_id>{org_id}</org_id><user_id>{user_id}</user_id><file_name>export.zip</file_name><size>94371840</size></ImportUpload>'
    refuses 403 GEN_403
    row GET '/media/imports/{item_id}?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row DELETE '/media/imports/{item_id}?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row POST /media/erasures
    sends '{"org_id":{org_id},"user_id":{user_id}}' '<ErasureRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id></ErasureRequest>'
    refuses 403 GEN_403
    row GET /media/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /media/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/media/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/media/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/media/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /media/health; as nobody; gives 200 Health $Health_checks
    row GET /media/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /media/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row POST /timeseries/listeners
    sends '{"org_id":{org_id}}' '<StreamListener><org_id>{org_id}</org_id></StreamListener>'; refuses 403 GEN_403
    row GET '/timeseries/exports?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row POST /timeseries/erasures
    sends '{"org_id":{org_id},"user_id":{user_id}}' '<ErasureRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id></ErasureRequest>'
    refuses 403 GEN_403
    row GET /timeseries/jobs; as operator; when operator; gives 200 JobList $JobList_checks
    row GET /timeseries/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /timeseries/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/timeseries/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/timeseries/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/timeseries/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /timeseries/health; as nobody; gives 200 Health $Health_checks
    row GET /timeseries/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /timeseries/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row POST /timeseries/changes; sends '{"limit":100}' '<ChangeClaim><limit>100</limit></ChangeClaim>'
    refuses 403 GEN_403
    row POST /timeseries/readings
    sends '{"org_id":{org_id},"user_id":{user_id},"measurement":"heart_rate","range_start":"2026-11-30T08:00:00Z","range_stop":"2026-11-30T09:00:00Z"}' '<ReadingsRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id><measurement>heart_rate</measurement><range_start>2026-11-30T08:00:00Z</range_start><range_stop>2026-11-30T09:00:00Z</range_stop></ReadingsRequest>'
    refuses 403 GEN_403
    row GET /users/me/access-log; gives 200 AuditEventList $AuditEventList_checks
    row GET '/audit/exports?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row GET /audit/backup; as operator; when operator; gives 200 BackupState $BackupState_checks
    row GET /audit/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /audit/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/audit/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/audit/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/audit/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /audit/health; as nobody; gives 200 Health $Health_checks
    row GET /audit/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /audit/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row POST /alarms/rules/defaults; when founding; gives 200 AlarmRuleList $AlarmRuleList_checks
    row POST /alarms/rules/rehearse; when founding
    sends '{"rule":{"name":"High heart rate at rest","measurement":"heart_rate","field":"bpm","condition":"above","threshold":120},"user_id":{user_id},"range_start":"2026-11-01T00:00:00Z","range_stop":"2026-11-30T00:00:00Z"}' '<AlarmRehearsalRequest><rule><name>High heart rate at rest</name><measurement>heart_rate</measurement><field>bpm</field><condition>above</condition><threshold>120</threshold></rule><user_id>{user_id}</user_id><range_start>2026-11-01T00:00:00Z</range_start><range_stop>2026-11-30T00:00:00Z</range_stop></AlarmRehearsalRequest>'
    gives 200 AlarmRehearsal $AlarmRehearsal_checks
    row GET /alarms; gives 200 AlarmList $AlarmList_checks
    row GET '/alarms/{alarm_id}'; refuses 404 ALARM_003
    row POST '/alarms/{alarm_id}/acknowledge'; refuses 404 ALARM_003
    row POST '/alarms/{alarm_id}/notes'
    sends '{"note":"Called, feels well."}' '<AlarmNote><note>Called, feels well.</note></AlarmNote>'
    refuses 404 ALARM_003
    row POST '/alarms/{alarm_id}/close'
    sends '{"reason":"The strap was loose."}' '<AlarmClosure><reason>The strap was loose.</reason></AlarmClosure>'
    refuses 404 ALARM_003
    row GET '/alarms/{alarm_id}/notifications'; refuses 404 ALARM_003
    row POST /alarms/erasures
    sends '{"org_id":{org_id},"user_id":{user_id}}' '<ErasureRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id></ErasureRequest>'
    refuses 403 GEN_403
    row GET '/alarms/exports?org_id={org_id}&user_id={user_id}'; refuses 403 GEN_403
    row GET /alarms/background; as operator; when operator; gives 200 BackgroundWork $BackgroundWork_checks
    row GET /alarms/dead-letters; as operator; when operator; gives 200 DeadLetterList $DeadLetterList_checks
    row GET '/alarms/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row POST '/alarms/dead-letters/{letter_id}/retry'; as operator; when operator; refuses 404 GEN_404
    row DELETE '/alarms/dead-letters/{letter_id}'; as operator; when operator; refuses 404 GEN_404
    row GET /alarms/health; as nobody; gives 200 Health $Health_checks
    row GET /alarms/ready; as "$v_insider"; when inner; gives 200 Readiness $Readiness_checks
    row GET /alarms/metrics; as "$v_insider"; when inner; gives 200 text/plain '# TYPE' '# HELP'
    row GET /audit/events; only json; accepts text/csv; gives 200 text/csv
    row GET /audit/events; only json; accepts application/x-ndjson; gives 200 application/x-ndjson
    row GET /api/v1/health; as nobody; gives 200 SystemHealth $SystemHealth_checks
    row GET /health; as nobody; only json; accepts application/health+json
    gives 200 application/health+json '"auth:ready"'
    row GET /openapi.json; as nobody; only xml; refuses 406 GEN_406
    row GET /openapi-internal.json; as operator; when operator; only xml; refuses 406 GEN_406
    row OPTIONS /auth/login; as nobody; with 'Access-Control-Request-Method: POST'; gives 204 -
    row GET /users/me; as nobody; refuses 401 GEN_401 header:WWW-Authenticate=Bearer
    row GET /users/me; as nobody; explains 401 GEN_401 header:WWW-Authenticate=Bearer
    row GET /api/v1/users/me; as nobody; refuses 401 GEN_401 header:WWW-Authenticate=Bearer
    row GET /api/v1/users/me; as nobody; explains 401 GEN_401 header:WWW-Authenticate=Bearer
    row GET /users/me; as not-a-token; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
    row POST /auth/token/introspect; as service; when service
    sends '{"token":"{token}"}' '<IntrospectRequest><token>{token}</token></IntrospectRequest>'
    refuses 401 GW_020 header:WWW-Authenticate=Bearer
    row GET /gateway/services; refuses 403 GEN_403
    row GET /audit/events; as member; when founding; refuses 403 GEN_403
    row PUT /organization; as member; when founding
    sends '{"policies":"none"}' '<OrganizationUpdate><policies>none</policies></OrganizationUpdate>'
    refuses 403 GEN_403
    row GET /nothing/here; refuses 404 GEN_404
    row GET /users/999999999; refuses 404 USER_001
    row DELETE /users/me; refuses 405 GEN_405 header:Allow=PUT header:Allow
    row GET /users/me; only json; accepts image/png; refuses 406 GEN_406
    row POST /auth/refresh; as nobody; sends_text 'refresh_token: x' application/yaml; refuses 415 GEN_415
    row POST /auth/refresh; as nobody; sends '{' '<RefreshRequest>'; refuses 400 GEN_400
    row POST /auth/refresh; as nobody; sends '{"unknown": 1}' '<RefreshRequest><unknown>1</unknown></RefreshRequest>'
    refuses 422 GEN_422 'details[]/path' 'details[]/message:text'
    row POST /auth/refresh; as nobody
    sends '{"refresh_token":"x"}' '<RefreshRequest><refresh_token>x</refresh_token></RefreshRequest>'
    refuses 401 AUTH_003 header:WWW-Authenticate=Bearer
    row PATCH '/users/{user_id}'; when founding
    sends '{"role":"user"}' '<UserAdminUpdate><role>user</role></UserAdminUpdate>'; refuses 409 USER_002
    row DELETE '/users/{user_id}'; when founding; refuses 409 USER_002
    row GET '/users?color=red'; refuses 422 GEN_422 'details[]/path' 'details[]/message:text'
    row PUT /users/me; with 'If-Match: "stale"'; sends '{}' '<UserUpdate/>'; refuses 412 GEN_412
    row POST /auth/login; as nobody
    sends '{"email":"nobody.{stamp}.{format}@validate.example","password":"not-the-password"}' '<LoginRequest><email>nobody.{stamp}.{format}@validate.example</email><password>not-the-password</password></LoginRequest>'
    refuses 401 AUTH_001 header:WWW-Authenticate=Bearer
    row GET '/media/content/{item_id}'; as nobody; accepts 'application/{format}, */*;q=0.1'
    refuses 422 GEN_422 'details[]/path' 'details[]/message:text'
    row DELETE /organization
    sends '{"name":"another name"}' '<OrganizationDelete><name>another name</name></OrganizationDelete>'
    refuses 422 ORG_002 'details[]/path' 'details[]/message:text'
    row DELETE '/timeseries/buckets/{bucket}'; forgets made_bucket; gives 204 -
    row DELETE '/media/items/{item_id}'; forgets made_item; gives 204 -
    row GET '/media/items/{item_id}'; refuses 404 MEDIA_001
    row DELETE '/media/items/{second_item}'; forgets made_second; gives 204 -
    row DELETE '/media/items/{made_third}'; when own_files; forgets made_third; gives 204 -
    row POST /auth/logout; as member; when founding
    sends '{"scope":"this"}' '<LogoutRequest><scope>this</scope></LogoutRequest>'; gives 204 -
    row GET /auth/profile; as member; when founding; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
    row DELETE '/users/{member_id}'; when founding; keeps job_id=id; gives 202 Job $Job_checks header:Location
    row GET '/users/deletions/{job_id}'; when founding; gives 200 Job $Job_checks 'id={job_id}'
    row GET '/users/{member_id}'; when founding; refuses 404 USER_001
    row GET '/organization/deletions/{job_id}'; when founding; refuses 404 ORG_004
    row DELETE /organization; when founding
    sends '{"name":"{name}"}' '<OrganizationDelete><name>{name}</name></OrganizationDelete>'
    forgets founded_org made_bucket made_item made_second made_third; gives 202 Job $Job_checks header:Location
    row POST /auth/logout; when existing; gives 204 -
    row GET /auth/profile; when existing; refuses 401 GEN_401_TOKEN header:WWW-Authenticate=Bearer
}
