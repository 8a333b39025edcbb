// Package bucket is Cloud Storage for one machine: fake-gcs-server in this
// process, on a port.
package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// Options say where to listen and what the bucket holds at first.
type Options struct {
	Name    string            // of the bucket
	Objects map[string][]byte // name -> content
	More    []string          // names of further buckets, which are empty at first
	Listen  string            // host:port; default 127.0.0.1:0, any free port
}

// Server is a running Cloud Storage with its buckets.
type Server struct {
	Addr string // host:port, for STORAGE_EMULATOR_HOST

	fake *fakestorage.Server
	http *http.Server
	done chan error
}

// Start serves the buckets until Close.
func Start(ctx context.Context, o Options) (*Server, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cmp.Or(o.Listen, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	addr := ln.Addr().String()
	// The fake is told its address, so that both ways in which clients read an
	// object (JSON and XML API) find it by path.
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, Scheme: "http", PublicHost: addr, ExternalURL: "http://" + addr,
	})
	if err != nil {
		ln.Close()
		return nil, fmt.Errorf("bucket: starting fake-gcs-server: %w", err)
	}
	for _, name := range append([]string{o.Name}, o.More...) {
		fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: name})
	}
	for name, content := range o.Objects {
		fake.CreateObject(fakestorage.Object{
			ObjectAttrs: fakestorage.ObjectAttrs{BucketName: o.Name, Name: name},
			Content:     content,
		})
	}
	s := &Server{
		Addr: addr, fake: fake, done: make(chan error, 1),
		http: &http.Server{Handler: fake.HTTPHandler(), ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { s.done <- s.http.Serve(ln) }()
	return s, nil
}

// Put stores or replaces an object.
func (s *Server) Put(bucket, name string, content []byte) {
	s.fake.CreateObject(fakestorage.Object{
		ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: name},
		Content:     content,
	})
}

// Close stops the server; what it held is gone.
func (s *Server) Close() error {
	err := s.http.Close()
	if e := <-s.done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	s.fake.Stop()
	return err
}
