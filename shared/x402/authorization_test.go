package x402

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// keySigner is the smallest Signer; the real ones are in shared/signer.
type keySigner struct{ hexKey string }

func (k keySigner) Address() common.Address {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(k.hexKey, "0x"))
	if err != nil {
		panic(err)
	}
	return crypto.PubkeyToAddress(key.PublicKey)
}

func (k keySigner) SignHash(_ context.Context, hash common.Hash) ([]byte, error) {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(k.hexKey, "0x"))
	if err != nil {
		return nil, err
	}
	return crypto.Sign(hash[:], key)
}

// vector is one of testdata/eip3009-authorizations.json, made with viem.
type vector struct {
	Network    string `json:"network"`
	PrivateKey string `json:"privateKey"`
	Domain     struct {
		Name              string `json:"name"`
		Version           string `json:"version"`
		ChainID           int64  `json:"chainId"`
		VerifyingContract string `json:"verifyingContract"`
	} `json:"domain"`
	Authorization WireAuthorization `json:"authorization"`
	Digest        common.Hash       `json:"digest"`
	Signature     string            `json:"signature"`
}

func (v vector) domain() usdc.Domain {
	return usdc.Domain{Name: v.Domain.Name, Version: v.Domain.Version, ChainID: v.Domain.ChainID, Contract: common.HexToAddress(v.Domain.VerifyingContract)}
}

func (v vector) authorization(t testing.TB) Authorization {
	t.Helper()
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a := v.Authorization
	return Authorization{
		From: common.HexToAddress(a.From), To: common.HexToAddress(a.To), Value: ledger.Micros(number(a.Value)),
		ValidAfter: number(a.ValidAfter), ValidBefore: number(a.ValidBefore), Nonce: common.HexToHash(a.Nonce),
	}
}

func (v vector) payment(t testing.TB) Payment {
	t.Helper()
	return Payment{Domain: v.domain(), Authorization: v.authorization(t), Signature: common.FromHex(v.Signature)}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/eip3009-authorizations.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 12 {
		t.Fatalf("%d vectors, want 12", len(all))
	}
	return all
}

func TestVectors(t *testing.T) {
	for i, v := range vectors(t) {
		domain, a := v.domain(), v.authorization(t)
		known, ok := usdc.ByChainID(domain.ChainID)
		if !ok || known.Name != v.Network || known.Domain() != domain {
			t.Errorf("vector %d: the network's domain is %+v, the vector's %+v", i, known.Domain(), domain)
		}
		if got := Digest(domain, a); got != v.Digest {
			t.Errorf("vector %d: digest %s, want %s", i, got, v.Digest)
		}
		p, err := Sign(t.Context(), keySigner{v.PrivateKey}, domain, a)
		if err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
		if got := "0x" + hex.EncodeToString(p.Signature); got != v.Signature {
			t.Errorf("vector %d: signature %s, want %s", i, got, v.Signature)
		}
		signer, err := Recover(domain, a, common.FromHex(v.Signature))
		if err != nil || signer != a.From {
			t.Errorf("vector %d: recovered %s, %v; want %s", i, signer, err, a.From)
		}
	}
}

func TestRecoverTakesBothFormsOfV(t *testing.T) {
	v := vectors(t)[0]
	sig := common.FromHex(v.Signature)
	sig[64] -= 27
	if got, err := Recover(v.domain(), v.authorization(t), sig); err != nil || got != common.HexToAddress(v.Authorization.From) {
		t.Errorf("v %d: %s, %v", sig[64], got, err)
	}
}

