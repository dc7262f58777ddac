package license

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const maxLevels = 8

// strictJSON reads one whole JSON text: UTF-8, no member twice, at most 8 levels, no half surrogate pairs. Package json
// alone lets the last member win and replaces what it cannot decode. Numbers stay the text they came in.
func strictJSON(data []byte) (any, error) {
	if !utf8.Valid(data) || !json.Valid(data) || hasHalfSurrogate(data) {
		return nil, errors.New("no JSON in UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decode(decoder, 0)
}

func decode(decoder *json.Decoder, level int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if level == maxLevels {
		return nil, errors.New("nested too deeply")
	}
	if delimiter == '{' {
		return decodeObject(decoder, level)
	}
	array := []any{}
	for decoder.More() {
		item, err := decode(decoder, level+1)
		if err != nil {
			return nil, err
		}
		array = append(array, item)
	}
	_, err = decoder.Token()
	return array, err
}

func decodeObject(decoder *json.Decoder, level int) (any, error) {
	object := map[string]any{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name.(string)]; twice {
			return nil, errors.New("a member stands twice")
		}
		if object[name.(string)], err = decode(decoder, level+1); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return object, err
}

// hasHalfSurrogate looks at the escapes of a valid JSON text: a backslash stands in strings only.
func hasHalfSurrogate(data []byte) bool {
	for at := 0; at < len(data); at++ {
		if data[at] != '\\' {
			continue
		}
		at++
		if data[at] != 'u' {
			continue
		}
		first := unit(data[at+1:])
		at += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if len(data) < at+7 || data[at+1] != '\\' || data[at+2] != 'u' ||
			utf16.DecodeRune(first, unit(data[at+3:])) == utf8.RuneError {
			return true
		}
		at += 6
	}
	return false
}

func unit(digits []byte) rune {
	value, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(value)
}

// fromBase64URL takes the one canonical form, without padding. Package base64 passes over line ends.
func fromBase64URL(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != text {
		return nil, errors.New("no canonical base64url")
	}
	return data, nil
}
