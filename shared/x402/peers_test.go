package x402

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var update = flag.Bool("update", false, "write testdata/peers/requests.json; then run peers.mjs there")

const peersDir = "testdata/peers/"

// peers is what the independent packages @x402/core and @x402/evm made of our
// bodies, and what they make themselves (testdata/peers/peers.mjs).
type peers struct {
	Requests []struct {
		Payload      bool         `json:"payload"`
		Requirements bool         `json:"requirements"`
		Digest       common.Hash  `json:"digest"`
		Verify       VerifyAnswer `json:"verify"`
	} `json:"requests"`
	Payments []Payload                  `json:"payments"`
	Answers  map[string]json.RawMessage `json:"answers"`
}

func loadPeers(t *testing.T) peers {
	t.Helper()
	raw, err := os.ReadFile(peersDir + "peers.json")
	if err != nil {
		t.Fatal(err)
	}
	var p peers
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// The peers judged the bodies in requests.json: they must still be ours.
func TestPeersSawOurBodies(t *testing.T) {
	var requests []Request
	for _, v := range vectors(t) {
		requests = append(requests, v.payment(t).Request())
	}
	ours, err := json.MarshalIndent(requests, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	ours = append(ours, '\n')
	if *update {
		if err := os.WriteFile(peersDir+"requests.json", ours, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	theirs, err := os.ReadFile(peersDir + "requests.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Error("the bodies have changed: run this test with -update and then testdata/peers/peers.mjs")
	}
}

func TestPeersAcceptOurBodies(t *testing.T) {
	all, p := vectors(t), loadPeers(t)
	if len(p.Requests) != len(all) {
		t.Fatalf("the peers saw %d bodies of %d", len(p.Requests), len(all))
	}
	for i, r := range p.Requests {
		if !r.Payload || !r.Requirements {
			t.Errorf("body %d: their schemas say payload %t, requirements %t", i, r.Payload, r.Requirements)
		}
		if !r.Verify.IsValid {
			t.Errorf("body %d: their facilitator says %+v", i, r.Verify)
		}
		ours := all[i].payment(t)
		if got := Digest(ours.Domain, ours.Authorization); got != r.Digest {
			t.Errorf("body %d: digest %s, theirs %s", i, got, r.Digest)
		}
	}
}

// A payment that their client made reads, recovers and is written back as theirs.
func TestPaymentsOfPeers(t *testing.T) {
	payments := loadPeers(t).Payments
	if len(payments) != 2 {
		t.Fatalf("%d payments, want 2", len(payments))
	}
	for i, theirs := range payments {
		p, err := Request{Version: Version, Payload: theirs, Requirements: theirs.Accepted}.Payment()
		if err != nil {
			t.Fatalf("payment %d: %v", i, err)
		}
		if err := p.Check(); err != nil {
			t.Errorf("payment %d: %v", i, err)
		}
		ours := p.Request().Payload
		if ours.Payload != theirs.Payload || *ours.Accepted.Extra != *theirs.Accepted.Extra || p.Authorization.Value != ledger.Micros(10_000) {
			t.Errorf("payment %d: written back as %+v, was %+v", i, ours, theirs)
		}
	}
}

// What their facilitator answers when its chain fails is judged by what it
// then knows: only checks made before sending count as refusals.
func TestAnswersOfPeers(t *testing.T) {
	want := map[string]Outcome{
		"settled":          {Kind: Settled, Tx: common.HexToHash(hashText)},
		"reverted":         {Kind: Unknown, Reason: "invalid_exact_evm_transaction_failed", Tx: common.HexToHash(hashText)},
		"wrong_event":      {Kind: Unknown, Reason: "invalid_exact_evm_transfer_event_mismatch", Tx: common.HexToHash(hashText)},
		"receipt_lost":     {Kind: Unknown, Reason: "settlement_pending", Tx: common.HexToHash(hashText)},
		"send_answer_lost": {Kind: Unknown, Reason: "invalid_exact_evm_transaction_failed"},
		"relayer_nonce":    {Kind: Unknown, Reason: "invalid_exact_evm_transaction_failed"},
		"nonce_used":       {Kind: Unknown, Reason: "invalid_exact_evm_nonce_already_used"},
		"no_balance":       {Kind: Refused, Reason: "invalid_exact_evm_insufficient_balance"},
		"altered":          {Kind: Refused, Reason: "invalid_exact_evm_signature"},
		"no_domain":        {Kind: Refused, Reason: "invalid_exact_evm_missing_eip712_domain"},
		"expired":          {Kind: Refused, Reason: "invalid_exact_evm_payload_authorization_valid_before"},
	}
	answers := loadPeers(t).Answers
	if len(answers) != len(want) {
		t.Errorf("%d answers, want %d", len(answers), len(want))
	}
	for name, body := range answers {
		got := Classify(Answer{Status: 200, Body: body}, vectors(t)[0].payment(t))
		got.Detail = ""
		if got != want[name] {
			t.Errorf("%s: %s\n got %+v\nwant %+v", name, body, got, want[name])
		}
	}
}
