#!/bin/sh
# Gets a license for the instance that this runs on, keeps it current, and gives its place back. Needs POSIX sh and curl.
#
#   claim-license.sh claim     at boot: takes a place, or goes on with the one that this instance has
#   claim-license.sh renew     from a timer: asks for the next certificate once that is due
#   claim-license.sh release   before the instance is destroyed: gives the place back
#   claim-license.sh codes     at the seller's, never on the instance: prints the claim codes of an order
#
# Settings, from the environment or from the file that LICENSE_SETTINGS names (/etc/claim-license.conf):
#   LICENSE_SERVER         where the license server is, such as https://license.acme.example
#   LICENSE_CODE           the claim code, or the marketplace's authorization code; or
#   LICENSE_CODE_FILE      a file that has it
#   LICENSE_DIR            where the license is kept (/var/lib/license)
#   LICENSE_INSTANCE_ID    what tells this instance from every other; otherwise
#   LICENSE_INSTANCE_FILE  the first line of this file (/var/lib/cloud/data/instance-id, which cloud-init writes); otherwise
#   LICENSE_METADATA_URL   the answer from here (http://169.254.169.254/latest/meta-data/instance-id)
#   LICENSE_NAME           what people call the instance (its host name)
#   LICENSE_WAIT_SECS      how long to try again while the server does not answer (claim 600, renew 0, release 0); no try is
#                          begun after that, and one takes at most 30
#   LICENSE_ORDER_ID, LICENSE_TOKEN_FILE   for `codes`: the order, and a file with an API token of the scopes read and keys
#
# In LICENSE_DIR, each written in one go: license-key, certificate, activation-id, renew-after, status-list-uri, nonce.
# Exit codes: 0 done, 1 refused, 2 usage, 3 the server cannot be reached or asks to try again later.
set -eu

REFUSED=1
USAGE=2
LATER=3
PAUSE_SECS=10
ANSWER_SECS=30

say() { printf 'claim-license: %s\n' "$*" >&2; }

# die CODE WORDS...
die() {
    die_code=$1
    shift
    say "$*"
    exit "$die_code"
}

[ $# -eq 1 ] || die $USAGE "usage: claim-license.sh claim|renew|release|codes"
verb=$1

settings=${LICENSE_SETTINGS:-/etc/claim-license.conf}
if [ -r "$settings" ]; then
    # shellcheck source=/dev/null
    . "$settings"
fi
server=${LICENSE_SERVER:-}
server=${server%/}
dir=${LICENSE_DIR:-/var/lib/license}
case $server in
    http://* | https://*) ;;
    *) die $USAGE "set LICENSE_SERVER to the address of the license server" ;;
esac
umask 077

# The text of a file; nothing when it is not there.
kept() { if [ -s "$dir/$1" ]; then cat "$dir/$1"; fi; }

# keep NAME TEXT: in one go, so that whoever reads it meanwhile has the one before.
keep() {
    printf '%s\n' "$2" >"$dir/.$1.part"
    mv -f "$dir/.$1.part" "$dir/$1"
}

# plain TEXT: whether it can stand in JSON and in an address as it is.
plain() {
    case $1 in
        '' | *[!A-Za-z0-9._:@-]*) return 1 ;;
        *) return 0 ;;
    esac
}

# member NAME: the text of a member of the answer. What is looked for here never has an escape in it.
member() { printf '%s' "$answer" | sed -n "s/.*\"$1\":\"\\([^\"\\\\]*\\)\".*/\\1/p" | head -n 1; }

# ask PATH BODY: posts; sets `status` (000: no answer) and `answer`. Through standard input, so that no secret is seen in
# the list of processes.
ask() {
    got=$(printf '%s' "$2" | curl --silent --max-time $ANSWER_SECS --header 'Content-Type: application/json' \
        --data-binary @- --write-out '\n%{http_code}' "$server$1") || got='
000'
    heard
}

