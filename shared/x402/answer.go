package x402

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/ethereum/go-ethereum/common"
)

// settlement is an answer to /settle, read but not judged.
type settlement struct {
	success  bool
	reason   string // errorReason as it came
	provider string // errorType: an error of the provider's own, in another shape
	text     string // errorMessage and the like, cleaned
	tx       common.Hash
	namesTx  bool // there is something in transaction, readable or not
	network  string
	payer    string
}

// parseSettlement reads either shape of answer. encoding/json is laxer than is
// good for money (it matches keys in any case and takes the last of two), so
// the object's members are read exactly.
func parseSettlement(body []byte) (settlement, error) {
	members, err := object(body)
	if err != nil {
		return settlement{}, err
	}
	var s settlement
	texts := map[string]*string{}
	for _, name := range []string{"errorReason", "errorMessage", "errorType", "correlationId", "transaction", "network", "payer"} {
		var text *string
		if raw, ok := members[name]; ok {
			if err := json.Unmarshal(raw, &text); err != nil {
				return settlement{}, fmt.Errorf("%s is no string", name)
			}
		}
		if text == nil { // absent or null
			text = new(string)
		}
		texts[name] = text
	}
	var success *bool
	if raw, ok := members["success"]; ok {
		if err := json.Unmarshal(raw, &success); err != nil {
			return settlement{}, errors.New("success is no boolean")
		}
	}
	s.reason, s.network, s.payer = *texts["errorReason"], *texts["network"], *texts["payer"]
	s.text = detail(strings.Join(nonEmpty(notCode(s.reason), *texts["errorMessage"], *texts["correlationId"]), "; "))
	s.namesTx = *texts["transaction"] != ""
	s.tx = parseHash(*texts["transaction"])
	switch {
	case success != nil:
		s.success = *success
	case *texts["errorType"] != "":
		s.provider = *texts["errorType"]
	default:
		return settlement{}, errors.New("neither success nor errorType")
	}
	return s, nil
}

// object reads one JSON object, and nothing after it, without duplicate names.
func object(body []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errors.New("broken JSON")
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errors.New("broken JSON")
		}
		key, _ := name.(string)
		if _, twice := members[key]; twice {
			return nil, errors.New("a JSON member occurs twice")
		}
		members[key] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("broken JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more after the JSON object")
	}
	return members, nil
}

var (
	hashForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^0x[0-9a-fA-F]{64}$`) })
	codeForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_.:-]{0,95}$`) })
	// Longer than an address: a facilitator that quotes the call it made quotes
	// the signature's r and s.
	longHex = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9a-fA-F]{41,}`) })
	// The same in hex or in base64, also in a URL. A code may be as long as that,
	// made of words; in a text nothing is lost by it.
	longRun = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[0-9a-zA-Z+/_%-]{41,}`) })
)

// parseHash is the hash, or zero when it is not 0x and 64 hex digits.
func parseHash(text string) common.Hash {
	if !hashForm().MatchString(text) {
		return common.Hash{}
	}
	return common.HexToHash(text)
}

// code is a reason as it may be stored and shown. Some facilitators put a
// whole error message where the code belongs; that becomes ReasonUnclear and
// the text goes to the detail.
func code(reason string) string {
	if notCode(reason) != "" || reason == "" {
		return ReasonUnclear
	}
	return reason
}

func notCode(reason string) string {
	if codeForm().MatchString(reason) && !longHex().MatchString(reason) {
		return ""
	}
	return reason
}

func nonEmpty(texts ...string) []string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return some
}

// Mask hides of a text by others, such as a facilitator or a node, what could
// be an authorization or a part of one: any run of 41 or more characters of hex
// or base64. An address stays; a transaction's hash does not.
func Mask(text string) string { return longRun().ReplaceAllString(text, "[hidden]") }

const maxDetail = 200

// detail makes text of others fit for a log line.
func detail(text string) string {
	text = Mask(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail-1]) + "…"
	}
	return text
}
