package license

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

const (
	nameMaxBytes = 128
	uriMaxBytes  = 255
	itemsMax     = 64
	integerEnd   = 1 << 53
	entries      = 1 << 17
)

// Claims are those of any type; what is optional and not there is nil or empty.
type Claims struct {
	Type, Issuer, Audience, Subject, TokenID string
	IssuedAt, NotBefore                      int64
	Expires                                  *int64
	Entitlements                             []string
	Status                                   *StatusRef
	Env, Term                                string
	Quota                                    []Package
	Policy                                   Policy
	Machines, UpdatesUntil, GraceSecs        *int64

	// Of a certificate.
	ActivationID      string
	Generation, Renew int64
	End               *int64
	Machine           map[string]string
	DeviceKey, Nonce  string

	// Of a status list.
	Sequence int64
	Entries  []byte
}

// StatusRef says where a token's standing is published.
type StatusRef struct {
	Index int64
	URI   string
}

// Package is quota, in ten-thousandths of a unit.
type Package struct {
	Metric string
	Amount int64
}

// Policy is what the merchant asks of the client.
type Policy struct {
	Status, Enforcement, Binding string
	MaxStatusAge                 *int64
}

type presence bool

const (
	required presence = true
	optional presence = false
)

// object reads the members of a JSON object. The first mistake is kept; a wrong type never means "absent".
type object struct {
	members map[string]any
	err     *error
}

func (o object) fail(name, why string) {
	if *o.err == nil {
		*o.err = fmt.Errorf("%s %s", name, why)
	}
}

func (o object) value(name string, needed presence) (any, bool) {
	value, given := o.members[name]
	if !given && bool(needed) {
		o.fail(name, "is missing")
	}
	return value, given
}

// text reads a string; one that may have any length when maxBytes is 0.
func (o object) text(name string, needed presence, maxBytes int) string {
	value, given := o.value(name, needed)
	if !given {
		return ""
	}
	return o.checked(name, value, maxBytes)
}

func (o object) checked(name string, value any, maxBytes int) string {
	text, isText := value.(string)
	if !isText {
		o.fail(name, "is no string")
	} else if maxBytes > 0 && (text == "" || len(text) > maxBytes || strings.IndexFunc(text, unicode.IsControl) >= 0) {
		o.fail(name, "is empty, too long or has control characters")
	}
	return text
}

func (o object) word(name string, needed presence, words ...string) string {
	text := o.text(name, needed, 0)
	if _, given := o.members[name]; given && !contains(words, text) {
		o.fail(name, "is no known word")
	}
	return text
}

var integerForm = regexp.MustCompile(`^[0-9]{1,16}$`)

func (o object) integerIf(name string) *int64 {
	value, given := o.value(name, optional)
	if !given {
		return nil
	}
	text, _ := value.(json.Number)
	integer, err := strconv.ParseInt(string(text), 10, 64)
	if !integerForm.MatchString(string(text)) || err != nil || integer >= integerEnd {
		o.fail(name, "is no integer in [0, 2^53)")
	}
	return &integer
}

func (o object) integer(name string) int64 {
	if integer := o.integerIf(name); integer != nil {
		return *integer
	}
	o.fail(name, "is missing")
	return 0
}

func (o object) binary(name string, needed presence, size int) []byte {
	text := o.text(name, needed, 0)
	data, err := fromBase64URL(text)
	if _, given := o.members[name]; given && (err != nil || len(data) != size) {
		o.fail(name, "is no base64url of that size")
	}
	return data
}

// object answers an empty object when there is none.
func (o object) object(name string, needed presence) (object, bool) {
	value, given := o.value(name, needed)
	members, isObject := value.(map[string]any)
	if given && !isObject {
		o.fail(name, "is no object")
	}
	return object{members, o.err}, given
}

func (o object) array(name string) []any {
	value, given := o.value(name, optional)
	items, isArray := value.([]any)
	if given && (!isArray || len(items) > itemsMax) {
		o.fail(name, "is no array of at most 64 items")
	}
	return items
}

var amountForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,4}))?$`)

// parseAmount reads ten-thousandths, never through a float.
func parseAmount(value any) (int64, error) {
	text, _ := value.(string)
	if number, isNumber := value.(json.Number); isNumber {
		text = string(number)
	}
	found := amountForm.FindStringSubmatch(text)
	if found == nil {
		return 0, errors.New("no amount")
	}
	amount, err := strconv.ParseInt(found[1]+found[2]+strings.Repeat("0", 4-len(found[2])), 10, 64)
	if err != nil || amount >= 900_000_000_000*10_000 {
		return 0, errors.New("no amount")
	}
	return amount, nil
}

func (o object) amount(name string, needed presence) int64 {
	value, given := o.value(name, needed)
	amount, err := parseAmount(value)
	if given && err != nil {
		o.fail(name, "is no amount")
	}
	return amount
}

// readClaims reads a payload as claims of that type.
func readClaims(typ string, payload map[string]any) (*Claims, error) {
	root := object{members: payload, err: new(error)}
	lic, _ := root.object("lic", required)
	claims := &Claims{
		Type:     typ,
		Issuer:   root.text("iss", required, uriMaxBytes),
		IssuedAt: root.integer("iat"),
		Expires:  root.integerIf("exp"),
		Env:      lic.word("env", required, "live", "test"),
	}
	if lic.integer("v") != 1 {
		lic.fail("v", "is another version")
	}
	if typ == StatusList {
		claims.readList(root, lic)
	} else {
		claims.readShared(root, lic)
	}
	end := claims.Expires
	if typ == Certificate {
		claims.readCertificate(root, lic)
		end = claims.End
	}
	if end == nil && claims.Term != "permanent" {
		root.fail("exp", "is missing, and the term is not permanent")
	}
	if claims.Expires != nil && claims.NotBefore >= *claims.Expires {
		root.fail("exp", "is not after nbf")
	}
	return claims, *root.err
}

var termForm = regexp.MustCompile(`^(?:permanent|P[1-9][0-9]{0,3}[DMY])$`)

func (c *Claims) readShared(root, lic object) {
	c.Audience = root.text("aud", required, nameMaxBytes)
	c.Subject = root.text("sub", required, nameMaxBytes)
	c.TokenID = root.text("jti", required, nameMaxBytes)
	c.NotBefore = root.integer("nbf")
	for _, item := range root.array("entitlements") {
		c.Entitlements = append(c.Entitlements, root.checked("entitlements", item, nameMaxBytes))
	}
	if status, given := root.object("status", optional); given {
		list, _ := status.object("status_list", required)
		c.Status = &StatusRef{list.integer("idx"), list.text("uri", required, uriMaxBytes)}
	}
	if c.Term = lic.text("term", required, 0); !termForm.MatchString(c.Term) {
		lic.fail("term", "is no term")
	}
	readSpec(lic)
	for _, item := range lic.array("quota") {
		c.Quota = append(c.Quota, readPackage(lic, item))
	}
	c.UpdatesUntil, c.GraceSecs = lic.integerIf("upd"), lic.integerIf("grace_secs")
	c.readPolicy(lic)
	if c.Type == LicenseKey {
		c.Machines = lic.integerIf("machines")
		if c.Machines != nil && (*c.Machines == 0 || *c.Machines >= 1<<32) {
			lic.fail("machines", "is out of bounds")
		}
	}
}

func readSpec(lic object) {
	spec, _ := lic.object("spec", required)
	spec.text("sku", required, nameMaxBytes)
	attributes, _ := spec.object("attributes", optional)
	if len(attributes.members) > itemsMax {
		spec.fail("attributes", "are too many")
	}
	for name, value := range attributes.members {
		attributes.checked("attribute", name, nameMaxBytes)
		attributes.checked(name, value, nameMaxBytes)
	}
}

func readPackage(lic object, item any) Package {
	members, isObject := item.(map[string]any)
	if !isObject {
		lic.fail("quota", "has an item that is no object")
	}
	read := object{members, lic.err}
	found := Package{read.text("metric", required, nameMaxBytes), read.amount("amount", required)}
	read.text("unit", required, nameMaxBytes)
	read.word("reset", required, "none", "hour", "day", "week", "month", "year")
	read.amount("total", optional)
	share, from, until := read.integerIf("share"), read.integerIf("from"), read.integerIf("until")
	if all, none := share != nil && from != nil && until != nil, share == nil && from == nil && until == nil; !all && !none {
		read.fail("share", "is not whole")
	} else if all && *from >= *until {
		read.fail("until", "is not after from")
	}
	return found
}

func (c *Claims) readPolicy(lic object) {
	policy, _ := lic.object("policy", optional)
	policy.integerIf("max_offline")
	c.Policy = Policy{
		Status:       policy.word("status", optional, "require", "prefer", "ignore"),
		Enforcement:  policy.word("enforcement", optional, "enforce", "warn", "advise"),
		Binding:      policy.word("binding", optional, "hardware", "device-key", "floating", "none"),
		MaxStatusAge: policy.integerIf("max_status_age"),
	}
	if c.Policy.Status == "" {
		c.Policy.Status = "prefer"
	}
	if c.Policy.Binding == "" {
		c.Policy.Binding = "hardware"
	}
}

func (c *Claims) readCertificate(root, lic object) {
	root.integer("exp")
	if confirmation, given := root.object("cnf", optional); given {
		confirmation.binary("jkt", required, 32)
		c.DeviceKey = confirmation.text("jkt", required, 0)
	}
	c.Nonce = root.text("nonce", optional, nameMaxBytes)
	c.ActivationID = lic.text("act", required, nameMaxBytes)
	c.Generation, c.Renew, c.End = lic.integer("gen"), lic.integer("renew"), lic.integerIf("end")
	if ledger, given := lic.object("ledger", optional); given {
		ledger.binary("key", required, 32)
		ledger.binary("head", required, 32)
		ledger.integer("seq")
	}
	machine, given := lic.object("machine", optional)
	if !given {
		return
	}
	components, _ := machine.object("c", required)
	c.Machine = map[string]string{}
	for name := range components.members {
		if !contains([]string{"os", "fw", "brd", "dsk", "net", "fp"}, name) {
			machine.fail("c", "has an unknown component")
		}
		components.binary(name, required, 16)
		c.Machine[name] = components.text(name, required, 0)
	}
	if machine.integer("v") != 1 || len(c.Machine) == 0 || machine.integer("k") != int64(needed(len(c.Machine))) {
		machine.fail("machine", "is not as the format asks for")
	}
}

// needed is how many of the enrolled components must match.
func needed(enrolled int) int {
	switch enrolled {
	case 3:
		return 2
	case 4, 5:
		return 3
	case 6:
		return 4
	default:
		return enrolled
	}
}

func (c *Claims) readList(root, lic object) {
	c.Subject = root.text("sub", required, uriMaxBytes)
	c.NotBefore = c.IssuedAt
	c.Sequence = lic.integer("seq")
	root.integerIf("ttl")
	list, _ := root.object("status_list", required)
	if list.integer("bits") != 2 {
		list.fail("bits", "is not 2")
	}
	var err error
	if c.Entries, err = inflate(list.text("lst", required, 64*1024)); err != nil {
		list.fail("lst", err.Error())
	}
}

// inflate answers exactly 2^17 entries of 2 bits; nothing beyond is inflated, nothing may stand behind.
func inflate(lst string) ([]byte, error) {
	const size, maxWindow = entries / 4, 7
	data, err := fromBase64URL(lst)
	if err != nil || len(data) == 0 || data[0]>>4 > maxWindow {
		return nil, errors.New("no zlib stream")
	}
	rest := bytes.NewReader(data)
	stream, err := zlib.NewReader(rest)
	if err != nil {
		return nil, err
	}
	inflated, err := io.ReadAll(io.LimitReader(stream, size+1))
	if err == nil && (len(inflated) != size || rest.Len() > 0) {
		err = errors.New("not one whole stream of 32,768 bytes")
	}
	return inflated, err
}

func contains(words []string, word string) bool {
	for _, each := range words {
		if each == word {
			return true
		}
	}
	return false
}
