// Package workerbench measures what the worker costs its user: memory, disk,
// start, CPU and bandwidth per check, beside a bare GET of the same target and
// the same loop in Node.
package workerbench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// bodySize is what a check's target answers with: a health page, not an asset.
const bodySize = 1024

// network is an API, and a target that speaks TLS, both in this process: what
// they compute is not the worker's. Bytes are counted on the connections.
type network struct {
	api, target string // URLs
	ca          string // the file of the authority that signed for the target
	bytes       atomic.Int64

	mu       sync.Mutex
	left     int // checks that are still to be handed out
	handed   int
	accepted int
	asked    chan time.Time // the first poll of each process
	done     chan struct{}  // closed when enough are accepted
	servers  []*http.Server
}

func newNetwork(ctx context.Context, dir string) (*network, error) {
	certificate, ca, err := certificates()
	if err != nil {
		return nil, err
	}
	n := &network{ca: filepath.Join(dir, "ca.pem"), asked: make(chan time.Time, 1)}
	if err := os.WriteFile(n.ca, ca, 0o644); err != nil {
		return nil, err
	}
	target := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), bodySize))
	})
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if n.target, err = n.serve(ctx, target, config); err != nil {
		return nil, err
	}
	n.api, err = n.serve(ctx, http.HandlerFunc(n.answer), nil)
	return n, err
}

func (n *network) serve(ctx context.Context, h http.Handler, config *tls.Config) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	scheme, counted := "http://", net.Listener(countingListener{l, &n.bytes})
	if config != nil {
		scheme, counted = "https://", tls.NewListener(counted, config)
	}
	// Workers are killed in mid-exchange: that is nothing to tell.
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	n.servers = append(n.servers, s)
	go func() { _ = s.Serve(counted) }() // ends when close closes it
	return scheme + l.Addr().String(), nil
}

func (n *network) close() {
	for _, s := range n.servers {
		s.Close()
	}
}

// begin makes that many checks due.
func (n *network) begin(checks int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left, n.handed, n.accepted, n.done = checks, 0, 0, make(chan struct{})
	n.bytes.Store(0)
	select {
	case <-n.asked:
	default:
	}
}

// answer is the API: tasks while any are due, and every signed result accepted.
func (n *network) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api"+api.TasksPath {
		select {
		case n.asked <- time.Now():
		default:
		}
		_ = json.NewEncoder(w).Encode(n.tasks())
		return
	}
	results, _, err := api.DecodeResults(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer := api.SubmitResponse{Earned: "0.000000"}
	for _, result := range results {
		o := api.Outcome{TaskID: result.TaskID, Status: api.Accepted}
		if v := api.Verify(result); v.Code != "" || !result.Success {
			o = api.Outcome{TaskID: result.TaskID, Status: api.Rejected, Code: api.InvalidSignature}
		} else {
			answer.Accepted++
		}
		answer.Results = append(answer.Results, o)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.accepted < n.goal()
	if n.accepted += answer.Accepted; before && n.left == 0 && n.accepted >= n.goal() {
		close(n.done)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// goal is how many results are expected. On a busy machine a check may fail, or
// be withheld by a worker that doubts itself: one in fifty is no matter.
func (n *network) goal() int { return max(1, (n.handed+n.left)*49/50) }

func (n *network) tasks() []api.Task {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := []api.Task{}
	for ; n.left > 0 && len(list) < api.MaxBatch; n.left-- {
		n.handed++
		list = append(list, api.Task{ID: fmt.Sprintf("task_%d", n.handed), Type: api.HTTPCheck, URL: n.target, ExpectedStatus: 200, TimeoutMs: 10000, RewardMicros: 100})
	}
	return list
}

// countingListener counts what its connections carry, both ways.
type countingListener struct {
	net.Listener
	bytes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c, l.bytes}, nil
}

type countingConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// certificates are a chain as public sites have it: an authority of its own,
// an intermediate, and an RSA key.
func certificates() (tls.Certificate, []byte, error) {
	rootKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	middleKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leafKey, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		return tls.Certificate{}, nil, err
	}
	template := func(serial int64, name string, isCA bool) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name, Organization: []string{"Measuring the worker"}},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: isCA, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
	}
	root, middle, leaf := template(1, "root", true), template(2, "intermediate", true), template(3, "127.0.0.1", false)
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	rootDER, err1 := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	middleDER, err2 := x509.CreateCertificate(rand.Reader, middle, root, middleKey.Public(), rootKey)
	leafDER, err3 := x509.CreateCertificate(rand.Reader, leaf, middle, leafKey.Public(), middleKey)
	return tls.Certificate{Certificate: [][]byte{leafDER, middleDER}, PrivateKey: leafKey},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), errors.Join(err1, err2, err3)
}
