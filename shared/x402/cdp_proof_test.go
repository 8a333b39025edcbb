package x402

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The tokens are verified by hand, as RFC 7515 and RFC 7518 have it, and not by
// the library that makes them.
func TestCDPTokenByHand(t *testing.T) {
	for name, k := range cdpKeys(t) {
		c, err := NewCDP("k", k.secret, clock)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "https://api.cdp.coinbase.com/platform/v2/x402/settle", nil)
		if err := c.Authorize(r); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		end := strings.LastIndexByte(text, '.')
		signed := []byte(text[:end])
		signature, err := base64.RawURLEncoding.DecodeString(text[end+1:])
		if err != nil || len(signature) != 64 {
			t.Fatalf("%s: signature of %d bytes, %v", name, len(signature), err)
		}
		good := func(signed []byte) bool {
			if key, ok := k.public.(ed25519.PublicKey); ok {
				return ed25519.Verify(key, signed, signature)
			}
			digest := sha256.Sum256(signed)
			return ecdsa.Verify(k.public.(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		}
		if !good(signed) || good(append(signed, 'x')) {
			t.Errorf("%s: the signature does not verify, or verifies anything", name)
		}
	}
}
