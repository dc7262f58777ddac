package license

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

const keySetMaxBytes = 64 * 1024

// Keys are the pinned keys by their id.
type Keys map[string]key

type key struct {
	role, issuer string
	public       ed25519.PublicKey
}

// LoadKeys reads a JWK Set as `lictor keys public` prints it. A set with a key that is weak, private or misnamed is
// refused as a whole.
func LoadKeys(set []byte) (Keys, error) {
	if len(set) > keySetMaxBytes {
		return nil, errors.New("the set is too long")
	}
	value, err := strictJSON(set)
	if err != nil {
		return nil, err
	}
	document, _ := value.(map[string]any)
	entries, isArray := document["keys"].([]any)
	if !isArray {
		return nil, errors.New("no JWK Set")
	}
	keys := Keys{}
	for _, entry := range entries {
		id, found, err := loadKey(entry)
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if _, twice := keys[id]; twice {
			return nil, errors.New("a key stands twice")
		}
		keys[id] = *found
	}
	if len(keys) == 0 {
		return nil, errors.New("no key is left")
	}
	return keys, nil
}

// loadKey answers nil for a key that verifies nothing here.
func loadKey(entry any) (string, *key, error) {
	members, isObject := entry.(map[string]any)
	if _, private := members["d"]; private || !isObject {
		return "", nil, errors.New("no public key")
	}
	jwk := object{members: members, err: new(error)}
	if jwk.text("kty", required, 0) != "OKP" || members["crv"] != "Ed25519" {
		return "", nil, *jwk.err
	}
	if use, given := members["use"]; given && use != "sig" {
		return "", nil, *jwk.err
	}
	role := jwk.text("role", required, 0)
	switch role {
	case "root", "license", "activation", "status":
	default:
		return "", nil, *jwk.err
	}
	point := jwk.binary("x", required, ed25519.PublicKeySize)
	if *jwk.err == nil && !isStrongPoint(point) {
		return "", nil, errors.New("x is no strong point")
	}
	issuer, id := jwk.text("iss", required, uriMaxBytes), jwk.text("kid", required, 0)
	if *jwk.err == nil && id != thumbprint(point) {
		return "", nil, errors.New("kid is not the thumbprint")
	}
	return id, &key{role, issuer, point}, *jwk.err
}

// thumbprint is that of RFC 7638.
func thumbprint(point []byte) string {
	x := base64.RawURLEncoding.EncodeToString(point)
	digest := sha256.Sum256([]byte(fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":"%s"}`, x)))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

var (
	one   = big.NewInt(1)
	p     = number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed")
	d     = number("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3")
	order = number("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed") // of the base point, RFC 8032

	yOfOrder8  = number("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826")
	smallOrder = []*big.Int{new(big.Int), one, new(big.Int).Sub(p, one), yOfOrder8, new(big.Int).Sub(p, yOfOrder8)}
)

func number(hexadecimal string) *big.Int {
	value, _ := new(big.Int).SetString(hexadecimal, 16)
	return value
}

func fromLittleEndian(data []byte) *big.Int {
	reversed := make([]byte, len(data))
	for i, each := range data {
		reversed[len(data)-1-i] = each
	}
	return new(big.Int).SetBytes(reversed)
}

// isStrongPoint tells whether a point is on the curve, in its canonical form, and not of small order.
func isStrongPoint(point []byte) bool {
	y := fromLittleEndian(point)
	y.SetBit(y, 255, 0)
	if y.Cmp(p) >= 0 {
		return false
	}
	for _, weak := range smallOrder {
		if y.Cmp(weak) == 0 {
			return false
		}
	}
	// x² = (y² − 1) / (dy² + 1), here times a square.
	square := new(big.Int).Mul(y, y)
	above := new(big.Int).Sub(square, one)
	below := new(big.Int).Add(square.Mul(square, d), one)
	return big.Jacobi(above.Mod(above.Mul(above, below), p), p) == 1
}

func isBelowOrder(scalar []byte) bool {
	return fromLittleEndian(scalar).Cmp(order) < 0
}
