// Command conformance answers the questions of `lictor conformance run`: docs/conformance.md.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"log"
	"os"

	"lictor.example/interop/license"
)

const lineMaxBytes = 256 * 1024

type question struct {
	ID         string        `json:"id"`
	Keys       string        `json:"keys"`
	Token      string        `json:"token"`
	StatusList *string       `json:"status_list"`
	Seen       *license.Seen `json:"seen"`
	Expect     struct {
		Type         string            `json:"typ"`
		Issuer       string            `json:"iss"`
		Audience     string            `json:"aud"`
		Env          string            `json:"env"`
		Now          int64             `json:"now"`
		Floor        int64             `json:"floor"`
		Machine      map[string]string `json:"machine"`
		DeviceKey    string            `json:"device_key"`
		Entitlements []string          `json:"entitlements"`
		Quota        []license.Need    `json:"quota"`
	} `json:"expect"`
}

type answer struct {
	ID    string  `json:"id"`
	Valid bool    `json:"valid"`
	Code  *string `json:"code"`
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineMaxBytes)
	output := bufio.NewWriter(os.Stdout)
	answers := json.NewEncoder(output)
	for input.Scan() {
		var asked question
		if err := json.Unmarshal(input.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(asked.answer()); err != nil {
			log.Fatal(err)
		}
	}
	if err := input.Err(); err != nil {
		log.Fatal(err)
	}
	if err := output.Flush(); err != nil {
		log.Fatal(err)
	}
}

func (q question) answer() answer {
	// A set that is refused verifies nothing, as one without keys.
	keys, _ := license.LoadKeys([]byte(q.Keys))
	var list *license.List
	if q.StatusList != nil {
		list = &license.List{Text: *q.StatusList, Seen: q.Seen}
	}
	_, err := license.Judge(keys, q.Token, license.Expected(q.Expect), list)
	var refused *license.Refused
	switch {
	case err == nil:
		return answer{q.ID, true, nil}
	case errors.As(err, &refused):
		return answer{q.ID, false, &refused.Code}
	default:
		log.Fatal(err)
		return answer{}
	}
}
