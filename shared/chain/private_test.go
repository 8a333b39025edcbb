package chain

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/rpc"
)

func TestPrivateParts(t *testing.T) {
	for text, want := range map[string][]string{
		"https://sepolia.base.org":                          nil,
		"https://node.example/v2/abcdefgh1234":              {"abcdefgh1234"},
		"https://node.example/rpc?apikey=12345678&x=1":      {"12345678"},
		"https://username:passw0rd@node.example/v2":         {"username", "passw0rd"},
		"https://node.example/v2/abcdefgh%2F1234?key=a%20b": {"abcdefgh%2F1234", "abcdefgh"},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := privateParts(u); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// A node that quotes the URL that it was asked by, as a status or as an error
// of its own, gives no key away.
func TestWhatANodeQuotesIsHidden(t *testing.T) {
	for _, body := range []string{"no upstream for ", `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"bad path `} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(body, "{") {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, body+r.URL.Path+`"}}`)
				return
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, body+r.URL.Path)
		}))
		limits := DefaultLimits()
		limits.Tries, limits.Backoff = 1, time.Millisecond
		_, err := DialWith(context.Background(), server.URL+"/v2/NODE-KEY-5ecre7", 84532, limits)
		server.Close()
		if err == nil || strings.Contains(err.Error(), "NODE-KEY") || !strings.Contains(err.Error(), "[hidden]") {
			t.Errorf("%v", err)
		}
		var status rpc.HTTPError
		var coded rpc.Error
		if !errors.As(err, &status) && !errors.As(err, &coded) {
			t.Errorf("%v is not the node's error any more", err)
		}
	}
}
