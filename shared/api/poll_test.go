package api

import (
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// A proofVector is one of testdata/poll-proofs.json, made with viem.
type proofVector struct {
	PrivateKey string
	Address    string
	Region     string
	Time       int64
	Nonce      string
	Message    string
	MessageHex string
	Hash       common.Hash `json:"eip191Hash"`
	Signature  string
}

func (v proofVector) proof() PollProof { return PollProof{v.Time, v.Nonce, v.Signature} }

// at is the moment that the proof says it was made.
func (v proofVector) at() time.Time { return time.UnixMilli(v.Time) }

func loadProofs(t testing.TB) []proofVector {
	var vectors []proofVector
	readJSON(t, "testdata/poll-proofs.json", &vectors)
	if len(vectors) != 24 {
		t.Fatalf("%d vectors, want 24", len(vectors))
	}
	return vectors
}

// Every vector: the message's bytes, its digest, by our code and by hand, the
// signature that our signer makes, and that our verifier takes viem's.
func TestPollProofVectors(t *testing.T) {
	for i, v := range loadProofs(t) {
		message := PollMessage(v.Address, v.Region, v.proof())
		if string(message) != v.Message || "0x"+hex.EncodeToString(message) != v.MessageHex {
			t.Errorf("vector %d: message\n got %q\nwant %q", i, message, v.Message)
		}
		byHand := crypto.Keccak256Hash([]byte("\x19Ethereum Signed Message:\n" + strconv.Itoa(len(v.Message)) + v.Message))
		if got := PersonalHash(message); got != v.Hash || byHand != v.Hash {
			t.Errorf("vector %d: digest %s, by hand %s, want %s", i, got, byHand, v.Hash)
		}
		key, err := crypto.HexToECDSA(v.PrivateKey[2:])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := SignPoll(v.Address, v.Region, v.at(), v.Nonce, key); err != nil || got != v.proof() {
			t.Errorf("vector %d: signed %+v, %v", i, got, err)
		}
		header := http.Header{}
		v.proof().SetHeaders(header.Set)
		read, err := ReadPollProof(header.Values)
		if err != nil || *read != v.proof() {
			t.Fatalf("vector %d: read %+v, %v", i, read, err)
		}
		for _, now := range []time.Time{v.at(), v.at().Add(MaxAge), v.at().Add(-MaxAhead)} {
			if err := read.Verify(v.Address, v.Region, now); err != nil {
				t.Errorf("vector %d at %v: %v", i, now, err)
			}
		}
	}
}

// Whatever of it is altered, a proof proves nothing any more.
func TestForgedPollProofs(t *testing.T) {
	vectors := loadProofs(t)
	type poll struct {
		address, region string
		proof           PollProof
	}
	for i, v := range vectors {
		for name, forge := range map[string]func(*poll){
			"another region":     func(p *poll) { p.region += "2" },
			"no region":          func(p *poll) { p.region = strings.TrimPrefix("any", p.region) },
			"another address":    func(p *poll) { p.address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65" },
			"another spelling":   func(p *poll) { p.address = swapCase(p.address) },
			"a later time":       func(p *poll) { p.proof.Time++ },
			"an earlier time":    func(p *poll) { p.proof.Time-- },
			"another nonce":      func(p *poll) { p.proof.Nonce = "0000000000000000" },
			"a longer nonce":     func(p *poll) { p.proof.Nonce += "0" },
			"another's sign":     func(p *poll) { p.proof.Signature = vectors[(i+1)%len(vectors)].Signature },
			"another path":       func(p *poll) { p.proof.Signature = resign(t, v, `"/v1/worker/tasks"`, `"/v1/worker/status"`) },
			"another method":     func(p *poll) { p.proof.Signature = resign(t, v, `"GET"`, `"POST"`) },
			"keys in disorder":   func(p *poll) { p.proof.Signature = resign(t, v, `"method":"GET",`, ``) },
			"a result's message": func(p *poll) { p.proof.Signature = loadVectors(t)[0].Signature },
		} {
			p := poll{v.Address, v.Region, v.proof()}
			forge(&p)
			err := p.proof.Verify(p.address, p.region, v.at())
			if e, ok := errors.AsType[*ProofError](err); !ok || e.Code != ProofSignature || !errors.Is(err, ErrProof) || errors.Is(err, ErrProofForm) {
				t.Errorf("vector %d, %s: %v", i, name, err)
			}
		}
	}
}

// swapCase is the other spelling of an address: lower case, or with checksum.
func swapCase(address string) string {
	if low := strings.ToLower(address); low != address {
		return low
	}
	return common.HexToAddress(address).Hex()
}

// resign signs v's message with some of it replaced, with the right key.
func resign(t *testing.T, v proofVector, old, new string) string {
	t.Helper()
	key, err := crypto.HexToECDSA(v.PrivateKey[2:])
	if err != nil {
		t.Fatal(err)
	}
	message := strings.Replace(v.Message, old, new, 1)
	if message == v.Message {
		t.Fatalf("no %s in %s", old, v.Message)
	}
	signature, err := PersonalSign([]byte(message), key)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestPollProofClock(t *testing.T) {
	v := loadProofs(t)[0]
	for off, want := range map[time.Duration]string{
		MaxAge + time.Millisecond:    "5m0s behind",
		-MaxAhead - time.Millisecond: "30s ahead",
		time.Hour:                    "1h0m0s behind",
		-24 * 365 * time.Hour:        "8760h0m0s ahead",
	} {
		err := v.proof().Verify(v.Address, v.Region, v.at().Add(off))
		if e, ok := errors.AsType[*ProofError](err); !ok || e.ErrorCode() != ProofClock || !strings.Contains(e.Detail, want) || !strings.Contains(e.Detail, "clock") || !errors.Is(err, ErrProof) {
			t.Errorf("%v: %v", off, err)
		}
	}
	if err := (PollProof{MaxTimestamp, v.Nonce, v.Signature}).Verify(v.Address, v.Region, v.at()); !strings.Contains(err.Error(), "ahead") || strings.Contains(err.Error(), "-") && strings.Contains(err.Error(), " -") {
		t.Errorf("the last time there is: %v", err)
	}
	if err := v.proof().Verify("0x12", v.Region, v.at()); !errors.Is(err, ErrAddress) {
		t.Errorf("no address: %v", err)
	}
	if err := ReplayedProof(v.at()); !errors.Is(err, ErrProof) || !strings.Contains(err.Error(), "2025-11-24T16:00:00.000Z") {
		t.Error(err)
	}
}

func TestReadPollProof(t *testing.T) {
	v := loadProofs(t)[0]
	none, err := ReadPollProof(http.Header{"X-Other": {"1"}}.Values)
	if none != nil || err != nil {
		t.Errorf("no headers: %+v, %v", none, err)
	}
	for name, change := range map[string]func(http.Header){
		"no time":             func(h http.Header) { h.Del(TimeHeader) },
		"no nonce":            func(h http.Header) { h.Del(NonceHeader) },
		"no signature":        func(h http.Header) { h.Del(SignatureHeader) },
		"time alone":          func(h http.Header) { h.Del(NonceHeader); h.Del(SignatureHeader) },
		"time twice":          func(h http.Header) { h.Add(TimeHeader, "1764000000000") },
		"signature twice":     func(h http.Header) { h.Add(SignatureHeader, v.Signature) },
		"time empty":          func(h http.Header) { h.Set(TimeHeader, "") },
		"time 0":              func(h http.Header) { h.Set(TimeHeader, "0") },
		"time negative":       func(h http.Header) { h.Set(TimeHeader, "-1764000000000") },
		"time with a plus":    func(h http.Header) { h.Set(TimeHeader, "+1764000000000") },
		"time with zeros":     func(h http.Header) { h.Set(TimeHeader, "01764000000000") },
		"time with fraction":  func(h http.Header) { h.Set(TimeHeader, "1764000000000.0") },
		"time in words":       func(h http.Header) { h.Set(TimeHeader, "now") },
		"time beyond Date":    func(h http.Header) { h.Set(TimeHeader, "8640000000000001") },
		"time beyond int64":   func(h http.Header) { h.Set(TimeHeader, "9999999999999999999") },
		"nonce short":         func(h http.Header) { h.Set(NonceHeader, strings.Repeat("a", 15)) },
		"nonce long":          func(h http.Header) { h.Set(NonceHeader, strings.Repeat("a", 65)) },
		"nonce with a quote":  func(h http.Header) { h.Set(NonceHeader, `0123456789abcde"`) },
		"nonce with space":    func(h http.Header) { h.Set(NonceHeader, "0123456789 abcdef") },
		"nonce not ASCII":     func(h http.Header) { h.Set(NonceHeader, "0123456789abcdefä") },
		"signature short":     func(h http.Header) { h.Set(SignatureHeader, v.Signature[:131]) },
		"signature not hex":   func(h http.Header) { h.Set(SignatureHeader, v.Signature[:131]+"g") },
		"signature of zeros":  func(h http.Header) { h.Set(SignatureHeader, "0x"+strings.Repeat("00", 64)+"1b") },
		"signature, high s":   func(h http.Header) { h.Set(SignatureHeader, v.Signature[:66]+strings.Repeat("f", 64)+"1b") },
		"signature without 0": func(h http.Header) { h.Set(SignatureHeader, v.Signature[2:]) },
	} {
		header := http.Header{}
		v.proof().SetHeaders(header.Set)
		change(header)
		p, err := ReadPollProof(header.Values)
		if e, ok := errors.AsType[*ProofError](err); p != nil || !ok || e.Code != ProofMalformed || !errors.Is(err, ErrProofForm) || !strings.Contains(e.Detail, "X-BlockRun-") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestSignPollRefusesAnothersAddress(t *testing.T) {
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "0x12", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"} {
		if _, err := SignPoll(address, "", time.Now(), "0123456789abcdef", key); err == nil {
			t.Errorf("signed for %q", address)
		}
	}
}

// FuzzReadPollProof: no headers make it panic, and what it takes is what was
// sent, to the byte, and comes back from the headers that it writes.
func FuzzReadPollProof(f *testing.F) {
	v := loadProofs(f)[0]
	f.Add(strconv.FormatInt(v.Time, 10), v.Nonce, v.Signature, uint8(0))
	f.Add("", "", "", uint8(7))
	f.Add("-1", "\x00", "0x", uint8(1))
	f.Fuzz(func(t *testing.T, at, nonce, signature string, absent uint8) {
		sent := map[string][]string{TimeHeader: {at}, NonceHeader: {nonce}, SignatureHeader: {signature}}
		for i, name := range []string{TimeHeader, NonceHeader, SignatureHeader} {
			if absent>>i&1 == 1 {
				delete(sent, name)
			}
		}
		values := func(name string) []string { return sent[name] }
		p, err := ReadPollProof(values)
		switch {
		case len(sent) == 0:
			if p != nil || err != nil {
				t.Fatalf("nothing was sent: %+v, %v", p, err)
			}
		case err != nil:
			if !errors.Is(err, ErrProofForm) || p != nil {
				t.Fatalf("%+v, %v", p, err)
			}
		default:
			again := map[string][]string{}
			p.SetHeaders(func(name, value string) { again[name] = append(again[name], value) })
			for name, value := range sent {
				if !slices.Equal(again[name], value) {
					t.Fatalf("%s: sent %q, written %q", name, value, again[name])
				}
			}
			_ = p.Verify(v.Address, v.Region, v.at()) // whatever it finds
		}
	})
}