heard() {
    status=$(printf '%s\n' "$got" | tail -n 1)
    answer=$(printf '%s\n' "$got" | sed '$d' | tr -d '\n')
}

# Whether the same question may get another answer soon.
is_later() {
    case $status in
        000 | 202 | 429 | 5??) return 0 ;;
        *) return 1 ;;
    esac
}

# ask_until SECONDS PATH BODY: asks again and again, and begins no other try once so long was waited, by all calls together.
# By the clock, because an answer that does not come takes its time too; where the clock was set meanwhile, as at boot, a try
# counts as one without an answer.
waited=0
ask_until() {
    while :; do
        began=$(date +%s)
        ask "$2" "$3"
        spent=$(($(date +%s) - began))
        if [ "$spent" -lt 0 ] || [ "$spent" -gt $((2 * ANSWER_SECS)) ]; then spent=$ANSWER_SECS; fi
        waited=$((waited + spent))
        if ! is_later || [ "$waited" -ge "$1" ]; then return 0; fi
        sleep $PAUSE_SECS
        waited=$((waited + PAUSE_SECS))
    done
}

why() {
    reason=$(member reason)
    printf '%s' "${reason:-HTTP $status}"
}

instance_id() {
    id=${LICENSE_INSTANCE_ID:-}
    file=${LICENSE_INSTANCE_FILE:-/var/lib/cloud/data/instance-id}
    if [ -z "$id" ] && [ -r "$file" ]; then id=$(head -n 1 "$file"); fi
    if [ -z "$id" ]; then
        metadata=${LICENSE_METADATA_URL:-http://169.254.169.254/latest/meta-data/instance-id}
        id=$(curl --silent --fail --noproxy '*' --max-time 5 "$metadata") || id=
    fi
    plain "$id" || die $USAGE "nothing tells this instance from others: set LICENSE_INSTANCE_ID"
    printf '%s' "$id"
}

# The same for every try of the same activation: an answer that was lost is given again. Made before it is sent.
nonce() {
    if [ -z "$(kept nonce)" ]; then
        keep nonce "boot-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    fi
    kept nonce
}

# One certificate, one nonce, for the same reason.
renewal_nonce() { printf 'renew-%s' "$(cksum <"$dir/certificate" | tr ' ' '-')"; }

# machine: as the server sees it, a fingerprint of its own.
machine() { printf '{"fingerprint":"instance:%s"}' "$instance"; }

# The certificate last: it is what says that all the rest is there.
keep_license() {
    for name in license_key activation_id renew_after status_list_uri certificate; do
        value=$(member "$name")
        [ -n "$value" ] || die $REFUSED "the answer has no $name"
        keep "$(printf '%s' "$name" | tr '_' '-')" "$value"
    done
    keep instance "$instance"
}

activate() {
    key=$(kept license-key)
    if [ -n "$key" ]; then
        credential="\"license_key\":\"$key\""
    else
        code=${LICENSE_CODE:-}
        if [ -z "$code" ] && [ -r "${LICENSE_CODE_FILE:-}" ]; then code=$(head -n 1 "$LICENSE_CODE_FILE"); fi
        plain "$code" || die $USAGE "set LICENSE_CODE to the claim code or authorization code of the purchase"
        credential="\"claim_code\":\"$code\""
    fi
    name=${LICENSE_NAME:-$(hostname 2>/dev/null || uname -n)}
    plain "$name" || name=$instance
    body="{$credential,\"machine\":$(machine),\"name\":\"$name\",\"nonce\":\"$(nonce)\"}"
    ask_until "$1" /v1/activations "$body"
    case $status in
        200 | 201) keep_license ;;
        *)
            is_later && die $LATER "$server does not answer now ($(why)); this instance has no license yet"
            # A key that was replaced opens nothing any more; the code may.
            if [ -n "$key" ] && [ -n "${LICENSE_CODE:-}${LICENSE_CODE_FILE:-}" ]; then
                rm -f "$dir/license-key"
                activate "$1"
                return
            fi
            die $REFUSED "refused: $(why)"
            ;;
    esac
}

