// Package license verifies lictor's license keys, activation certificates and status lists, without a network and with
// the standard library only. The format, and the steps that Judge takes in their order: docs/token-format.md.
//
//	keys, err := license.LoadKeys(pinned) // what `lictor keys public` printed
//	claims, err := license.Judge(keys, text, license.Expected{
//		Type: license.LicenseKey, Issuer: issuer, Audience: product, Env: "live", Now: time.Now().Unix(),
//	}, nil)
package license

import (
	"crypto/ed25519"
	"errors"
	"strings"
)

// The types of tokens.
const (
	LicenseKey  = "license+jwt"
	Certificate = "license-activation+jwt"
	StatusList  = "statuslist+jwt"
)

const (
	day          = 24 * 60 * 60
	tokenMaxSize = 8 * 1024
	listMaxSize  = 64 * 1024
)

// roles says whose key signs a type. A request is signed by a device key, so no pinned one fits.
var roles = map[string]string{
	LicenseKey:                       "license",
	Certificate:                      "activation",
	StatusList:                       "status",
	"license-keyset+jwt":             "root",
	"license-activation-request+jwt": "",
}

// Expected is what the software expects of a token.
type Expected struct {
	Type, Issuer, Audience, Env string
	// Now is the wall clock, Floor the largest signed time that was seen so far; Unix seconds.
	Now, Floor int64
	// Machine has the commitments of what can be read here, by component; nil: no machine is asked about.
	Machine      map[string]string
	DeviceKey    string
	Entitlements []string
	Quota        []Need
}

// Need is quota that must have been granted.
type Need struct {
	Metric string `json:"metric"`
	Amount string `json:"amount"`
}

// List is the status list at hand, and what is remembered of the newest one seen before.
type List struct {
	Text string
	Seen *Seen
}

// Seen is the newest status list of an address.
type Seen struct {
	Sequence int64  `json:"seq"`
	IssuedAt int64  `json:"iat"`
	Text     string `json:"status_list"`
}

// Refused is the answer no, with the stable code of the step that failed.
type Refused struct {
	Code, Why string
}

func (r *Refused) Error() string { return r.Code + ": " + r.Why }

func refuse(code, why string) error { return &Refused{code, why} }

