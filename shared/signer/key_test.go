package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// The first account of the well-known "test test ... junk" mnemonic.
const (
	testKey     = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
	testAddress = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
)

func mustKey(t *testing.T) *KeySigner {
	t.Helper()
	s, err := FromHex(testKey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFromHex(t *testing.T) {
	if got := mustKey(t).Address(); got != common.HexToAddress(testAddress) {
		t.Errorf("address %s, want %s", got, testAddress)
	}
	order := "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
	for name, text := range map[string]string{
		"empty":            "",
		"no 0x":            testKey[2:],
		"short":            testKey[:65],
		"long":             testKey + "0",
		"no hex":           testKey[:65] + "g",
		"zero":             "0x" + strings.Repeat("0", 64),
		"the order":        order,
		"space in front":   " " + testKey,
		"upper-case 0X":    "0X" + testKey[2:],
		"line break":       testKey + "\n",
		"a path":           "/run/secrets/treasury",
		"twice the prefix": "0x0x" + testKey[4:],
	} {
		s, err := FromHex(text)
		if err == nil {
			t.Errorf("%s: accepted as %s", name, s)
			continue
		}
		if len(text) > 8 && strings.Contains(err.Error(), text[4:]) {
			t.Errorf("%s: the error repeats the text: %v", name, err)
		}
	}
}

func TestFromFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if s, err := FromFile(write("good", testKey+"\n")); err != nil || s.Address() != common.HexToAddress(testAddress) {
		t.Errorf("good file: %v, %v", s, err)
	}
	for _, path := range []string{
		filepath.Join(dir, "missing"),
		dir,
		write("empty", ""),
		write("short", testKey[:50]),
		write("two", testKey+"\n"+testKey),
		write("huge", testKey+strings.Repeat(" ", 1<<20)),
	} {
		if _, err := FromFile(path); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), testKey[:20]) {
			t.Errorf("%s: the error should name the path and not its content: %v", path, err)
		}
	}
}

func TestKeySignHash(t *testing.T) {
	s := mustKey(t)
	for i := range 50 {
		hash := crypto.Keccak256Hash([]byte{byte(i)})
		sig, err := s.SignHash(context.Background(), hash)
		if err != nil {
			t.Fatal(err)
		}
		checkSignature(t, s.Address(), hash, sig)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.SignHash(ctx, common.Hash{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("signed for a cancelled context: %v", err)
	}
}

// checkSignature fails unless sig is 65 bytes, v 0 or 1, low s, and recovers to want.
func checkSignature(t *testing.T, want common.Address, hash common.Hash, sig []byte) {
	t.Helper()
	if len(sig) != 65 || sig[64] > 1 {
		t.Fatalf("signature %x is not r || s || v with v 0 or 1", sig)
	}
	r, s := common.BytesToHash(sig[:32]).Big(), common.BytesToHash(sig[32:64]).Big()
	if !crypto.ValidateSignatureValues(sig[64], r, s, true) {
		t.Errorf("signature %x: s is high", sig)
	}
	pub, err := crypto.SigToPub(hash[:], sig)
	if err != nil {
		t.Fatal(err)
	}
	if got := crypto.PubkeyToAddress(*pub); got != want {
		t.Errorf("recovers to %s, want %s", got, want)
	}
}

// The key must not show, whatever way the signer is printed, logged or encoded.
func TestKeyNeverShows(t *testing.T) {
	s := mustKey(t)
	outputs := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c"} {
		outputs[verb] = fmt.Sprintf(verb, s)
		outputs[verb+" nested"] = fmt.Sprintf(verb, struct{ S any }{s})
	}
	encoded, err := json.Marshal(struct{ Signer *KeySigner }{s})
	if err != nil {
		t.Fatal(err)
	}
	outputs["json"] = string(encoded)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("start", "signer", s, "in", []any{s})
		outputs[name] = b.String()
	}
	digits, decimal := testKey[2:], common.HexToHash(testKey).Big().String()
	for name, out := range outputs {
		if !strings.Contains(out, testAddress) {
			t.Errorf("%s: the address is missing: %s", name, out)
		}
		for _, secret := range []string{digits[:16], digits[48:], strings.ToUpper(digits[:16]), decimal[:16]} {
			if strings.Contains(out, secret) {
				t.Errorf("%s: shows the key: %s", name, out)
			}
		}
	}
	var none *KeySigner
	if got := fmt.Sprint(none); got != "signer(nil)" {
		t.Errorf("nil signer prints %q", got)
	}
}