# Goes on with what is kept; a place that is gone is taken anew.
renew() {
    body="{\"certificate\":\"$(kept certificate)\",\"nonce\":\"$(renewal_nonce)\",\"machine\":$(machine)}"
    ask_until "$1" "/v1/activations/$(kept activation-id)/renew" "$body"
    case $status in
        200) keep_license ;;
        404 | 409)
            say "the place is gone ($(why)); asking for another"
            rm -f "$dir/certificate" "$dir/activation-id" "$dir/nonce"
            activate "$1"
            ;;
        *)
            is_later && die $LATER "$server does not answer now ($(why)); the certificate at hand still counts until it ends"
            die $REFUSED "refused: $(why)"
            ;;
    esac
}

# An image that was made of an instance carries its license along: that is another instance's.
forget_another_instance() {
    known=$(kept instance)
    if [ -n "$known" ] && [ "$known" != "$instance" ]; then
        rm -f "$dir/certificate" "$dir/activation-id" "$dir/nonce" "$dir/renew-after" "$dir/instance"
    fi
}

is_held() { [ -s "$dir/certificate" ] && [ -s "$dir/activation-id" ]; }

claim() {
    if is_held; then renew "$1"; else activate "$1"; fi
    say "licensed; the certificate is in $dir/certificate"
}

is_due() {
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    due=$(kept renew-after)
    [ -z "$due" ] || expr "x$now" '>=' "x$due" >/dev/null
}

release() {
    is_held || return 0
    body="{\"certificate\":\"$(kept certificate)\"}"
    ask_until "$1" "/v1/activations/$(kept activation-id)/release" "$body"
    case $status in
        200 | 404) ;;
        409) say "the place was another's already ($(why))" ;;
        *)
            is_later && die $LATER "$server does not answer now; the place is free when its lease ends"
            die $REFUSED "refused: $(why)"
            ;;
    esac
    # The license key stays: it claims again without the code.
    rm -f "$dir/certificate" "$dir/activation-id" "$dir/nonce" "$dir/renew-after" "$dir/instance"
    say "the place is given back"
}

codes() {
    order=${LICENSE_ORDER_ID:-}
    plain "$order" || die $USAGE "set LICENSE_ORDER_ID to the marketplace's order id"
    [ -r "${LICENSE_TOKEN_FILE:-}" ] ||
        die $USAGE "an order id is no secret: set LICENSE_TOKEN_FILE to an API token of the scopes read and keys"
    as_merchant "/v1/merchant/licenses?order_id=$order"
    licenses=$(printf '%s' "$answer" | tr '{,' '\n\n' | sed -n 's/^"id":"\(lic_[A-Za-z0-9_-]*\)".*/\1/p')
    [ -n "$licenses" ] || die $REFUSED "no license was made of this order"
    for license in $licenses; do
        as_merchant "/v1/merchant/licenses/$license?reveal=true"
        printf '%s\n' "$(member claim_code)"
    done
}

# as_merchant PATH: reads with the seller's token.
as_merchant() {
    got=$(printf 'header = "Authorization: Bearer %s"\n' "$(head -n 1 "$LICENSE_TOKEN_FILE")" |
        curl --silent --max-time $ANSWER_SECS --config - --write-out '\n%{http_code}' "$server$1") || got='
000'
    heard
    is_later && die $LATER "$server does not answer now ($(why))"
    [ "$status" = 200 ] || die $REFUSED "refused: $(why)"
}

if [ "$verb" = codes ]; then
    codes
    exit 0
fi
mkdir -p "$dir"
instance=$(instance_id)
forget_another_instance
case $verb in
    claim) claim "${LICENSE_WAIT_SECS:-600}" ;;
    renew) if ! is_held || is_due; then claim "${LICENSE_WAIT_SECS:-0}"; fi ;;
    release) release "${LICENSE_WAIT_SECS:-0}" ;;
    *) die $USAGE "usage: claim-license.sh claim|renew|release|codes" ;;
esac
