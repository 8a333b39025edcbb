// Package deployed has the functions that a build is for, a file for each. With
// the tags one_function and a function's name in lower case it is that function
// alone, as it is deployed; otherwise all of them.
//
// A process initialises all that it links before it serves, so what another
// function needs would be paid for by each start of this one.
package deployed

import (
	"context"
	"fmt"
	"net/http"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
)

// handlers are the functions of this build by name; the files' inits fill it,
// and nothing else writes it.
var handlers = map[string]http.HandlerFunc{}

// Handler is the named function; one that this build leaves out cannot start,
// and its log says why.
func Handler(name string) http.HandlerFunc {
	if h := handlers[name]; h != nil {
		return h
	}
	return web.Deployed(func(context.Context, func(string) (string, bool)) (http.Handler, error) {
		return nil, fmt.Errorf("%s is not in this build; build it with its own name in lower case beside the tag one_function, or without that tag", name)
	})
}