func TestRecoverRefuses(t *testing.T) {
	v := vectors(t)[0]
	good := common.FromHex(v.Signature)
	order := crypto.S256().Params().N
	change := func(f func([]byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, sig := range map[string][]byte{
		"empty": nil,
		"short": good[:64],
		"long":  append(bytes.Clone(good), 0),
		"high s": change(func(b []byte) []byte {
			s := common.BytesToHash(b[32:64]).Big()
			s.Sub(order, s).FillBytes(b[32:64])
			b[64] = 27 + 28 - b[64]
			return b
		}),
		"v 29":   change(func(b []byte) []byte { b[64] = 29; return b }),
		"v 2":    change(func(b []byte) []byte { b[64] = 2; return b }),
		"r zero": change(func(b []byte) []byte { clear(b[:32]); return b }),
		"s zero": change(func(b []byte) []byte { clear(b[32:64]); return b }),
	} {
		if got, err := Recover(v.domain(), v.authorization(t), sig); err == nil {
			t.Errorf("%s: recovered %s", name, got)
		}
	}
}

// Changing any single field must make the signature somebody else's.
func TestEveryFieldIsSigned(t *testing.T) {
	v := vectors(t)[0]
	for name, change := range map[string]func(*Payment){
		"to":           func(p *Payment) { p.Authorization.To[19] ^= 1 },
		"from":         func(p *Payment) { p.Authorization.From[0] ^= 1 },
		"value":        func(p *Payment) { p.Authorization.Value++ },
		"valid after":  func(p *Payment) { p.Authorization.ValidAfter++ },
		"valid before": func(p *Payment) { p.Authorization.ValidBefore++ },
		"nonce":        func(p *Payment) { p.Authorization.Nonce[31] ^= 1 },
		"chain":        func(p *Payment) { p.Domain.ChainID = usdc.BaseSepolia },
		"token":        func(p *Payment) { p.Domain.Contract[0] ^= 1 },
		"name":         func(p *Payment) { p.Domain.Name = "USDC" },
		"version":      func(p *Payment) { p.Domain.Version = "1" },
		"signature":    func(p *Payment) { p.Signature[3] ^= 1 },
	} {
		p := v.payment(t)
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		change(&p)
		if err := p.Check(); !errors.Is(err, ErrAuthorization) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

func TestAuthorizationCheck(t *testing.T) {
	v := vectors(t)[0]
	domain := v.domain()
	for name, change := range map[string]func(*Authorization){
		"no payer":          func(a *Authorization) { a.From = common.Address{} },
		"to nobody":         func(a *Authorization) { a.To = common.Address{} },
		"to the token":      func(a *Authorization) { a.To = domain.Contract },
		"to the payer":      func(a *Authorization) { a.To = a.From },
		"no value":          func(a *Authorization) { a.Value = 0 },
		"negative":          func(a *Authorization) { a.Value = -1 },
		"before the epoch":  func(a *Authorization) { a.ValidAfter = -1 },
		"never valid":       func(a *Authorization) { a.ValidAfter = a.ValidBefore },
		"without validity":  func(a *Authorization) { a.ValidBefore = 0 },
		"without its nonce": func(a *Authorization) { a.Nonce = common.Hash{} },
	} {
		a := v.authorization(t)
		if err := a.Check(domain); err != nil {
			t.Fatal(err)
		}
		change(&a)
		if err := a.Check(domain); !errors.Is(err, ErrAuthorization) {
			t.Errorf("%s: %v", name, err)
		}
		if p, err := Sign(t.Context(), keySigner{v.PrivateKey}, domain, a); !errors.Is(err, ErrAuthorization) {
			t.Errorf("%s: signed %v, %v", name, p, err)
		}
	}
}

type badSigner struct {
	keySigner
	sig []byte
	err error
}

func (b badSigner) SignHash(context.Context, common.Hash) ([]byte, error) { return b.sig, b.err }

func TestSignRefuses(t *testing.T) {
	all := vectors(t)
	v, other := all[0], all[1]
	denied := errors.New("denied")
	for name, tt := range map[string]struct {
		signer Signer
		want   error
	}{
		"another key":           {keySigner{other.PrivateKey}, ErrAuthorization},
		"a key that is denied":  {badSigner{keySigner{v.PrivateKey}, nil, denied}, denied},
		"a signature of others": {badSigner{keySigner{v.PrivateKey}, common.FromHex(other.Signature), nil}, ErrAuthorization},
		"a short signature":     {badSigner{keySigner{v.PrivateKey}, []byte{1}, nil}, ErrAuthorization},
	} {
		if p, err := Sign(t.Context(), tt.signer, v.domain(), v.authorization(t)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// A signed authorization is a cheque: it must not show in prints and logs.
func TestSignatureNeverShows(t *testing.T) {
	v := vectors(t)[0]
	p := v.payment(t)
	outputs := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		outputs[verb] = fmt.Sprintf(verb, p)
		outputs[verb+" nested"] = fmt.Sprintf(verb, []any{&p, struct{ P Payment }{p}})
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("sending", "payment", p)
	slog.New(slog.NewTextHandler(&b, nil)).Info("sending", "payment", p)
	outputs["slog"] = b.String()
	digits := strings.TrimPrefix(v.Signature, "0x")
	for name, out := range outputs {
		if strings.Contains(out, digits[:20]) || strings.Contains(out, digits[64:84]) || strings.Contains(out, fmt.Sprintf("%d", p.Signature[:5])[1:10]) {
			t.Errorf("%s shows the signature: %s", name, out)
		}
		if !strings.Contains(out, v.Authorization.Nonce) {
			t.Errorf("%s does not name the payment: %s", name, out)
		}
	}
}
