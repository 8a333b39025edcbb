package x402

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenLife is how long one call's token is good for.
const tokenLife = 120 * time.Second

// CDP signs calls for Coinbase's Developer Platform with an API key: every
// call carries its own JSON Web Token (RFC 7519). The key does not show when
// it is printed.
type CDP struct {
	keyID  string
	key    crypto.Signer
	method jwt.SigningMethod
	now    func() time.Time
}

// NewCDP reads an API key: its id, and its secret as the platform hands it
// out, either Ed25519 (base64 of 64 bytes) or ES256 (a PEM EC key; line breaks
// may be written as \n). now is the clock, time.Now in production.
func NewCDP(keyID, secret string, now func() time.Time) (*CDP, error) {
	if keyID == "" {
		return nil, errors.New("x402: the CDP API key has no id; set CDP_API_KEY_ID")
	}
	c := &CDP{keyID: keyID, now: now}
	secret = strings.TrimSpace(secret)
	if strings.HasPrefix(secret, "-----BEGIN") {
		key, err := parseES256(strings.ReplaceAll(secret, `\n`, "\n"))
		if err != nil {
			return nil, err
		}
		c.key, c.method = key, jwt.SigningMethodES256
		return c, nil
	}
	key, err := parseEd25519(secret)
	if err != nil {
		return nil, err
	}
	c.key, c.method = key, jwt.SigningMethodEdDSA
	return c, nil
}

var errCDPSecret = errors.New("x402: the CDP API key's secret is neither base64 of a 64-byte Ed25519 key nor a PEM P-256 key; copy it again to CDP_API_KEY_SECRET")

func parseEd25519(secret string) (ed25519.PrivateKey, error) {
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != ed25519.PrivateKeySize {
		return nil, errCDPSecret
	}
	// The second half repeats the public key: a cheap proof that nothing is damaged.
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !key.Equal(ed25519.PrivateKey(raw)) {
		return nil, errCDPSecret
	}
	return key, nil
}

func parseES256(text string) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errCDPSecret
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errCDPSecret
		}
		key, _ = parsed.(*ecdsa.PrivateKey)
	}
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errCDPSecret
	}
	return key, nil
}

// Authorize puts a fresh token on the request, good for this method, host and
// path for two minutes.
func (c *CDP) Authorize(r *http.Request) error {
	now := c.now()
	token := jwt.NewWithClaims(c.method, jwt.MapClaims{
		"sub":  c.keyID,
		"iss":  "cdp",
		"nbf":  now.Unix(),
		"iat":  now.Unix(),
		"exp":  now.Add(tokenLife).Unix(),
		"uris": []string{r.Method + " " + r.URL.Host + r.URL.Path},
	})
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	token.Header["kid"] = c.keyID
	token.Header["nonce"] = hex.EncodeToString(nonce)
	signed, err := token.SignedString(c.key)
	if err != nil {
		return fmt.Errorf("x402: signing a CDP token: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+signed)
	return nil
}

// Format shows the key's id alone, whatever the verb.
func (c *CDP) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "cdp("+c.keyID+")") }
