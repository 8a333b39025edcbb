package api

import (
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Every signed field of every vector, altered in every way listed, is refused:
// none of the forgeries may pass.
func TestForgeriesAreRefused(t *testing.T) {
	vectors := loadVectors(t)
	other := func(v *vector) *vector { // somebody else's
		for i := range vectors {
			if vectors[i].Signer != v.Signer {
				return &vectors[i]
			}
		}
		panic("one signer only")
	}
	forgeries := map[string]func(r *Result, v *vector){
		"task: longer":         func(r *Result, _ *vector) { r.TaskID += "x" },
		"task: other":          func(r *Result, _ *vector) { r.TaskID = "task_other" },
		"task: look-alike":     func(r *Result, _ *vector) { r.TaskID += "\u200b" },
		"worker: other":        func(r *Result, v *vector) { r.WorkerAddress = other(v).Fields.WorkerAddress },
		"worker: other case":   func(r *Result, v *vector) { r.WorkerAddress = otherSpelling(v) },
		"timestamp + 1":        func(r *Result, _ *vector) { r.Timestamp++ },
		"timestamp - 1":        func(r *Result, _ *vector) { r.Timestamp-- },
		"timestamp in seconds": func(r *Result, _ *vector) { r.Timestamp /= 1000 },
		"success":              func(r *Result, _ *vector) { r.Success = !r.Success },
		"signature: other":     func(r *Result, v *vector) { r.Signature = other(v).Signature },
		"signature: other v": func(r *Result, _ *vector) {
			r.Signature = r.Signature[:131] + map[byte]string{'b': "c", 'c': "b"}[r.Signature[131]]
		},
	}
	for i, v := range vectors {
		for name, forge := range forgeries {
			r := v.result()
			forge(&r, &v)
			if got := Verify(r); got.Code != InvalidSignature || got.Address != (common.Address{}) || got.Detail == "" {
				t.Errorf("vector %d, %s: %+v, want invalid_signature", i, name, got)
			}
		}
	}
}

// otherSpelling is the lower-case address for a checksummed one and the other
// way round: one worker, another signed message.
func otherSpelling(v *vector) string {
	if low := strings.ToLower(v.Fields.WorkerAddress); low != v.Fields.WorkerAddress {
		return low
	}
	return v.Signer.Hex()
}

// One bit flipped anywhere in the signature.
func TestEveryBitOfTheSignatureCounts(t *testing.T) {
	v := loadVectors(t)[0]
	raw, err := hex.DecodeString(v.Signature[2:])
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		r := v.result()
		r.Signature = "0x" + hex.EncodeToString(raw)
		if got := Verify(r); got.Code != InvalidSignature {
			t.Errorf("bit %d flipped: %+v, want invalid_signature", bit, got)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
}

func TestSignatureForms(t *testing.T) {
	v := loadVectors(t)[0]
	sig := v.Signature // v = 27
	zero := strings.Repeat("0", 64)
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	s, _ := new(big.Int).SetString(sig[66:130], 16)
	highS := hex.EncodeToString(common.LeftPadBytes(new(big.Int).Sub(order, s).Bytes(), 32))
	half := hex.EncodeToString(halfOrder[:])
	if want := new(big.Int).Rsh(order, 1); common.Bytes2Hex(want.Bytes()) != half {
		t.Fatalf("half order is %x", want)
	}

	for name, text := range map[string]string{
		"v 27":       sig,
		"v 0":        sig[:130] + "00",
		"upper case": "0x" + strings.ToUpper(sig[2:]),
	} {
		r := v.result()
		r.Signature = text
		if got := Verify(r); got != (Verified{Address: v.Signer}) {
			t.Errorf("%s: %+v, want accepted", name, got)
		}
	}
	if _, err := ParseSignature(sig[:66] + half + "1b"); err != nil {
		t.Errorf("the highest low s: %v", err)
	}
	for name, text := range map[string]string{
		"empty":              "",
		"only 0x":            "0x",
		"64 bytes":           sig[:130],
		"66 bytes":           sig + "00",
		"odd length":         sig[:131],
		"no 0x":              sig[2:] + "00",
		"0X":                 "0X" + sig[2:],
		"not hex":            sig[:40] + "g" + sig[41:],
		"not ASCII":          sig[:130] + "é",
		"space":              " " + sig[:131],
		"high s, v flipped":  sig[:66] + highS + "1c",
		"high s":             sig[:66] + highS + "1b",
		"just above half":    sig[:66] + half[:63] + "1" + "1b",
		"r zero":             "0x" + zero + sig[66:],
		"s zero":             sig[:66] + zero + "1b",
		"r is the order":     "0x" + order.Text(16) + sig[66:],
		"r is no x":          "0x" + zero[:63] + "5" + sig[66:],
		"v 2":                sig[:130] + "02",
		"v 26":               sig[:130] + "1a",
		"v 29":               sig[:130] + "1d",
		"v 35":               sig[:130] + "23",
		"v 255":              sig[:130] + "ff",
		"compact (EIP-2098)": sig[:130],
	} {
		r := v.result()
		r.Signature = text
		if got := Verify(r); got.Code != InvalidSignature || got.Address != (common.Address{}) {
			t.Errorf("%s: %+v, want invalid_signature", name, got)
		}
		if _, err := Recover(Message(r), text); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: Recover: %v, want ErrSignature", name, err)
		}
		// What is no point of the curve is found by the recovery only.
		if _, err := ParseSignature(text); (err == nil) != strings.HasPrefix(name, "r is ") {
			t.Errorf("%s: ParseSignature: %v", name, err)
		}
	}
}

func TestFieldsOutOfRangeAreMalformed(t *testing.T) {
	v := loadVectors(t)[0]
	key := v.key(t)
	cases := []struct {
		name   string
		change func(*Result)
		ok     bool
	}{
		{"as it is", func(*Result) {}, true},
		{"address: lower case", func(r *Result) { r.WorkerAddress = strings.ToLower(r.WorkerAddress) }, true},
		{"address: upper case", func(r *Result) { r.WorkerAddress = "0x" + strings.ToUpper(r.WorkerAddress[2:]) }, true},
		{"address: wrong checksum", func(r *Result) { r.WorkerAddress = "0xF" + r.WorkerAddress[3:] }, false},
		{"address: empty", func(r *Result) { r.WorkerAddress = "" }, false},
		{"address: short", func(r *Result) { r.WorkerAddress = r.WorkerAddress[:41] }, false},
		{"address: long", func(r *Result) { r.WorkerAddress += "0" }, false},
		{"address: no 0x", func(r *Result) { r.WorkerAddress = r.WorkerAddress[2:] + "00" }, false},
		{"address: 0X", func(r *Result) { r.WorkerAddress = "0X" + strings.ToLower(r.WorkerAddress[2:]) }, false},
		{"address: not hex", func(r *Result) { r.WorkerAddress = r.WorkerAddress[:41] + "g" }, false},
		{"task: empty", func(r *Result) { r.TaskID = "" }, false},
		{"task: 128", func(r *Result) { r.TaskID = strings.Repeat("ä", 128) }, true},
		{"task: 129", func(r *Result) { r.TaskID = strings.Repeat("a", 129) }, false},
		{"task: not UTF-8", func(r *Result) { r.TaskID = "a\xff" }, false},
		{"timestamp: 0", func(r *Result) { r.Timestamp = 0 }, false},
		{"timestamp: -1", func(r *Result) { r.Timestamp = -1 }, false},
		{"timestamp: last", func(r *Result) { r.Timestamp = 8_640_000_000_000_000 }, true},
		{"timestamp: past the last", func(r *Result) { r.Timestamp = 8_640_000_000_000_001 }, false},
		{"response: 0", func(r *Result) { r.ResponseTimeMs = 0 }, true},
		{"response: -1", func(r *Result) { r.ResponseTimeMs = -1 }, false},
		{"response: 2^53 - 1", func(r *Result) { r.ResponseTimeMs = 1<<53 - 1 }, true},
		{"response: 2^53", func(r *Result) { r.ResponseTimeMs = 1 << 53 }, false},
		{"status: none", func(r *Result) { r.StatusCode = nil }, true},
		{"status: 99", func(r *Result) { r.StatusCode = new(99) }, false},
		{"status: 100", func(r *Result) { r.StatusCode = new(100) }, true},
		{"status: 599", func(r *Result) { r.StatusCode = new(599) }, true},
		{"status: 600", func(r *Result) { r.StatusCode = new(600) }, false},
		{"status: 0", func(r *Result) { r.StatusCode = new(0) }, false},
		{"error: 1024", func(r *Result) { r.Error = strings.Repeat("ä", 1024) }, true},
		{"error: 1025", func(r *Result) { r.Error = strings.Repeat("a", 1025) }, false},
		{"error: not UTF-8", func(r *Result) { r.Error = "\xff" }, false},
	}
	for _, c := range cases {
		r := v.result()
		r.ResponseTimeMs, r.StatusCode = 120, new(200)
		c.change(&r)
		// Signed after the change, so that only the field itself can be at fault.
		sig, err := PersonalSign(Message(r), key)
		if err != nil {
			t.Fatal(err)
		}
		r.Signature = sig
		want := Verified{Address: v.Signer}
		got := Verify(r)
		if !c.ok {
			if !strings.HasPrefix(got.Detail, "malformed field: ") {
				t.Errorf("%s: detail %q", c.name, got.Detail)
			}
			want = Verified{Code: Malformed, Detail: got.Detail}
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

func TestSignRefusesAnotherKeysAddress(t *testing.T) {
	vectors := loadVectors(t)
	r := vectors[0].result()
	before := r
	if err := Sign(&r, vectors[2].key(t)); err == nil || r != before {
		t.Errorf("signed with another key: %v, %+v", err, r)
	}
	r.WorkerAddress = "0x12"
	if err := Sign(&r, vectors[0].key(t)); !errors.Is(err, ErrAddress) {
		t.Errorf("signed without an address: %v", err)
	}
}

func TestVerifyBatchJudgesEachByItself(t *testing.T) {
	vectors := loadVectors(t)
	for _, n := range []int{0, 1, 2, 3, 40, 120} {
		batch, want := make([]Result, n), make([]Verified, n)
		for i := range batch {
			v := vectors[i%len(vectors)]
			batch[i] = v.result()
			switch i % 3 {
			case 1:
				batch[i].Success = !batch[i].Success
			case 2:
				batch[i].TaskID = ""
			}
			want[i] = Verify(batch[i])
		}
		got := VerifyBatch(batch)
		if len(got) != n {
			t.Fatalf("%d of %d verified", len(got), n)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("batch of %d, result %d: %+v, want %+v", n, i, got[i], want[i])
			}
		}
	}
}

// The signed message agrees with go-ethereum's own view of what is a valid
// signature, for all that may be read from hex.
func FuzzParseSignature(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(v.Signature)
	}
	f.Add("0x" + strings.Repeat("0", 130))
	f.Add("0x" + strings.Repeat("f", 130))
	f.Fuzz(func(t *testing.T, text string) {
		sig, err := ParseSignature(text)
		raw, hexErr := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		well := hexErr == nil && strings.HasPrefix(text, "0x") && len(raw) == 65
		if well && raw[64] >= 27 {
			raw[64] -= 27
		}
		want := well && raw[64] <= 1 && crypto.ValidateSignatureValues(raw[64], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:64]), true)
		// An r of the order or more is found out by the recovery.
		if _, recoverErr := Recover([]byte("m"), text); recoverErr == nil && !want {
			t.Errorf("%q: recovered, but it is no valid signature", text)
		}
		if want && (err != nil || string(sig[:]) != string(raw)) {
			t.Errorf("%q: %x, %v; want %x", text, sig, err, raw)
		}
		if err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v is no ErrSignature", text, err)
		}
	})
}
