package loadtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/BlockRunAI/worker-network/functions/gettasks"
	"github.com/BlockRunAI/worker-network/functions/submitresults"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/config"
)

// instances are several of each public function, each made by itself as in the
// cloud, with a Spanner client of its own; they take turns.
type instances struct {
	base   string
	server *http.Server
}

// startInstances makes n of each, from the environment that the network has
// set.
func startInstances(ctx context.Context, n int) (*instances, error) {
	mux := http.NewServeMux()
	for path, build := range map[string]func(context.Context, config.Lookup) (http.Handler, error){
		api.TasksPath: gettasks.Build, api.ResultsPath: submitresults.Build,
	} {
		some := make([]http.Handler, n)
		for i := range some {
			var err error
			if some[i], err = build(context.WithoutCancel(ctx), os.LookupEnv); err != nil {
				return nil, fmt.Errorf("loadtest: instance %d for %s: %w", i+1, path, err)
			}
		}
		var turn atomic.Int64
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			some[turn.Add(1)%int64(n)].ServeHTTP(w, r)
		})
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("loadtest: %w", err)
	}
	i := &instances{base: "http://" + ln.Addr().String(), server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = i.server.Serve(ln) }() // until stop
	return i, nil
}

func (i *instances) stop() { _ = i.server.Close() }
