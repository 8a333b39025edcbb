package network

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// base is where the protocol's paths begin, locally as in production.
const base = "/api"

// routes are the public paths and the function that answers each. In
// production a load balancer holds the same table; the other functions have
// no public path.
var routes = map[string]string{
	base + api.TasksPath:   "GetTasks",
	base + api.ResultsPath: "SubmitResults",
	base + api.StatusPath:  "WorkerStatus",
	base + api.LinkPath:    "LinkWallet",
}

// newRouter stands in front of the functions framework, as the load balancer
// does in production.
func newRouter(functions *url.URL, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	for path, function := range routes {
		mux.Handle(path, &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(functions)
				r.Out.URL.Path = "/" + function
				r.SetXForwarded()
			},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				log.WarnContext(r.Context(), "function did not answer", slog.String("function", function), slog.Any("error", err))
				answerError(w, http.StatusBadGateway, "the function did not answer; try again")
			},
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answerError(w, http.StatusNotFound, "no such path; the worker API is "+base+api.TasksPath+", "+base+api.ResultsPath+", "+base+api.StatusPath+" and "+base+api.LinkPath)
	})
	return mux
}

func answerError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.ErrorBody{Error: message})
}