// Judge answers the claims of a token that is good here and now, else *Refused. Without a status list, list is nil.
func Judge(keys Keys, token string, expected Expected, list *List) (*Claims, error) {
	claims, err := Verify(keys, token, expected.Type)
	if err != nil {
		return nil, err
	}
	listed := listFor(keys, claims, list)
	now := largest(expected.Now, expected.Floor, claims.IssuedAt)
	if listed != nil {
		now = largest(now, listed.IssuedAt)
	}
	for _, err := range []error{
		checkRecipient(claims, expected),
		checkTime(claims, expected, now),
		checkMachine(claims, expected),
		checkStatus(claims, listed, list, now),
		checkGrants(claims, expected),
	} {
		if err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// Verify takes steps 1 to 5: the claims of a genuine token of that type.
func Verify(keys Keys, token, typ string) (*Claims, error) {
	parsed, err := parse(token, typ)
	if err != nil {
		return nil, refuse("malformed", err.Error())
	}
	head := object{members: parsed.header, err: new(error)}
	algorithm := head.word("alg", required, "EdDSA", "Ed25519")
	named, id := head.text("typ", required, 0), head.text("kid", required, 0)
	if len(parsed.header) != 3 || *head.err != nil || algorithm == "" {
		return nil, refuse("bad_header", "not exactly alg, typ and kid")
	}
	actual := bareType(named)
	key, pinned := keys[id]
	role, known := roles[actual]
	if !pinned || known && role != key.role || parsed.payload["iss"] != key.issuer {
		return nil, refuse("unknown_key", "not pinned, or of another role or issuer")
	}
	r, s := parsed.signature[:32], parsed.signature[32:]
	if !isStrongPoint(r) || !isBelowOrder(s) || !ed25519.Verify(key.public, []byte(parsed.signed), parsed.signature) {
		return nil, refuse("bad_signature", "it does not verify strictly")
	}
	if actual != typ {
		return nil, refuse("wrong_type", named)
	}
	claims, err := readClaims(typ, parsed.payload)
	if err != nil {
		return nil, refuse("malformed", err.Error())
	}
	return claims, nil
}

// parts of a token. Nothing in them may be believed.
type parts struct {
	signed          string
	header, payload map[string]any
	signature       []byte
}

func parse(token, typ string) (*parts, error) {
	limit := tokenMaxSize
	if typ == StatusList {
		limit = listMaxSize
	}
	segments := strings.Split(token, ".")
	if len(token) > limit || len(segments) != 3 {
		return nil, errors.New("no three short segments")
	}
	header, err := jsonObject(segments[0])
	if err != nil {
		return nil, err
	}
	payload, err := jsonObject(segments[1])
	if err != nil {
		return nil, err
	}
	signature, err := fromBase64URL(segments[2])
	if err == nil && len(signature) != ed25519.SignatureSize {
		err = errors.New("no 64 bytes of signature")
	}
	return &parts{segments[0] + "." + segments[1], header, payload, signature}, err
}

func jsonObject(segment string) (map[string]any, error) {
	data, err := fromBase64URL(segment)
	if err != nil {
		return nil, err
	}
	value, err := strictJSON(data)
	if err != nil {
		return nil, err
	}
	members, isObject := value.(map[string]any)
	if !isObject {
		return nil, errors.New("no JSON object")
	}
	return members, nil
}

// bareType is in lower case by ASCII only, without `application/`.
func bareType(typ string) string {
	lower := strings.Map(func(letter rune) rune {
		if 'A' <= letter && letter <= 'Z' {
			return letter - 'A' + 'a'
		}
		return letter
	}, typ)
	return strings.TrimPrefix(lower, "application/")
}

func checkRecipient(claims *Claims, expected Expected) error {
	switch {
	case claims.Issuer != expected.Issuer:
		return refuse("wrong_issuer", claims.Issuer)
	case claims.Type != StatusList && claims.Audience != expected.Audience:
		return refuse("wrong_audience", claims.Audience)
	case claims.Env != expected.Env:
		return refuse("wrong_environment", claims.Env)
	}
	return nil
}

func checkTime(claims *Claims, expected Expected, now int64) error {
	matters := claims.Expires != nil || claims.Policy.Status == "require"
	switch {
	case now < claims.NotBefore:
		return refuse("not_yet_valid", "nbf is still to come")
	case claims.Expires != nil && now >= *claims.Expires:
		return refuse("expired", "exp is reached")
	case matters && now-expected.Now > day:
		return refuse("clock_suspect", "more than a day behind signed time")
	}
	return nil
}

func checkMachine(claims *Claims, expected Expected) error {
	if expected.Machine == nil || claims.Type == StatusList {
		return nil
	}
	binding := claims.Policy.Binding
	if claims.Type == LicenseKey {
		if binding != "none" {
			return refuse("activation_required", "the spec binds machines")
		}
		return nil
	}
	matches := binding == "none" || binding == "floating"
	if claims.Machine != nil || claims.DeviceKey != "" {
		matches = isMachine(claims, expected)
	}
	if !matches {
		return refuse("wrong_machine", "issued for another machine")
	}
	return nil
}

func isMachine(claims *Claims, expected Expected) bool {
	if claims.DeviceKey != "" && claims.DeviceKey != expected.DeviceKey {
		return false
	}
	same, strong := 0, claims.DeviceKey != ""
	for name, commitment := range claims.Machine {
		offered, given := expected.Machine[name]
		if name == "fw" && given && offered != commitment {
			return false
		}
		if given && offered == commitment {
			same++
			strong = strong || contains([]string{"os", "fw", "fp"}, name)
		}
	}
	return strong && same >= needed(len(claims.Machine))
}

// listFor answers the list that speaks about this token; nil when there is none that verifies.
func listFor(keys Keys, claims *Claims, list *List) *Claims {
	if list == nil || claims.Status == nil {
		return nil
	}
	listed, err := Verify(keys, list.Text, StatusList)
	if err != nil || listed.Subject != claims.Status.URI || listed.Issuer != claims.Issuer || listed.Env != claims.Env {
		return nil
	}
	return listed
}

func checkStatus(claims, listed *Claims, list *List, now int64) error {
	rule := claims.Policy.Status
	if claims.Type == StatusList || rule == "ignore" {
		return nil
	}
	if listed == nil {
		if rule == "require" {
			return refuse("status_missing", "no list speaks about this token")
		}
		return nil
	}
	if isRolledBack(listed, list) {
		return refuse("status_rolled_back", "a newer list, or another one of its number, was seen")
	}
	index := claims.Status.Index
	if index >= entries {
		return refuse("status_missing", "no entry of this index")
	}
	if entry := listed.Entries[index/4] >> (2 * (index % 4)) & 3; entry != 0 {
		return refuse([]string{"", "revoked", "suspended", "superseded"}[entry], "says the status list")
	}
	oldest := claims.Policy.MaxStatusAge
	stale := now >= *listed.Expires || oldest != nil && now-listed.IssuedAt >= *oldest
	if stale && rule == "require" {
		return refuse("status_stale", "the list is too old")
	}
	return nil
}

func isRolledBack(listed *Claims, list *List) bool {
	seen := list.Seen
	if seen == nil {
		return false
	}
	otherText := seen.Text != "" && seen.Text != list.Text
	return listed.Sequence < seen.Sequence || listed.IssuedAt < seen.IssuedAt ||
		listed.Sequence == seen.Sequence && otherText
}

func checkGrants(claims *Claims, expected Expected) error {
	for _, entitlement := range expected.Entitlements {
		if !contains(claims.Entitlements, entitlement) {
			return refuse("not_entitled", entitlement)
		}
	}
	for _, need := range expected.Quota {
		wanted, err := parseAmount(need.Amount)
		if err != nil {
			return err
		}
		granted := int64(0)
		for _, each := range claims.Quota {
			if each.Metric == need.Metric {
				granted += each.Amount
			}
		}
		if granted < wanted {
			return refuse("quota_exhausted", need.Metric)
		}
	}
	return nil
}

func largest(first int64, others ...int64) int64 {
	for _, other := range others {
		if other > first {
			first = other
		}
	}
	return first
}
