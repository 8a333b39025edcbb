package api

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// A vector of testdata/result-messages.json, made with viem.
type vector struct {
	PrivateKey string `json:"privateKey"`
	Fields     struct {
		TaskID        string `json:"taskId"`
		WorkerAddress string `json:"workerAddress"`
		Timestamp     int64  `json:"timestamp"`
		Success       bool   `json:"success"`
	} `json:"fields"`
	Message    string         `json:"message"`
	MessageHex string         `json:"messageHex"`
	Hash       common.Hash    `json:"eip191Hash"`
	Signature  string         `json:"signature"`
	Signer     common.Address `json:"signer"`
}

func (v *vector) result() Result {
	return Result{
		TaskID: v.Fields.TaskID, WorkerAddress: v.Fields.WorkerAddress,
		Timestamp: v.Fields.Timestamp, Success: v.Fields.Success, Signature: v.Signature,
	}
}

func (v *vector) key(t testing.TB) *ecdsa.PrivateKey {
	key, err := crypto.HexToECDSA(v.PrivateKey[2:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func loadVectors(t testing.TB) []vector {
	var vectors []vector
	readJSON(t, "testdata/result-messages.json", &vectors)
	if len(vectors) != 40 {
		t.Fatalf("%d vectors, want 40", len(vectors))
	}
	return vectors
}

func readJSON(t testing.TB, file string, dst any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, dst); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Every vector: the message's bytes, its digest, the signature that our signer
// makes, and the address that our verifier finds.
func TestVectors(t *testing.T) {
	for i, v := range loadVectors(t) {
		r := v.result()
		if got := Message(r); string(got) != v.Message || "0x"+hex.EncodeToString(got) != v.MessageHex {
			t.Errorf("vector %d: message\n got %q\nwant %q", i, got, v.Message)
		}
		if got := PersonalHash(Message(r)); got != v.Hash {
			t.Errorf("vector %d: digest %s, want %s", i, got, v.Hash)
		}
		if got := Verify(r); got != (Verified{Address: v.Signer}) {
			t.Errorf("vector %d: verified %+v, want %s", i, got, v.Signer)
		}
		if got, err := Recover([]byte(v.Message), v.Signature); err != nil || got != v.Signer {
			t.Errorf("vector %d: recovered %s, %v; want %s", i, got, err, v.Signer)
		}
		r.Signature = ""
		if err := Sign(&r, v.key(t)); err != nil || r.Signature != v.Signature {
			t.Errorf("vector %d: signed %s, %v; want %s", i, r.Signature, err, v.Signature)
		}
	}
}

// All characters at once: the digest is what JavaScript gives for
//
//	const h = crypto.createHash("sha256")
//	for (let c = 0; c <= 0x10ffff; c++)
//	  if (c < 0xd800 || c > 0xdfff)
//	    h.update(JSON.stringify("a" + String.fromCodePoint(c) + "z"), "utf8")
//	h.digest("hex")
func TestStringsOfEveryCharacterEqualJavaScripts(t *testing.T) {
	const want = "1318ee6d64ef8994d7642039f1145e16b325e003a53633762991b30bfcd828c8"
	h := sha256.New()
	for c := rune(0); c <= 0x10ffff; c++ {
		if c < 0xd800 || c > 0xdfff {
			h.Write(appendString(nil, "a"+string(c)+"z"))
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestStringsThatAreNotUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"\xff":         "\"\uFFFD\"",
		"a\xc3":        "\"a\uFFFD\"",
		"\xed\xa0\x80": "\"\uFFFD\uFFFD\uFFFD\"", // a surrogate in UTF-8's clothes
		"\xe2\x80\"":   "\"\uFFFD\uFFFD\\\"\"",
		"\uFFFD":       "\"\uFFFD\"",
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
}

// Ids computed by JavaScript (testdata/result-ids.mjs), also through the body
// decoder: what was decoded has the id of what was sent.
func TestResultIDs(t *testing.T) {
	var cases []struct {
		Result json.RawMessage `json:"result"`
		ID     string          `json:"id"`
	}
	readJSON(t, "testdata/result-ids.json", &cases)
	if len(cases) != 80 {
		t.Fatalf("%d cases, want 80", len(cases))
	}
	for i, c := range cases {
		var r Result
		if err := json.Unmarshal(c.Result, &r); err != nil {
			t.Fatal(err)
		}
		if got := ResultID(r); got != c.ID {
			t.Errorf("case %d: id %s, want %s", i, got, c.ID)
		}
		decoded, fault := decodeResult(string(c.Result))
		if fault != nil || ResultID(decoded) != c.ID {
			t.Errorf("case %d: decoded %+v, %v: id %s, want %s", i, decoded, fault, ResultID(decoded), c.ID)
		}
		if got := Verify(decoded); got.Code != "" {
			t.Errorf("case %d: %+v", i, got)
		}
	}
}

// Two results that differ in anything have different ids.
func TestResultIDDependsOnEveryField(t *testing.T) {
	base := loadVectors(t)[0].result()
	base.StatusCode, base.Error = new(200), "x"
	seen := map[string]string{ResultID(base): "unchanged"}
	for name, change := range map[string]func(*Result){
		"taskId":         func(r *Result) { r.TaskID += "x" },
		"workerAddress":  func(r *Result) { r.WorkerAddress = "0xF" + r.WorkerAddress[3:] },
		"timestamp":      func(r *Result) { r.Timestamp++ },
		"success":        func(r *Result) { r.Success = !r.Success },
		"responseTimeMs": func(r *Result) { r.ResponseTimeMs++ },
		"statusCode":     func(r *Result) { r.StatusCode = new(201) },
		"no statusCode":  func(r *Result) { r.StatusCode = nil },
		"error":          func(r *Result) { r.Error = "y" },
		"no error":       func(r *Result) { r.Error = "" },
		"errorClass":     func(r *Result) { r.ErrorClass = ClassDNS },
		"dns":            func(r *Result) { r.Timings = &Timings{DNS: new(int64(1))} },
		"dns, zero":      func(r *Result) { r.Timings = &Timings{DNS: new(int64)} },
		"connect":        func(r *Result) { r.Timings = &Timings{Connect: new(int64(1))} },
		"tls":            func(r *Result) { r.Timings = &Timings{TLS: new(int64(1))} },
		"firstByte":      func(r *Result) { r.Timings = &Timings{FirstByte: new(int64(1))} },
		"total":          func(r *Result) { r.Timings = &Timings{Total: new(int64(1))} },
		"signature":      func(r *Result) { r.Signature = r.Signature[:131] + "c" },
	} {
		r := base
		change(&r)
		id := ResultID(r)
		if other, ok := seen[id]; ok {
			t.Errorf("%s: same id as %s", name, other)
		}
		seen[id] = name
	}
}
