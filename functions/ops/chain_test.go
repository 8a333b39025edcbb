package main

import (
	"context"
	"encoding/asn1"
	"encoding/pem"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/BlockRunAI/worker-network/functions/reconcile"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/paidchain"
)

// chained is a world with a chain.
type chained struct {
	*world
	paidchain.Chain
}

func newChained(t *testing.T) *chained {
	t.Helper()
	dev, err := devchain.Start(t.Context(), devchain.Options{Instant: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Stop() })
	c := &chained{newWorld(t), paidchain.Chain{Chain: dev, LogAddress: common.HexToAddress("0x10900")}}
	for name, value := range map[string]string{
		"CHAIN_ID": "84532", "BASE_RPC_URL": dev.URL, "USDC_ADDRESS": dev.Network.Token.Hex(), "TREASURY_ADDRESS": c.Treasury().Hex(),
		"LOG_SENDER_ADDRESSES": c.Sender().Hex(), "BLOCKRUN_LOG_ADDRESS": c.LogAddress.Hex(), "RECONCILE_LAG": "0s",
	} {
		c.env[name] = value
	}
	return c
}

func (c *chained) policy() ledger.PayoutPolicy {
	return ledger.PayoutPolicy{ChainID: c.Network.ChainID, Token: c.Network.Token, Treasury: c.Treasury(), Threshold: 100}
}

// paid is a payout that the chain and the books agree on, but for its receipt.
func (c *chained) paid(i int) {
	c.Helper()
	id := c.open(i, c.policy())
	c.must(c.authorise(id))
	r, err := c.Pay(c.Context(), id, 100)
	c.must(err)
	c.must(c.db.ConfirmPayout(c.Context(), id, r.TxHash, r.BlockNumber.Uint64(), c.now))
}

func TestReconcile(t *testing.T) {
	c := newChained(t)
	c.paid(1)
	c.now = c.now.Add(time.Minute)
	c.says(0, line("reconcile --all-books"), "The books balance.", "1 transfers", "1 workers, 1 payouts, 1 results: earned 0.000100")

	if _, err := c.Plain(t.Context(), worker(7), 5_000); err != nil {
		t.Fatal(err)
	}
	c.says(exitAttention, line("reconcile"), "THE BOOKS DO NOT BALANCE", reconcile.OutsideBooks, "0.005000 USDC", "--accept 'transfer 0x")
	var r reconcile.Report
	c.decode(c.says(exitAttention, line("reconcile --json")), &r)
	if r.Balanced || r.Disagreements != 1 || len(r.Examples) != 1 {
		t.Fatalf("%+v", r)
	}
	accept := []string{"reconcile", "--accept", r.Examples[0].Subject, "--as", "ann: moved to the vault"}
	c.says(exitNotDone, accept, "add --yes")
	c.says(exitAttention, line("reconcile"))
	c.says(exitUsage, []string{"reconcile", "--accept", "transfer 0x/1", "--as", "ann", "--yes"}, "lists the subjects")
	c.says(0, append(accept, "--yes"), "accepted by ann: moved to the vault")
	c.says(0, line("reconcile"), "The books balance.", "0 disagreements", "1 accepted")

	// Another instance is at it.
	name := "reconcile/" + reconcile.Scope{ChainID: c.Network.ChainID, Token: c.Network.Token, Treasury: c.Treasury()}.Name()
	c.must(c.db.TakeLease(t.Context(), name, "another", c.now, time.Minute))
	c.says(exitFailed, line("reconcile"), "another instance compares")
}

func TestReconcileWithoutANode(t *testing.T) {
	c := newChained(t)
	c.env["CHAIN_ID"], c.env["USDC_ADDRESS"] = "8453", ""
	c.says(exitFailed, line("reconcile"), "wrong chain")
	c.says(exitFailed, line("balances"), "wrong chain")
}

func TestBalances(t *testing.T) {
	c := newChained(t)
	relayer := crypto.PubkeyToAddress(c.Relayer.PublicKey)
	c.says(0, line("balances"), "treasury", c.Treasury().Hex(), "log sender", "nothing has left it", "owed  0.000000 USDC in flight")
	c.paid(1)
	c.open(2, c.policy())
	c.env["RELAYER_ADDRESS"] = relayer.Hex()
	c.says(0, line("balances"), "relayer", relayer.Hex(), "ETH", "days", "owed  0.000100 USDC in flight, 0.000000 pending")
	var v balancesView
	c.decode(c.says(0, line("balances --json")), &v)
	if len(v.Accounts) != 3 || v.InFlightMicros != 100 || v.Short || v.Accounts[0].Days == nil || v.Accounts[0].Balance.Sign() <= 0 {
		t.Errorf("%+v", v)
	}
	c.says(exitAttention, line("balances --low-days 100001"), "LOW")

	// Another treasury, with nothing in it.
	c.env["TREASURY_ADDRESS"] = common.HexToAddress("0xdead").Hex()
	c.says(exitAttention, line("balances"), "LOW", "The treasury holds less than is in flight")
}

// publicKey is a Cloud KMS with one key.
type publicKey struct{ pem string }

func (k publicKey) GetPublicKey(_ context.Context, r *kmspb.GetPublicKeyRequest, _ ...gax.CallOption) (*kmspb.PublicKey, error) {
	sum := int64(crc32.Checksum([]byte(k.pem), crc32.MakeTable(crc32.Castagnoli)))
	return &kmspb.PublicKey{
		Name: r.GetName(), Algorithm: kmspb.CryptoKeyVersion_EC_SIGN_SECP256K1_SHA256, Pem: k.pem, PemCrc32C: wrapperspb.Int64(sum),
	}, nil
}

func (k publicKey) AsymmetricSign(context.Context, *kmspb.AsymmetricSignRequest, ...gax.CallOption) (*kmspb.AsymmetricSignResponse, error) {
	panic("nothing is signed here")
}

func TestKMSAddress(t *testing.T) {
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	point := crypto.FromECDSAPub(&key.PublicKey)
	type identifier struct{ Algorithm, Curve asn1.ObjectIdentifier }
	der, err := asn1.Marshal(struct {
		ID  identifier
		Key asn1.BitString
	}{identifier{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 3, 132, 0, 10}}, asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	if err != nil {
		t.Fatal(err)
	}
	kms := publicKey{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	var out strings.Builder
	c := console{ctx: t.Context(), out: &out}
	if err := (kmsAddressCmd{}).print(c, "the key", kms); err != nil || strings.TrimSpace(out.String()) != crypto.PubkeyToAddress(key.PublicKey).Hex() {
		t.Errorf("%q, %v", out.String(), err)
	}
	c.json = true
	out.Reset()
	if err := (kmsAddressCmd{}).print(c, "the key", kms); err != nil || !strings.Contains(out.String(), `"address": "`+crypto.PubkeyToAddress(key.PublicKey).Hex()) {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := (kmsAddressCmd{}).print(c, "the key", publicKey{"no key"}); err == nil {
		t.Error("what is no key has an address")
	}
}
