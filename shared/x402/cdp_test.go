package x402

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var callTime = time.Unix(1_800_000_000, 0)

func clock() time.Time { return callTime }

// cdpKeys are an API key's secrets in every form the platform hands out, each
// with the public key that must verify its tokens.
func cdpKeys(t *testing.T) map[string]struct {
	secret, alg string
	public      crypto.PublicKey
} {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := ecKey(t, elliptic.P256())
	sec1, pkcs8 := ecPEMs(t, ec)
	return map[string]struct {
		secret, alg string
		public      crypto.PublicKey
	}{
		"Ed25519":           {base64.StdEncoding.EncodeToString(private), "EdDSA", public},
		"Ed25519, newline":  {base64.StdEncoding.EncodeToString(private) + "\n", "EdDSA", public},
		"ES256 SEC1":        {sec1, "ES256", &ec.PublicKey},
		"ES256 PKCS8":       {pkcs8, "ES256", &ec.PublicKey},
		"ES256 on one line": {strings.ReplaceAll(sec1, "\n", `\n`), "ES256", &ec.PublicKey},
	}
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecPEMs(t *testing.T, key *ecdsa.PrivateKey) (sec1, pkcs8 string) {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	der8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der8}))
}

func TestCDPToken(t *testing.T) {
	const id = "organizations/o/apiKeys/k"
	for name, k := range cdpKeys(t) {
		t.Run(name, func(t *testing.T) {
			c, err := NewCDP(id, k.secret, clock)
			if err != nil {
				t.Fatal(err)
			}
			nonces := map[any]bool{}
			for range 3 {
				r := httptest.NewRequest(http.MethodPost, "https://api.cdp.coinbase.com/platform/v2/x402/settle", nil)
				if err := c.Authorize(r); err != nil {
					t.Fatal(err)
				}
				text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
				if !ok {
					t.Fatalf("Authorization: %q", r.Header.Get("Authorization"))
				}
				token, err := jwt.Parse(text, func(*jwt.Token) (any, error) { return k.public, nil },
					jwt.WithValidMethods([]string{k.alg}), jwt.WithTimeFunc(clock), jwt.WithJSONNumber())
				if err != nil {
					t.Fatal(err)
				}
				nonce := token.Header["nonce"]
				wantHeader := map[string]any{"alg": k.alg, "kid": id, "typ": "JWT", "nonce": nonce}
				if s, _ := nonce.(string); len(s) != 32 || nonces[nonce] || !reflect.DeepEqual(token.Header, wantHeader) {
					t.Errorf("header %v, want %v with a fresh nonce", token.Header, wantHeader)
				}
				nonces[nonce] = true
				want := jwt.MapClaims{
					"sub": id, "iss": "cdp",
					"nbf": json.Number("1800000000"), "iat": json.Number("1800000000"), "exp": json.Number("1800000120"),
					"uris": []any{"POST api.cdp.coinbase.com/platform/v2/x402/settle"},
				}
				if !reflect.DeepEqual(token.Claims, want) {
					t.Errorf("claims %v, want %v", token.Claims, want)
				}
			}
		})
	}
}

// Every call of the client carries its own token, for its own path.
func TestClientSignsEveryCall(t *testing.T) {
	var seen []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		token, _, err := jwt.NewParser().ParseUnverified(text, jwt.MapClaims{})
		if err != nil {
			t.Errorf("%s: %v", r.URL, err)
			return
		}
		uri := token.Claims.(jwt.MapClaims)["uris"].([]any)[0].(string)
		if want := r.Method + " " + r.Host + r.URL.Path; uri != want {
			t.Errorf("token for %q, call %q", uri, want)
		}
		seen = append(seen, text)
		_, _ = io.WriteString(w, `{"isValid":true,"success":true,"transaction":"`+hashText+`"}`)
	}))
	defer server.Close()
	cdp, err := NewCDP("k", cdpKeys(t)["Ed25519"].secret, clock)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, Options{URL: server.URL + "/platform/v2/x402", Auth: cdp, Transport: server.Client().Transport})
	p := vectors(t)[0].payment(t)
	for range 2 {
		if o := c.Settle(t.Context(), p); o.Kind != Settled {
			t.Errorf("%+v", o)
		}
	}
	if _, err := c.Verify(t.Context(), p); err != nil {
		t.Error(err)
	}
	if _, err := c.Supported(t.Context()); err != nil {
		t.Error(err)
	}
	for i, a := range seen {
		for _, b := range seen[:i] {
			if a == b {
				t.Error("a token was used twice")
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d calls, want 4", len(seen))
	}
}

func TestNewCDPRefuses(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte{}, private...)
	damaged[5] ^= 1
	p384, _ := ecPEMs(t, ecKey(t, elliptic.P384()))
	edDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	edPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: edDER}))
	good := base64.StdEncoding.EncodeToString(private)
	for name, tt := range map[string]struct{ id, secret string }{
		"no id":           {"", good},
		"no secret":       {"k", ""},
		"32 bytes":        {"k", base64.StdEncoding.EncodeToString(private[:32])},
		"damaged":         {"k", base64.StdEncoding.EncodeToString(damaged)},
		"no base64":       {"k", good[:80] + "*!"},
		"P-384":           {"k", p384},
		"Ed25519 in PEM":  {"k", edPEM},
		"broken PEM":      {"k", "-----BEGIN EC PRIVATE KEY-----\nAAAA"},
		"PEM without key": {"k", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"},
	} {
		c, err := NewCDP(tt.id, tt.secret, clock)
		if err == nil {
			t.Errorf("%s: accepted as %v", name, c)
		} else if len(tt.secret) > 30 && strings.Contains(err.Error(), tt.secret[10:30]) {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

func TestCDPHidesItsKey(t *testing.T) {
	k := cdpKeys(t)["Ed25519"]
	c, err := NewCDP("key-id", k.secret, clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, c); got != "cdp(key-id)" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}
